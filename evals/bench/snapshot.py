"""How fast a snapshot is against paging the same traces through MLflow's client: builds a store, measures, prints a table.

Both sides read the same store (`trace_store.py`) in the same run, the best of some repeats each. Paging is measured over the
first traces that it gives, in three ways: as it is; with every span's inputs, outputs and attributes looked at, which is what a
snapshot has done when it is there; and into a pandas frame, as `mlflow.search_traces` gives it. MLflow's pages cost more the
further on they are, so `--paged 0` favours the copy. Beside the seconds of the clock stand those of the processor, of all
processes: they change less with what else the machine does. Memory is the largest sum of what the copying processes had at one
moment and what this process, which holds MLflow, had grown by. The yardsticks are the file read from beginning to end, and the
contents of all spans read by SQLite alone. A store that is found in the folder is used as it is; the refresh adds to it.
"""

import argparse
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from threading import Event, Thread
from typing import Literal

from analyze_experiment.evals.bench.trace_store import Store, add_traces, change_traces, create_store, open_store
from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tests.database_servers import mariadb, postgres
from analyze_experiment.tests.mlflow_servers import mlflow_server
from analyze_experiment.tests.tools.traces.database_copies import copy_database
from analyze_experiment.tools.traces.snapshot import take_snapshot

PAGED_TRACES = 3_000
PAGE = 500
NEW_TRACES = 1_000
REPEATS = 3
LOOK_S = 0.1
CHUNK = 2**20


Way = Literal["", ", spans looked at", ", into pandas"]
WAYS: tuple[Way, ...] = ("", ", spans looked at", ", into pandas")


@dataclass(frozen=True)
class Timing:
    """How long something took over how many traces."""

    what: str
    traces: int
    seconds: float
    processor_seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Traces a second."""
        return self.traces / self.seconds

    @property
    def processor_rate(self) -> float:
        """Traces a second of processor time."""
        return self.traces / self.processor_seconds


class Clock:
    """Measures from its making."""

    def __init__(self) -> None:
        self.began, self.processor_began = time.perf_counter(), processor_seconds()
        self.before_kb, self.peak_kb, self.stopped = held_kb(os.getpid()), 0, Event()
        self.watch = Thread(target=self._watch, daemon=True)
        self.watch.start()

    def stop(self, what: str, traces: int) -> Timing:
        """What it took so far."""
        seconds, spent = time.perf_counter() - self.began, processor_seconds() - self.processor_began
        self.stopped.set()
        self.watch.join()
        return Timing(what, traces, seconds, spent, max(0, self.peak_kb - self.before_kb) / 1024)

    def _watch(self) -> None:
        while not self.stopped.wait(LOOK_S):
            self.peak_kb = max(self.peak_kb, sum(held_kb(pid) for pid in (os.getpid(), *children())))


def children() -> Iterator[int]:
    """The processes that this one has started."""
    for task in Path("/proc/self/task").iterdir():
        try:
            yield from map(int, (task / "children").read_text(encoding="ascii").split())
        except FileNotFoundError:
            continue


def held_kb(pid: int) -> int:
    """The memory of a process; none once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def processor_seconds() -> float:
    """What this process and those of its children that have ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def read_file(store: Store, traces: int) -> Timing:
    """The store's file from beginning to end, nothing done with it."""
    clock = Clock()
    with store.database.open("rb", buffering=0) as file:
        while file.read(CHUNK):
            pass
    return clock.stop("the file read from beginning to end", traces)


def read_spans(store: Store, traces: int) -> Timing:
    """The contents of all spans, as SQLite alone reads them."""
    clock = Clock()
    with closing(sqlite3.connect(store.database)) as connection:
        connection.execute("SELECT sum(length(content)) FROM spans").fetchall()
    return clock.stop("all spans' contents read by SQLite", traces)


def page(store: Store, traces: int, *, way: Way) -> Timing:
    """MLflow's own way: search with spans, page by page; they are decoded only when they are looked at, or put into a frame."""
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.tracing.utils.search import traces_to_df

    client = MlflowClient(tracking_uri=store.uri)
    client.search_traces(locations=[store.experiment_id], max_results=1)
    clock, read, token, frames = Clock(), 0, None, []
    while read < traces:
        found = client.search_traces(locations=[store.experiment_id], max_results=PAGE, page_token=token, include_spans=True)
        read, token = read + len(found), found.token
        if way == ", spans looked at":
            _ = [(span.inputs, span.outputs, span.attributes) for trace in found for span in trace.data.spans]
        if way == ", into pandas":
            frames.append(traces_to_df(list(found)))
    if frames:
        pd.concat(frames, ignore_index=True)
    return clock.stop(f"MlflowClient.search_traces(include_spans=True){way}", read)


def snapshot(store: Store, cache: Path, what: str) -> Timing:
    """Our way."""
    clock = Clock()
    taken = take_snapshot(
        store.uri,
        store.experiment_id,
        instant=datetime(2100, 1, 1, tzinfo=UTC),
        since=None,
        until=None,
        cache=cache,
        progress=lambda done, total: None,
    )
    return clock.stop(what, taken.record.traces)


@contextmanager
def kept_in(kind: str, store: Store, folder: Path) -> Generator[Store]:
    """The same traces in a store of this kind; servers are started on this machine and ended again."""
    if kind == "sqlite":
        yield store
    elif kind == "server":
        with mlflow_server(store.uri, folder) as address:
            yield replace(store, uri=address)
    else:
        with (postgres if kind == "postgresql" else mariadb)(folder / "database") as uri:
            copy_database(store.uri, uri)
            yield replace(store, uri=uri)


def measure(folder: Path, asked: argparse.Namespace) -> list[Timing]:
    """Builds the store in the folder, unless it is there, and takes all times."""
    made = open_store(folder, asked.payload) or create_store(folder, asked.payload)
    traces = made.traces or asked.traces
    if not made.traces:
        add_traces(made, 0, traces)
    print(described(made), flush=True)
    yards = [best(read(made, traces) for _ in range(asked.repeats)) for read in (read_file, read_spans)]
    with kept_in(asked.store, made, folder) as store:
        return [*compare(store, folder, traces, asked), *yards]


def described(store: Store) -> str:
    """What the store holds, in a line."""
    with closing(sqlite3.connect(store.database)) as connection:
        ((spans, length),) = connection.execute("SELECT count(*), sum(length(CAST(content AS BLOB))) FROM spans").fetchall()
    size = store.database.stat().st_size
    kilobytes = f"{length / spans / 1e3:.2f} KB a span, {length / store.traces / 1e3:.1f} KB a trace"
    return f"{store.traces:,} traces, {spans:,} spans, {kilobytes}, the file {size / 1e9:.2f} GB\n"


def compare(store: Store, folder: Path, traces: int, asked: argparse.Namespace) -> list[Timing]:
    """Both sides over one store; new traces can be added only where they are written straight into the file that is read."""
    paging = min(asked.paged or traces, traces)
    paged = [best(page(store, paging, way=way) for _ in range(asked.repeats)) for way in WAYS]
    first = best(first_copies(store, folder / "cache", asked.repeats))
    again = best(snapshot(store, folder / "cache", "take_snapshot, nothing new") for _ in range(asked.repeats))
    if not store.uri.startswith("sqlite"):
        return [*paged, first, again]
    more = best(refreshes(store, folder / "cache", traces, asked.repeats))
    return [*paged, first, again, more]


def first_copies(store: Store, cache: Path, repeats: int) -> Iterator[Timing]:
    """Copies where there is none."""
    for _ in range(repeats):
        rmtree(cache, ignore_errors=True)
        yield snapshot(store, cache, "take_snapshot, first")


def refreshes(store: Store, cache: Path, traces: int, repeats: int) -> Iterator[Timing]:
    """Copies brought up to date after new traces, and after new feedback and other tags on the newest before them."""
    for _ in range(repeats):
        add_traces(store, traces, NEW_TRACES)
        change_traces(store, range(max(0, traces - NEW_TRACES), traces))
        traces += NEW_TRACES
        yield snapshot(store, cache, f"take_snapshot, {NEW_TRACES:,} new, {NEW_TRACES:,} changed")


def best(timings: Iterable[Timing]) -> Timing:
    """The fastest: what else the machine does only makes times longer."""
    return min(timings, key=lambda timing: timing.seconds)


def table(timings: list[Timing]) -> str:
    """The times as markdown."""
    yards = timings[: len(WAYS)]
    times = "x paged | x looked at | x into pandas"
    lines = [f"| what | traces | s | traces/s | {times} | processor s | {times} | peak, MB |", "|---" * 12 + "|"]
    for timing in timings:
        ratios = " | ".join(f"{timing.rate / yard.rate:.1f}" for yard in yards)
        own = " | ".join(f"{timing.processor_rate / yard.processor_rate:.1f}" for yard in yards)
        took = f"{timing.seconds:.2f} | {timing.rate:,.0f} | {ratios} | {timing.processor_seconds:.2f} | {own}"
        lines.append(f"| {timing.what} | {timing.traces:,} | {took} | {timing.peak_mb:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the bench."""
    parser = command_line("bench.snapshot", __doc__, takes="about five minutes with 20,000 traces")
    parser.add_argument("--traces", type=int, default=20_000, help="default: 20,000")
    parser.add_argument("--payload", type=float, default=1.0, help="length of texts, as a share of those of real agents")
    parser.add_argument("--paged", type=int, default=PAGED_TRACES, help="traces to be paged through; 0: all")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"default: {REPEATS}")
    parser.add_argument("--folder", type=Path, help="where the store is built, and kept; a temporary folder by default")
    parser.add_argument("--store", choices=("sqlite", "postgresql", "mysql", "server"), default="sqlite", help="default: sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.folder or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        print(table(measure(folder, asked)))


if __name__ == "__main__":
    main()
