"""What census and slices cost from 10,000 to 1,000,000 traces, 7.5 spans each: writes a snapshot's files, measures, plots.

DuckDB writes the files itself, 20,000 traces each as a snapshot has them, so that a million traces take minutes and no memory.
Rows are drawn by hash: twice the same. Each step runs cold, its files dropped from the system's cache, and warm, over files read
before; each time by workers that have answered nothing yet. Processor time is that of the workers and of this process together,
memory the sum of the workers' peaks.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.insights.models import QueryRecord, SnapshotRecord
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.engines.types import spell_type
from analyze_experiment.tools.sql.process import WorkerProcess
from analyze_experiment.tools.sql.relations import ASSESSMENTS, SPANS, TRACES, Relation
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.testing.clusters import find_clusters, write_clusters

WINDOW = 20_000
"""Traces a file."""
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ATTRIBUTES = ("version", "tags['env']", "date_format(request_time, 'EEE')")

MADE = """
CREATE OR REPLACE MACRO draw(a, b, n) AS CAST(hash(a, b) % n AS BIGINT);
CREATE OR REPLACE MACRO id(n) AS 'tr-' || md5(CAST(n AS VARCHAR));
CREATE OR REPLACE MACRO began(n) AS TIMESTAMP '2026-01-01' + to_milliseconds(n * 13000 + draw(n, 'ms', 9000));
CREATE OR REPLACE TABLE s AS SELECT n, p, draw(n, p * 7, 10) AS tool, CASE WHEN p = 0 THEN 'AGENT' WHEN p % 3 = 0 THEN 'TOOL'
    ELSE 'CHAT_MODEL' END AS type, draw(n, p * 11, 100) AS luck, exp(4 + draw(n, p * 13, 4000) / 1000.0) AS ms,
    draw(n, p * 17, 50) AS input
  FROM range({first}, {last}) AS t(n), range(10) AS u(p) WHERE p < 5 + n % 6;
"""
COLUMNS = {
    SPANS: (
        {
            "trace_id": "id(n)",
            "span_id": "n || '-' || p",
            "parent_span_id": "CASE WHEN p > 0 THEN n || '-0' END",
            "position": "p",
            "name": "CASE type WHEN 'AGENT' THEN 'agent' WHEN 'TOOL' THEN 'tool_' || tool ELSE 'chat' END",
            "span_type": "type",
            "status_code": "CASE WHEN type = 'TOOL' AND tool = 0 AND luck < 10 THEN 'ERROR' ELSE 'OK' END",
            "silent_error": "type = 'TOOL' AND tool = 1 AND luck < 10",
            "error_text": "CASE WHEN type = 'TOOL' AND tool < 2 AND luck < 10 THEN 'order W' || n || ' not found' END",
            "duration_ms": "ms",
            "model": "CASE WHEN type = 'CHAT_MODEL' THEN 'model-' || input % 3 END",
            "provider": "CASE WHEN type = 'CHAT_MODEL' THEN 'acme' END",
            "total_tokens": "CASE WHEN type = 'CHAT_MODEL' THEN 900 + luck END",
            "inputs": "CASE WHEN type = 'TOOL' THEN concat('{\"id\": ', input, ', \"t\": \"', repeat(md5(n||p), 8), '\"}') END",
            "inputs_hash": "CASE WHEN type = 'TOOL' THEN md5(concat(input, n, p)) END",
            "output_text": "repeat(md5(p || 'o' || n), 12)",
            "start_time": "began(n)",
        },
        "FROM s ORDER BY n, p",
    ),
    TRACES: (
        {
            "trace_id": "id(n)",
            "state": "CASE WHEN draw(n, 'state', 100) < 2 + 40 * max(CAST(type = 'TOOL' AND tool = 0 AND luck < 10 AS INT)) "
            "THEN 'ERROR' ELSE 'OK' END",
            "request_time": "began(n)",
            "execution_duration_ms": "CAST(sum(ms) AS BIGINT)",
            "session_id": "'session-' || n // 4",
            "version": "'1.' || n * 4 // $traces",
            "request_text": "repeat(md5('r' || n % 50000), 3)",
            "response_text": "CASE WHEN n % 9 = 0 THEN 'Sorry, ' ELSE '' END || repeat(md5('a' || n) || ' ', 12)",
            "hedges": "false",
            "apologises": "n % 9 = 0",
            "request_hash": "md5('r' || n % 50000)",
            "request_chars": "30 + draw(n, 'q', 400)",
            "response_chars": "50 + draw(n, 'a', 900)",
            "total_tokens": "900 * count(*)",
            "span_count": "count(*)",
            "error_span_count": "count(*) FILTER (type = 'TOOL' AND tool = 0 AND luck < 10)",
            "silent_error_count": "count(*) FILTER (type = 'TOOL' AND tool = 1 AND luck < 10)",
            "tool_call_count": "count(*) FILTER (type = 'TOOL')",
            "llm_call_count": "count(*) FILTER (type = 'CHAT_MODEL')",
            "tags": "MAP {'env': CASE WHEN n % 5 = 0 THEN 'dev' ELSE 'prod' END}",
        },
        "FROM s GROUP BY n ORDER BY n",
    ),
    ASSESSMENTS: (
        {
            "trace_id": "id(n)",
            "name": "'helpful'",
            "kind": "'feedback'",
            "value": "CASE WHEN n % 3 = 0 THEN 'false' ELSE 'true' END",
            "number": "CASE WHEN n % 3 = 0 THEN 0 ELSE 1 END",
        },
        "FROM s WHERE p = 0 AND n % 5 = 0 ORDER BY n",
    ),
}


class Cost(NamedTuple):
    """What one step took: seconds of processor time, seconds by the clock, and the peak of memory, MiB."""

    processor_s: float
    clock_s: float
    peak_mb: float


class Costs(NamedTuple):
    """What one step took over files that weren't in memory, and over files read before."""

    cold: Cost
    warm: Cost


def write_catalog(folder: Path, traces: int) -> Catalog:
    """The files of so many traces."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[str]] = {relation.name: [] for relation in COLUMNS}
    with duckdb.connect(config={"threads": 1, "memory_limit": "1GiB", "temp_directory": str(folder)}) as made:
        for first in range(0, traces, WINDOW):
            paths = {relation: folder / f"{relation.name}-{first}.parquet" for relation in COLUMNS}
            if not all(path.exists() for path in paths.values()):
                made.execute(MADE.format(first=first, last=min(first + WINDOW, traces)))
                for relation, path in paths.items():
                    made.execute(f"COPY ({_select(relation, traces)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
            for relation, path in paths.items():
                files[relation.name].append(str(path))
    return Catalog("1", {name: tuple(paths) for name, paths in files.items()}, None, 4_102_444_800_000)


def _select(relation: Relation, traces: int) -> str:
    said, source = COLUMNS[relation]
    columns = (
        f'CAST({said.get(each.name, "NULL").replace("$traces", str(traces))} AS {spell_type(each.type)}) AS "{each.name}"'
        for each in relation.columns
    )
    return f"SELECT {', '.join(columns)} {source}"


def measure(folder: Path, traces: int) -> dict[str, Costs]:
    """The steps, each cold and then warm."""
    catalog = write_catalog(folder, traces)
    record = SnapshotRecord(
        instant=NOW, traces=traces, spans=0, assessments=0, excluded=0, unreadable=0, first_trace=None, last_trace=None,
        digest="bench", partitions={},
    )  # fmt: skip
    costs = {"clusters": _twice(catalog, lambda: _find_clusters(catalog))}
    catalog = catalog.with_relation("clusters", (str(write_clusters(find_clusters(catalog, salt="1"), folder)),))
    steps: dict[str, Callable[[SqlService], object]] = {
        "census": lambda sql: take_census(sql, record, now=NOW),
        "slices": _slice,
    }
    for name, ask in steps.items():
        costs[name] = _twice(catalog, partial(_in_workers, catalog, ask))
    return costs


def _twice(catalog: Catalog, step: Callable[[], Cost]) -> Costs:
    for path in (path for paths in catalog.files.values() for path in paths):
        with Path(path).open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return Costs(step(), step())


def _find_clusters(catalog: Catalog) -> Cost:
    began, before = time.perf_counter(), time.process_time()
    find_clusters(catalog, salt="1")
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(time.process_time() - before, time.perf_counter() - began, here)


def _in_workers(catalog: Catalog, ask: Callable[[SqlService], object]) -> Cost:
    """One step over a service of its own, whose workers are there and have opened the files."""
    with SqlService(catalog, snapshot_digest="bench", on_query=_forget) as sql:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda n: sql.query(f"SELECT count(*) + {n} AS n FROM traces", title="opens the files"), range(2)))
        pids = [worker.pid for worker in sql._idle if isinstance(worker, WorkerProcess)]
        spent, here, began = sum(map(_spent, pids)), time.process_time(), time.perf_counter()
        ask(sql)
        clock_s = time.perf_counter() - began
        processor_s = sum(map(_spent, pids)) - spent + time.process_time() - here
        return Cost(processor_s, clock_s, sum(map(_peak_mb, pids)))


def _slice(sql: SqlService) -> None:
    """Three attributes and an outcome, as the slice search asks for them."""
    for column in (*ATTRIBUTES, "CASE WHEN state = 'ERROR' THEN 1 ELSE 0 END"):
        sql.query(
            f"SELECT min(s.value) AS value FROM traces AS m LEFT JOIN (SELECT trace_id, {column} AS value FROM traces) AS s "
            "ON s.trace_id = m.trace_id GROUP BY m.trace_id ORDER BY m.trace_id",
            title=column,
        )


def _forget(record: QueryRecord) -> None:
    del record


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def plot(measured: Mapping[int, Mapping[str, Costs]], path: Path) -> None:
    """Processor time and peak memory by traces, warm, both axes logarithmic: what grows linearly has slope 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (time_axes, memory_axes) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    traces = sorted(measured)
    for step in measured[traces[0]]:
        time_axes.loglog(traces, [measured[each][step].warm.processor_s for each in traces], marker="o", label=step)
        memory_axes.semilogx(traces, [measured[each][step].warm.peak_mb for each in traces], marker="o", label=step)
    time_axes.set(xlabel="traces, 7.5 spans each", ylabel="processor time, s")
    memory_axes.set(xlabel="traces, 7.5 spans each", ylabel="peak memory, MiB", ylim=(0, None))
    time_axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measures, prints, plots."""
    parser = command_line("bench.scale", __doc__, takes="about half a minute, and some minutes for a million traces")
    parser.add_argument("--traces", type=int, nargs="+", default=[10_000, 30_000, 100_000], help="default: 10,000 30,000 100,000")
    parser.add_argument("--folder", type=Path, help="where the files are kept; those that are there are used again")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="where to draw the costs")
    options = parser.parse_args()
    measured: dict[int, dict[str, Costs]] = {}
    print("| traces | KB a trace | step | processor time, s: cold | warm | clock, s: cold | warm | peak, MiB |\n|" + "---|" * 8)
    with tempfile.TemporaryDirectory() as scratch:
        for traces in options.traces:
            folder = (options.folder or Path(scratch)) / str(traces)
            measured[traces] = measure(folder, traces)
            size_kb = sum(file.stat().st_size for file in folder.glob("*-*.parquet")) / traces / 1024
            for step, costs in measured[traces].items():
                figures = [cost.processor_s for cost in costs] + [cost.clock_s for cost in costs]
                times, peak_mb = " | ".join(f"{each:.2f}" for each in figures), max(cost.peak_mb for cost in costs)
                print(f"| {traces:,} | {size_kb:.1f} | {step} | {times} | {peak_mb:,.0f} |", flush=True)
    if options.plot:
        plot(measured, options.plot)


if __name__ == "__main__":
    main()
