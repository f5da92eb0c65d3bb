"""The processes that copy windows (`worker.py`), and how work is handed to them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from threading import Event, Lock
from typing import IO, NamedTuple, Self, TypeVar, cast

from .. import errors
from ..errors import AnalyzeError, StoreError
from .extract import Extractor
from .manifest import Window
from .sources.base import Bound, Key, Standing
from .sources.choose import is_waited_for, open_source
from .surveying import Differences, Piece
from .worker import attend

NEAR_WINDOW = 1_000
"""Traces of a window that comes slowly: little is lost when it breaks off, and much of the way is shown."""
WORKERS = min(os.cpu_count() or 1, 4)
"""One a core; each takes up to 0.7 GB, and four at once are as much as a store in use should bear."""
MEMORY_KEPT = {
    "DUCKDB_JE_MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1",  # DuckDB's jemalloc
    "MIMALLOC_PURGE_DELAY": "-1",  # Arrow's
    "MALLOC_TRIM_THRESHOLD_": str(2**30),  # glibc's, that the drivers use
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
}
"""What has a worker's allocators keep what a window needed for the next one: else the system clears its pages again for each,
which took a quarter of the processor's time."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Answer = dict[str, object]


class State(NamedTuple):
    """How the traces of a range are in their source."""

    fingerprint: str
    """Empty where `glance` is known."""
    glance: str
    traces: int


class Worker:
    """One process, and the questions that it answers."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        self.complaints = TemporaryFile()  # noqa: SIM115  # open as long as the process lives
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env={**os.environ, **MEMORY_KEPT},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the process in charge, which ends this one
        )
        self.requests = cast(IO[str], self.process.stdin)
        self.answers = cast(IO[str], self.process.stdout)
        self._say({"uri": uri, "experiment_id": experiment_id})

    def identity(self) -> str:
        """What a copy belongs to."""
        return cast(str, self._ask(do="identity")["identity"])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order."""
        found = self._ask(do="bounds", low=low, high=high, size=size)["bounds"]
        return [Bound(Key(*key), traces) for key, traces in cast(list[tuple[tuple[int, str], int]], found)]

    def count(self, until_ms: int) -> int | None:
        """How many traces the store itself counts up to then, where it does."""
        return cast("int | None", self._ask(do="count", until_ms=until_ms)["count"])

    def check(self, low: Key, high: Key, known: str) -> State:
        """How a range is now; without its fingerprint if its rows have the digest that is `known`."""
        answer = self._ask(do="check", low=low, high=high, glance=known)
        return State(cast(str, answer["fingerprint"]), cast(str, answer["glance"]), cast(int, answer["traces"]))

    def standing(self) -> Standing | None:
        """How the store's tables stand, where they can be read from end to end."""
        found = self._ask(do="standing")["standing"]
        return None if found is None else Standing(*cast("tuple[int, dict[str, int], list[str], str]", found))

    def version(self) -> int:
        """Another number than before if anybody has written to the store since."""
        return cast(int, self._ask(do="version")["version"])

    def made_under(self, runs: Sequence[str]) -> Differences:
        """The traces that were made under these runs."""
        return Differences(set(cast("list[str]", self._ask(do="made under", runs=runs)["trace_ids"])))

    def survey_rows(self, pieces: Sequence[Piece], folder: Path, *, compared: bool) -> tuple[list[Piece], Differences]:
        """The pieces as they are now, and what differs; which traces there are in them is kept in the folder."""
        answer = self._ask(do="survey rows", pieces=pieces, folder=str(folder), compared=compared)
        now = cast("list[tuple[str, int, int, str, str, str]]", answer["pieces"])
        return [Piece(*each) for each in now], Differences.from_json(answer)

    def copy(self, low: Key, high: Key, folder: str) -> Iterator[tuple[Window, Key]]:
        """Copies a range; yields each piece, and where it ends, once its files are there."""
        answer = self._ask(do="copy", low=low, high=high, folder=folder)
        while answer:
            window, end = cast(Mapping[str, object], answer["window"]), cast(tuple[int, str], answer["high"])
            yield Window.from_json(window), Key(*end)
            answer = self._answer()

    def close(self) -> None:
        """Ends the process and waits for it."""
        self.process.kill()
        with suppress(BrokenPipeError):
            self.requests.close()
        self.answers.close()
        self.process.wait()
        self.complaints.close()

    def _ask(self, **request: object) -> Answer:
        self._say(request)
        return self._answer()

    def _say(self, request: Mapping[str, object]) -> None:
        with suppress(BrokenPipeError):  # it ended; what it said last tells why
            self.requests.write(json.dumps(request) + "\n")
            self.requests.flush()

    def _answer(self) -> Answer:
        line = self.answers.readline()
        if not line:
            raise StoreError(f"Copying the traces broke off. Run again; it goes on where it stopped. ({self._last_complaint()})")
        answer = cast(Answer, json.loads(line))
        if "error" in answer:
            kind = cast(type[AnalyzeError], getattr(errors, cast(str, answer["kind"])))
            raise kind(answer["error"])
        return answer

    def _last_complaint(self) -> str:
        self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), f"exit code {self.process.returncode}")


class NearWorker(Worker):
    """A worker in this process, for a store that is waited for more than worked on: it needs no second copy of MLflow."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        self.source, self.extractor = open_source(uri, experiment_id), Extractor()
        self.rest: Iterator[object] = iter(())
        self.busy = Lock()

    def close(self) -> None:
        """Ends what is under way, and waits for that."""
        self.source.stop()
        self.extractor.interrupt()
        with self.busy:
            self.source.close()
            self.extractor.close()

    def _ask(self, **request: object) -> Answer:
        self.rest = attend(self.source, self.extractor, json.loads(json.dumps(request)))
        return self._answer()

    def _answer(self) -> Answer:
        with self.busy:
            return cast(Answer, json.loads(json.dumps(next(self.rest))))


@dataclass
class Workers:
    """As many workers as there is work for; at least one is there from the beginning."""

    uri: str
    experiment_id: str
    all_at_once: bool = False
    """Whether all will probably be needed: they start together then, because a start takes as long as half a window."""

    def __post_init__(self) -> None:
        self.near = is_waited_for(self.uri)
        """Whether one in this process does better than several of their own: it asks for many things at once itself."""
        self.most = 1 if self.near else WORKERS
        self.started = [self._start() for _ in range(self.most if self.all_at_once else 1)]

    @property
    def window_traces(self) -> int | None:
        """The most traces that a new window may have, where the kind of store says that."""
        return NEAR_WINDOW if self.near else None

    def count(self, until_ms: int) -> int | None:
        """How many traces the store itself counts up to then, where it does."""
        return self.started[0].count(until_ms)

    @cached_property
    def identity(self) -> str:
        """What a copy belongs to."""
        return self.started[0].identity()

    def standings(self) -> list[Standing | None]:
        """How the store's tables stand, as each worker sees it."""
        return [worker.standing() for worker in self.started]

    def each(self, work: Callable[[Worker, Item], Iterable[Result]], items: Sequence[Item]) -> Iterator[Result]:
        """What the work on each item yields, as it comes; items are begun in order, several at a time."""
        waiting: SimpleQueue[Item] = SimpleQueue()
        for item in items:
            waiting.put(item)
        results: SimpleQueue[tuple[Result] | None] = SimpleQueue()
        stop = Event()

        def toil(worker: Worker) -> None:
            try:
                with suppress(Empty):
                    while not stop.is_set():
                        for result in work(worker, waiting.get_nowait()):
                            results.put((result,))
            finally:
                results.put(None)

        pool = ThreadPoolExecutor(self.most)
        futures = [pool.submit(toil, worker) for worker in self._staff(len(items))]
        try:
            yield from until_all_end(results, len(futures))
            for future in futures:
                future.result()
        finally:
            stop.set()
            pool.shutdown(wait=False)

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.started:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _staff(self, items: int) -> list[Worker]:
        while len(self.started) < min(items, self.most):
            self.started.append(self._start())
        return self.started[: min(items, self.most)]

    def _start(self) -> Worker:
        return (NearWorker if self.near else Worker)(self.uri, self.experiment_id)


def until_all_end(results: "SimpleQueue[tuple[Result] | None]", senders: int) -> Iterator[Result]:
    """The results until each sender has sent its None."""
    while senders:
        match results.get():
            case (result,):
                yield result
            case _:
                senders -= 1
