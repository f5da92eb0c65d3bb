"""How fast a snapshot is against paging the same traces through MLflow's client: builds a store, measures, prints a table.

    python -m analyze_experiment.evals.bench.snapshot [--traces 20000] [--folder DIR] [--store sqlite|postgresql|mysql|server]

Both sides read the same store in the same run, the best of three times each. Paging is measured as it is, and with every
span's inputs, outputs and attributes looked at, which is what a snapshot has done when it is there. Beside the seconds of the
clock stand those of the processor, of all processes: they change less with what else the machine does. The store is
deterministic: schema by MLflow, rows written straight, texts cut from a buffer of random words at the average size of the
real agents in ../shared/data (about 1.9 kB a span), the system prompt the same in every trace.
"""

import argparse
import json
import random
import resource
import sqlite3
import tempfile
import time
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from analyze_experiment.tests.database_servers import mariadb, postgres
from analyze_experiment.tests.mlflow_servers import mlflow_server
from analyze_experiment.tests.tools.traces.database_copies import copy_database
from analyze_experiment.tools.traces.snapshot import take_snapshot

START_MS = 1_767_225_600_000  # 2026-01-01
STEP_MS = 4_000
SPANS_A_TRACE = 5
PAGED_TRACES = 3_000
PAGE = 500
NEW_TRACES = 1_000
REPEATS = 3
PROMPT_WORDS = ("you", "may", "look", "up", "orders", "and", "refund", "them", "but", "never", "promise", "a", "date")
PROMPT_LENGTH = 240
TOOLS = ("search_orders", "get_customer", "refund_order", "find_article")

SPAN_INSERT = """INSERT INTO spans (trace_id, experiment_id, span_id, parent_span_id, name, type, status, start_time_unix_nano,
    end_time_unix_nano, content, model_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
TRACE_INSERT = """INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status, request_preview,
    response_preview, trace_name, session_id, input_tokens, output_tokens, total_tokens)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Words:
    """Deterministic prose: slices of one long buffer of random words."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        vocabulary = ["".join(self.random.choices(alphabet, k=self.random.randint(2, 9))) for _ in range(4_000)]
        self.buffer = " ".join(self.random.choices(vocabulary, k=400_000))
        self.prompt = " ".join(random.Random(0).choices(PROMPT_WORDS, k=PROMPT_LENGTH))

    def some(self, low: int, high: int) -> str:
        """Between `low` and `high` characters."""
        start = self.random.randrange(len(self.buffer) - high)
        return self.buffer[start : start + self.random.randint(low, high)]


@dataclass(frozen=True)
class Store:
    """A store under measurement."""

    uri: str
    database: Path
    experiment_id: str


def create_store(folder: Path) -> Store:
    """An empty MLflow store with one experiment; MLflow makes the schema."""
    from mlflow import MlflowClient

    database = folder / "mlflow.db"
    uri = f"sqlite:///{database}"
    experiment_id = MlflowClient(tracking_uri=uri).create_experiment("bench", artifact_location=(folder / "artifacts").as_uri())
    return Store(uri, database, experiment_id)


def add_traces(store: Store, first: int, count: int) -> None:
    """Writes traces number `first` .. `first + count - 1`; the same numbers give the same rows."""
    words = Words(first)
    connection = sqlite3.connect(store.database)
    try:
        with connection:
            for number in range(first, first + count):
                insert_trace(connection, store.experiment_id, number, words)
    finally:
        connection.close()


def insert_trace(connection: sqlite3.Connection, experiment_id: str, number: int, words: Words) -> None:
    """One trace: a root, two model calls, two tool calls."""
    trace_id, began = f"tr-{number:032x}", START_MS + number * STEP_MS
    question, answer = words.some(60, 300), words.some(200, 900)
    size = len(question) + len(answer)
    connection.execute(
        TRACE_INSERT,
        (trace_id, experiment_id, began, 2_500, "OK", question, answer, "agent", f"session-{number // 4}", size, size // 4, size),
    )
    connection.executemany(
        "INSERT INTO trace_tags (key, value, request_id) VALUES (?, ?, ?)",
        [("mlflow.trace.spansLocation", "TRACKING_STORE", trace_id), ("version", f"1.{number % 3}", trace_id)],
    )
    metadata = {
        "mlflow.source.name": "agent.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.trace.infoFinalized": "true",
        "mlflow.trace.sizeStats": json.dumps({"total_size_bytes": size * 10, "num_spans": SPANS_A_TRACE}),
        "mlflow.traceInputs": question[:250],
        "mlflow.traceOutputs": answer[:250],
        "mlflow.trace.user": f"user-{number % 977}",
        "mlflow.trace_schema.version": "3",
    }
    connection.executemany(
        "INSERT INTO trace_request_metadata (key, value, request_id) VALUES (?, ?, ?)",
        [(key, value, trace_id) for key, value in metadata.items()],
    )
    connection.executemany(SPAN_INSERT, spans(trace_id, experiment_id, began, question, answer, words))


def spans(
    trace_id: str, experiment_id: str, began: int, question: str, answer: str, words: Words
) -> Iterator[tuple[object, ...]]:
    """The span rows of one trace."""
    ask = [{"role": "system", "content": words.prompt}, {"role": "user", "content": question}]
    found = [{"id": words.random.randrange(10**6), "title": words.some(20, 60), "body": words.some(100, 500)} for _ in range(3)]
    facts = {"name": words.some(10, 20), "address": words.some(20, 60), "history": [words.some(20, 80) for _ in range(4)]}
    tool, other = words.random.choice(TOOLS), words.random.choice(TOOLS)
    calls = [
        ("agent", "AGENT", {"messages": ask[1:]}, {"role": "assistant", "content": answer}),
        ("chat", "CHAT_MODEL", {"messages": ask, "temperature": 0}, {"role": "assistant", "content": words.some(50, 200)}),
        (tool, "TOOL", {"query": words.some(10, 60)}, {"results": found}),
        (other, "TOOL", {"id": words.random.randrange(10**6)}, facts),
        (
            "chat",
            "CHAT_MODEL",
            {"messages": [*ask, {"role": "tool", "content": json.dumps(found)}, {"role": "tool", "content": json.dumps(facts)}]},
            {"role": "assistant", "content": answer},
        ),
    ]
    root = f"{words.random.getrandbits(64):016x}"
    for place, (name, kind, inputs, outputs) in enumerate(calls):
        span_id = f"{words.random.getrandbits(64):016x}" if place else root
        start, end = (began + place * 400) * 1_000_000, (began + (place * 400 + 380 if place else 2_500)) * 1_000_000
        model = "gpt-4o" if kind == "CHAT_MODEL" else None
        attributes: dict[str, object] = {
            "mlflow.traceRequestId": trace_id,
            "mlflow.spanType": kind,
            "mlflow.spanInputs": inputs,
            "mlflow.spanOutputs": outputs,
        }
        if model:
            attributes |= {
                "mlflow.llm.model": model,
                "mlflow.chat.tokenUsage": {"input_tokens": 900, "output_tokens": 120, "total_tokens": 1_020},
            }
        content = {
            "trace_id": b64encode(bytes.fromhex(trace_id[3:])).decode(),
            "span_id": b64encode(bytes.fromhex(span_id)).decode(),
            "parent_span_id": b64encode(bytes.fromhex(root)).decode() if place else None,
            "name": name,
            "start_time_unix_nano": start,
            "end_time_unix_nano": end,
            "events": [],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {key: json.dumps(value) for key, value in attributes.items()},
            "links": [],
        }
        row = (trace_id, experiment_id, span_id, root if place else None, name, kind, "OK", start, end)
        yield (*row, json.dumps(content, ensure_ascii=False), model)


@dataclass(frozen=True)
class Timing:
    """How long something took over how many traces."""

    what: str
    traces: int
    seconds: float
    processor_seconds: float

    @property
    def rate(self) -> float:
        """Traces a second."""
        return self.traces / self.seconds

    @property
    def processor_rate(self) -> float:
        """Traces a second of processor time."""
        return self.traces / self.processor_seconds


@dataclass
class Clock:
    """Measures from its making."""

    def __post_init__(self) -> None:
        self.began, self.processor_began = time.perf_counter(), processor_seconds()

    def stop(self, what: str, traces: int) -> Timing:
        """What it took so far."""
        return Timing(what, traces, time.perf_counter() - self.began, processor_seconds() - self.processor_began)


def processor_seconds() -> float:
    """What this process and those of its children that have ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def page(store: Store, traces: int, *, look: bool) -> Timing:
    """MLflow's own way: search with spans, page by page; they are decoded only when they are looked at."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store.uri)
    client.search_traces(locations=[store.experiment_id], max_results=1)
    clock, read, token = Clock(), 0, None
    while read < traces:
        found = client.search_traces(locations=[store.experiment_id], max_results=PAGE, page_token=token, include_spans=True)
        read, token = read + len(found), found.token
        if look:
            _ = [(span.inputs, span.outputs, span.attributes) for trace in found for span in trace.data.spans]
    what = "MlflowClient.search_traces(include_spans=True)" + (", spans looked at" if look else "")
    return clock.stop(what, read)


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


def measure(folder: Path, traces: int, kind: str) -> list[Timing]:
    """Builds the store in `folder` and takes all times."""
    made = create_store(folder)
    add_traces(made, 0, traces)
    made.database.read_bytes()  # both sides find the file in memory
    with kept_in(kind, made, folder) as store:
        return compare(store, folder, traces)


def compare(store: Store, folder: Path, traces: int) -> list[Timing]:
    """Both sides over one store; new traces can be added only where they are written straight into the file that is read."""
    paged, looked = (best(page(store, min(PAGED_TRACES, traces), look=look) for _ in range(REPEATS)) for look in (False, True))
    first = best(snapshot(store, folder / f"cache-{turn}", "take_snapshot, first") for turn in range(REPEATS))
    again = best(snapshot(store, folder / f"cache-{turn}", "take_snapshot, nothing new") for turn in range(REPEATS))
    if not store.uri.startswith("sqlite"):
        return [paged, looked, first, again]
    add_traces(store, traces, NEW_TRACES)
    more = best(snapshot(store, folder / f"cache-{turn}", f"take_snapshot, {NEW_TRACES} new") for turn in range(REPEATS))
    return [paged, looked, first, again, more]


def best(timings: Iterable[Timing]) -> Timing:
    """The fastest: what else the machine does only makes times longer."""
    return min(timings, key=lambda timing: timing.seconds)


def table(timings: list[Timing]) -> str:
    """The times as markdown."""
    paged, looked = timings[:2]
    lines = ["| what | traces | s | traces/s | x paged | x looked at | processor s | x paged | x looked at |", "|---" * 9 + "|"]
    for timing in timings:
        ratios = f"{timing.rate / paged.rate:.1f} | {timing.rate / looked.rate:.1f}"
        own = f"{timing.processor_rate / paged.processor_rate:.1f} | {timing.processor_rate / looked.processor_rate:.1f}"
        took = f"{timing.seconds:.2f} | {timing.rate:,.0f} | {ratios} | {timing.processor_seconds:.2f} | {own}"
        lines.append(f"| {timing.what} | {timing.traces} | {took} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description="How fast a snapshot is against paging the same traces through MLflow's client.")
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where the store is built; a temporary folder by default")
    parser.add_argument("--store", choices=("sqlite", "postgresql", "mysql", "server"), default="sqlite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(table(measure(Path(folder), arguments.traces, arguments.store)))


if __name__ == "__main__":
    main()
