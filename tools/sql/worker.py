"""The process in which queries run: `python -m analyze_experiment.tools.sql.worker`, driven over its standard streams.

A process of its own because only a process can be stopped at any moment: a query may be in a call that heeds no interrupt. It
starts in a fraction of a second, so it must import neither mlflow nor sqlglot nor scipy. It ends when its standard input does,
also in the middle of a query, so it can't outlive the service; then it removes what it and the service's other workers have put
aside on disk, which holds rows of traces, because the service that would do so was killed.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import os
import queue
import resource
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

import duckdb
import pyarrow as pa

# Arrow's casts would import it late, when there may be no memory left to map it.
import pyarrow.compute  # pyright: ignore[reportUnusedImport]

from .catalog import Catalog
from .engines.duckdb import DuckDBEngine
from .frames import Frame, Header, read_frame, write_frame

_MESSAGE_LIMIT = 1_000


def main() -> None:
    """Answers requests until standard input ends. Arguments: memory in MiB, and a folder for what doesn't fit."""
    memory_mb, folder = int(sys.argv[1]), Path(sys.argv[2])
    scratch = Path(tempfile.mkdtemp(prefix="spilled-", dir=folder))  # all that may be removed, whatever folder was given
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else may be printed must not come between the frames
    engine = DuckDBEngine(memory_mb=memory_mb, scratch=scratch)
    requests: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def leave() -> NoReturn:
        shutil.rmtree(scratch, ignore_errors=True)
        if engine.intermediate is not None:
            shutil.rmtree(engine.intermediate, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # no more than an empty one
        os._exit(0)

    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests, leave), daemon=True).start()
    while True:
        request = requests.get()
        _answer(engine, request, answers)
        if request.header["kind"] == "open":
            limit_memory(memory_mb)


def limit_memory(memory_mb: int) -> None:
    """Bounds the address space: what is mapped already, and half as much again as the engine may allocate, and 512 MiB.

    The engine keeps to its own limit mostly; this is for what it doesn't count. Where the system has no such limit, the engine's
    own remains.
    """
    try:
        mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        allowed = mapped + memory_mb * 3 // 2 * 2**20 + 512 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (allowed, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (OSError, ValueError):
        return


def _listen(stream: IO[bytes], requests: "queue.SimpleQueue[Frame]", leave: Callable[[], NoReturn]) -> None:
    """Passes requests on; ends the process at once when there will be no more, whatever it is doing."""

    def read(count: int) -> bytes:
        data = stream.read(count)
        if len(data) < count:
            leave()
        return data

    while True:
        requests.put(read_frame(read))


def _answer(engine: DuckDBEngine, request: Frame, answers: IO[bytes]) -> None:
    try:
        done: Header = {"kind": "done"}
        match request.header["kind"]:
            case "open":
                engine.open(Catalog.from_json(request.payload.decode()))
            case "keep":
                name, max_bytes = str(request.header["name"]), int(request.header["max_bytes"])
                done["kept"] = engine.keep(request.payload.decode(), name, max_bytes=max_bytes)
            case _:
                _send_rows(engine, request, answers)
        write_frame(answers, done)
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError) as error:
        _send_error(answers, "memory", error)
    except (duckdb.Error, pa.ArrowInvalid) as error:
        _send_error(answers, "query", error)


def _send_rows(engine: DuckDBEngine, request: Frame, answers: IO[bytes]) -> None:
    """The rows, batch by batch; one more than allowed is an error."""
    rows, max_rows = 0, int(request.header["max_rows"])
    for batch in engine.stream(request.payload.decode()):
        rows += batch.num_rows
        if rows > max_rows:
            raise duckdb.InvalidInputException(f"more than {max_rows:,} rows: aggregate, or put LIMIT behind ORDER BY")
        write_frame(answers, {"kind": "batch"}, _as_ipc(batch))


def _as_ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _send_error(answers: IO[bytes], kind: str, error: BaseException) -> None:
    """The message without the excerpt of SQL: it is in DuckDB's dialect, which nobody wrote."""
    message = str(error).split("\n\nLINE ")[0]
    write_frame(answers, {"kind": "error", "error": kind, "message": " ".join(message.split())[:_MESSAGE_LIMIT]})


if __name__ == "__main__":
    main()
