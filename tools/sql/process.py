"""DuckDB in worker processes on this machine, from the side of the service that owns them."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from ..errors import QueryError, QueryTimeout
from ..scratch import ScratchFolder
from .catalog import Catalog
from .dialect import translate
from .engines.base import WorkerGone
from .frames import Frame, Header, read_frame, write_frame

if TYPE_CHECKING:
    from sqlglot import exp

_CHUNK = 1 << 20
_ADVICE = {
    "because it is not a struct": "(A field of every element of an array: transform(spans, s -> s.name).)",
    "explicit cast is required": "(Tags, metadata and attributes are STRING: CAST(tags['n'] AS BIGINT).)",
    "invalid perl operator": "(Patterns have no look-around here.)",
}
"""What the engine says, and what to write instead."""


@dataclass(frozen=True)
class LocalEngine:
    """DuckDB over the snapshot's files, each query in a worker process of its own."""

    memory_mb: int = 2048
    """What one query may allocate, MiB."""

    def translate(self, query: "exp.Query") -> str:
        """The query in DuckDB's dialect."""
        return translate(query)

    def cluster(self) -> None:
        """None: it reads files."""
        return

    def publish(self, catalog: Catalog, progress: Callable[[int, int], None]) -> None:
        """Nothing: workers read the files where they are."""
        del catalog, progress

    def start(self) -> "WorkerProcess":
        """Starts a worker process."""
        return WorkerProcess(memory_mb=self.memory_mb)


LOCAL = LocalEngine()
"""What answers where nothing else is asked for."""


class WorkerProcess:
    """A worker process, started when made. One thread at a time talks to it; `kill` may come from any."""

    def __init__(self, *, memory_mb: int) -> None:
        """Starts the process.

        Args:
            memory_mb: What its engine may allocate, MiB.
        """
        self._scratch = ScratchFolder()
        self._opened: Catalog | None = None
        self._clean = True  # no answer is under way
        self._process = subprocess.Popen(
            # -P: nothing is imported from whatever folder the user stands in.
            [sys.executable, "-P", "-m", "analyze_experiment.tools.sql.worker", str(memory_mb), str(self._scratch.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the service to handle
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def run(self, sql: str, catalog: Catalog, *, timeout_s: float, max_rows: int) -> pa.Table:
        """The result of a query in the engine's dialect.

        Raises:
            QueryTimeout: Over its time, after which the worker is killed, or over its memory.
            QueryError: The engine can't answer it.
            WorkerGone: The process ended.
        """
        return pa.Table.from_batches(self._answer({"kind": "query", "max_rows": max_rows}, sql, catalog, timeout_s).batches)

    def keep(self, sql: str, catalog: Catalog, name: str, *, timeout_s: float, max_bytes: int) -> bool:
        """Has the rows of a query written to a file of the catalog's folder of intermediate results.

        Raises:
            What `run` raises.
        """
        request: Header = {"kind": "keep", "name": name, "max_bytes": max_bytes}
        return bool(self._answer(request, sql, catalog, timeout_s).header["kept"])

    @property
    def usable(self) -> bool:
        """Whether another query may be given to it: it lives, and owes no answer."""
        return self._clean and self._process.poll() is None

    def kill(self) -> None:
        """Ends the process at once; the thread that waits for it gets `WorkerGone`."""
        self._process.kill()

    def reap(self) -> None:
        """Ends the process, if need be, and gives back its pipes and its folder."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        self._scratch.close()

    def _answer(self, request: Header, sql: str, catalog: Catalog, timeout_s: float) -> "_Answer":
        """The answer to a request, over the catalog, in time."""
        deadline = time.monotonic() + timeout_s
        try:
            if self._opened != catalog:
                self._ask({"kind": "open"}, catalog.to_json(), deadline)
                self._opened = catalog
            return self._ask(request, sql, deadline)
        except (EOFError, BrokenPipeError) as error:
            raise WorkerGone(self._ending()) from error
        except TimeoutError as error:
            self.kill()
            raise QueryTimeout(
                f"The query ran longer than {timeout_s:g} s and was stopped: narrow it with WHERE, or aggregate first."
            ) from error

    def _ask(self, header: Header, payload: str, deadline: float) -> "_Answer":
        """Sends one request and gathers the batches of its answer."""
        assert self._process.stdin is not None
        self._clean = False
        write_frame(self._process.stdin, header, payload.encode())
        batches: list[pa.RecordBatch] = []
        while True:
            frame = read_frame(lambda count: self._read(count, deadline))
            if frame.header["kind"] == "done":
                self._clean = True
                return _Answer(frame.header, batches)
            if frame.header["kind"] == "error":
                self._clean = frame.header["error"] != "memory"  # after that an engine may not be whole
                raise _error_of(frame)
            batches.extend(pa.ipc.open_stream(pa.py_buffer(frame.payload)))

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
        pieces: list[bytes] = []
        while count:
            remaining_ms = (deadline - time.monotonic()) * 1000
            if remaining_ms <= 0 or not poll.poll(remaining_ms):
                raise TimeoutError
            piece = os.read(descriptor, min(count, _CHUNK))
            if not piece:
                raise EOFError
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _ending(self) -> str:
        code = self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


class _Answer(NamedTuple):
    """What a worker gave: the header of its last frame, and its rows."""

    header: Header
    batches: list[pa.RecordBatch]


def _error_of(frame: Frame) -> QueryError:
    message = str(frame.header["message"]).replace("spark_", "")
    if frame.header["error"] == "memory":
        return QueryTimeout(
            f"The query needs more memory than it may have: narrow it with WHERE, or aggregate first. ({message})"
        )
    hint = next((f" {advice}" for said, advice in _ADVICE.items() if said in message), "")
    return QueryError(f"The query can't be answered: {message}{hint}")
