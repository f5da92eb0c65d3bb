"""How long the census takes over 20,000 traces with 100,000 spans: writes the Parquet files of a snapshot, measures, prints.

The rows are deterministic: five spans a trace, ten tools of which two fail openly or silently, three models, four versions,
sessions, feedback, and error messages that carry ids.
"""

import tempfile
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.insights.models import Census, QueryRecord, SnapshotRecord
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.relations import ASSESSMENTS, SPANS, TRACES, Relation
from analyze_experiment.tools.sql.service import SqlService

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
STEP_S = 40
SPANS_A_TRACE = 5
TOOLS = tuple(f"tool_{place}" for place in range(10))
MODELS = ("large", "small", "tiny")
SCALARS = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
    "MAP<STRING, STRING>": pa.map_(pa.string(), pa.string()),
}
Columns = Mapping[str, Collection[object]]


def write_catalog(folder: Path, traces: int) -> Catalog:
    """Parquet files of the three relations."""
    random = np.random.default_rng(0)
    spans = _spans(traces, random)
    columns = {
        TRACES: _traces(traces, spans, random),
        SPANS: spans,
        ASSESSMENTS: _assessments(traces),
    }
    files: dict[str, tuple[str, ...]] = {}
    for relation, values in columns.items():
        path = folder / f"{relation.name}.parquet"
        pq.write_table(_table(relation, values), path, compression="zstd")
        files[relation.name] = (str(path),)
    return Catalog(experiment_id="1", files=files, since_ms=None, until_ms=4_102_444_800_000)


def _table(relation: Relation, values: Columns) -> object:
    rows = len(next(iter(values.values())))
    arrays = {
        column.name: pa.array(values[column.name], type=_arrow(column.type))
        if column.name in values
        else pa.nulls(rows, type=_arrow(column.type))
        for column in relation.columns
    }
    return pa.table(arrays)


def _arrow(text: str) -> object:
    if text in SCALARS:
        return SCALARS[text]
    fields = (part.split(": ") for part in text.removeprefix("ARRAY<STRUCT<").removesuffix(">>").split(", "))
    return pa.list_(pa.struct([(name, SCALARS[kind]) for name, kind in fields]))


def _trace_ids(traces: int) -> list[str]:
    return [f"tr-{number:032x}" for number in range(traces)]


def _spans(traces: int, random: np.random.Generator) -> Columns:
    count = traces * SPANS_A_TRACE
    place = np.tile(np.arange(SPANS_A_TRACE), traces)
    trace = np.repeat(np.arange(traces), SPANS_A_TRACE)
    ids = _trace_ids(traces)
    tool = random.integers(0, len(TOOLS), count)
    is_tool, is_model = place >= 3, (place == 1) | (place == 2)
    fails = is_tool & (tool == 0) & (random.random(count) < 0.1)
    silent = is_tool & (tool == 1) & (random.random(count) < 0.1)
    model = random.choice(np.array(MODELS, dtype=object), count)
    numbers = random.integers(10**6, 10**7, count)
    return {
        "trace_id": [ids[number] for number in trace],
        "span_id": [f"s{number}" for number in range(count)],
        "parent_span_id": [None if at == 0 else f"s{number - at}" for number, at in enumerate(place)],
        "position": place,
        "name": ["agent" if at == 0 else "chat" if at < 3 else TOOLS[which] for at, which in zip(place, tool, strict=True)],
        "span_type": ["AGENT" if at == 0 else "CHAT_MODEL" if at < 3 else "TOOL" for at in place],
        "status_code": np.where(fails, "ERROR", "OK").astype(object),
        "silent_error": silent,
        "error_text": [
            f"Error: order W{number} not found" if bad else None for number, bad in zip(numbers, fails | silent, strict=True)
        ],
        "duration_ms": random.lognormal(5, 1, count),
        "model": [name if is_one else None for name, is_one in zip(model, is_model, strict=True)],
        "provider": ["acme" if is_one else None for is_one in is_model],
        "total_tokens": [900 if is_one else None for is_one in is_model],
        "inputs": [f'{{"id": {number % 50}}}' if is_one else None for number, is_one in zip(numbers, is_tool, strict=True)],
        "inputs_hash": [f"h{number % 50}" if is_one else None for number, is_one in zip(numbers, is_tool, strict=True)],
    }


def _traces(traces: int, spans: Columns, random: np.random.Generator) -> Columns:
    failed = np.array([status == "ERROR" for status in spans["status_code"]]).reshape(traces, SPANS_A_TRACE).sum(axis=1)
    silent = np.array(spans["silent_error"]).reshape(traces, SPANS_A_TRACE).sum(axis=1)
    errors = random.random(traces) < np.where(failed > 0, 0.5, 0.01)
    request, response = random.integers(20, 300, traces), random.integers(30, 900, traces)
    began = int(BEGINNING.timestamp()) * 1_000_000
    return {
        "trace_id": _trace_ids(traces),
        "state": np.where(errors, "ERROR", "OK").astype(object),
        "request_time": began + np.arange(traces) * STEP_S * 1_000_000,
        "execution_duration_ms": random.lognormal(8, 1, traces).astype(np.int64),
        "session_id": [f"session-{number // 4}" for number in range(traces)],
        "version": [f"1.{number * 4 // traces}" for number in range(traces)],
        "response_text": [("Sorry, " if number % 9 == 0 else "") + "word " * (size // 5) for number, size in enumerate(response)],
        "hedges": [False] * traces,
        "apologises": [number % 9 == 0 for number in range(traces)],
        "request_hash": [f"h{number % (traces // 2 + 1)}" for number in range(traces)],
        "request_chars": request,
        "response_chars": response,
        "total_tokens": response * 9,
        "span_count": np.full(traces, SPANS_A_TRACE),
        "error_span_count": failed,
        "silent_error_count": silent,
        "tool_call_count": np.full(traces, 2),
        "llm_call_count": np.full(traces, 2),
    }


def _assessments(traces: int) -> Columns:
    rated = range(0, traces, 5)
    return {
        "trace_id": [f"tr-{number:032x}" for number in rated],
        "name": ["helpful"] * len(rated),
        "kind": ["feedback"] * len(rated),
        "value": ["false" if number % 3 == 0 else "true" for number in rated],
        "number": [float(number % 3 != 0) for number in rated],
    }


def measure(catalog: Catalog, traces: int, rounds: int) -> None:
    """Takes the census a few times, each with a service of its own that has cached nothing, and prints the best, by statement."""
    record = SnapshotRecord(
        instant=BEGINNING,
        traces=traces,
        spans=traces * SPANS_A_TRACE,
        assessments=0,
        excluded=0,
        unreadable=0,
        first_trace=None,
        last_trace=None,
        digest="bench",
        partitions={},
    )
    asked: list[tuple[float, str]] = []

    def note(query: QueryRecord) -> None:
        asked.append((time.perf_counter(), query.title))

    runs: list[tuple[float, Census, list[tuple[str, float]]]] = []
    for _ in range(rounds):
        with SqlService(catalog, snapshot_digest="bench", on_query=note) as sql:
            sql.query("SELECT count(*) AS n FROM traces", title="Starts the worker")
            runs.append(_time(sql, record, asked))
    seconds, census, statements = min(runs, key=lambda run: run[0])
    print(f"\nCensus of {census.traces:,} traces and {census.spans:,} spans: {len(census.buckets)} figures, best of {rounds}\n")
    print("| statement | s |\n|---|---|")
    for title, taken in statements:
        print(f"| {title} | {taken:.3f} |")
    print(f"| **in all** | **{seconds:.2f}** |")


def _time(
    sql: SqlService, record: SnapshotRecord, asked: list[tuple[float, str]]
) -> tuple[float, Census, list[tuple[str, float]]]:
    asked.clear()
    start = time.perf_counter()
    census = take_census(sql, record, now=BEGINNING)
    seconds = time.perf_counter() - start
    ends = [start, *(at for at, _ in asked)]
    return seconds, census, [(title, end - begin) for (end, title), begin in zip(asked, ends, strict=False)]


def main() -> None:
    """Writes, measures, prints."""
    parser = command_line("bench.census", __doc__, takes="about ten seconds")
    parser.add_argument("--traces", type=int, default=20_000, help="default: 20,000")
    parser.add_argument("--rounds", type=int, default=3, help="how often it is counted (default: 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(write_catalog(Path(folder), options.traces), options.traces, options.rounds)


if __name__ == "__main__":
    main()
