"""A small catalog with values that can be checked by hand, written straight to Parquet from the relations' own schema."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tools.insights.models import QueryRecord
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.relations import RELATIONS, Relation
from analyze_experiment.tools.sql.service import SqlService

START = datetime(2026, 3, 1, 8, 0)  # noqa: DTZ001 - the relations hold naive UTC
SIMPLE = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
}
PATIENCE_S = 240
"""How long anything may take before a test gives up; what doesn't end by itself takes far longer."""
Row = dict[str, Any]


def arrow_type(type_: str) -> pa.DataType:
    """A type of `relations.py` as Arrow's."""
    if type_ in SIMPLE:
        return SIMPLE[type_]
    outer, inner = type_.removesuffix(">").split("<", maxsplit=1)
    if outer == "ARRAY":
        return pa.list_(arrow_type(inner))
    if outer == "MAP":
        return pa.map_(*(SIMPLE[part.strip()] for part in inner.split(",")))
    return pa.struct([(name, SIMPLE[part]) for name, part in re.findall(r"(\w+): (\w+)", inner)])


def write_rows(relation: Relation, rows: Sequence[Row], path: Path) -> str:
    """Writes rows, in which columns may be missing, as one Parquet file."""
    schema = pa.schema([(column.name, arrow_type(column.type)) for column in relation.columns])
    whole = [{field.name: row.get(field.name) for field in schema} for row in rows]
    pq.write_table(pa.Table.from_pylist(whole, schema=schema), path)
    return str(path)


def trace(number: int, **columns: Any) -> Row:
    """Trace `t<number>`, which begins `number` hours after the start."""
    return {
        "trace_id": f"t{number}",
        "experiment_id": "1",
        "state": "OK",
        "request_time": START + timedelta(hours=number),
        "execution_duration_ms": number * 100,
        "tags": [],
        "trace_metadata": [],
        "spans": [],
        "assessments": [],
        **columns,
    }


def span(number: int, name: str, **columns: Any) -> Row:
    """A span of trace `t<number>`."""
    began = START + timedelta(hours=number)
    return {
        "trace_id": f"t{number}",
        "span_id": f"s{number}-{name}",
        "name": name,
        "span_type": "TOOL",
        "status_code": "OK",
        "start_time": began,
        "end_time": began + timedelta(milliseconds=250),
        "duration_ms": 250.0,
        "attributes": [],
        **columns,
    }


def light(name: str, status_code: str = "OK", duration_ms: float = 1.0) -> Row:
    """An entry of `traces.spans`."""
    return {"span_id": name, "name": name, "span_type": "TOOL", "status_code": status_code, "duration_ms": duration_ms}


TRACES = [
    trace(
        1,
        session_id="a",
        version="v1",
        request='{"q": "hi", "a.b": 7, "deep": {"x": [10, {"y": "z"}]}}',
        response="short",
        total_tokens=10,
        cost=0.5,
        tags=[("env", "prod"), ("n", "12")],
        spans=[light("search", "ERROR", 5.0), light("search", "ERROR", 7.0), light("answer", "OK", 2.0)],
    ),
    trace(
        2, session_id="a", version="v1", request="not json", response="r" * 40, total_tokens=20, cost=1.5, tags=[("env", "dev")]
    ),
    trace(3, session_id="b", version="v2", request="[1, 2, 3]", response="r" * 30, spans=[light("search")]),
    trace(4, session_id="b", version="v2", state="ERROR", request="12345", total_tokens=40, tags=[("env", "prod")]),
    trace(5, session_id=None, request="a_b 100%", response="r" * 20, total_tokens=30, cost=-2.5, spans=[light("x", "ERROR")]),
]
"""t1 to t5, at 9:00 to 13:00 on 1 March 2026 UTC, 100 to 500 ms."""

SPANS = [
    span(1, "search", position=0, status_code="ERROR", error_text="timeout after 30 s", duration_ms=5.0),
    span(1, "answer", position=1, duration_ms=2.0, attributes=[("k", "v")]),
    span(3, "search", position=0, duration_ms=8.0, silent_error=True),
    span(5, "x", position=0, status_code="ERROR", error_text="429 Too Many Requests"),
]

ASSESSMENTS = [
    {"assessment_id": "f1", "trace_id": "t1", "name": "thumbs", "kind": "feedback", "value": "true", "number": 1.0},
    {"assessment_id": "f2", "trace_id": "t5", "name": "thumbs", "kind": "feedback", "value": "false", "number": 0.0},
]


def until(number: float) -> int:
    """The instant of trace `number`, ms since the epoch."""
    return int((START + timedelta(hours=number)).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The catalog of the rows above, traces in two files."""
    folder = tmp_path_factory.mktemp("relations")
    traces, spans, assessments = RELATIONS
    files = {
        "traces": (
            write_rows(traces, TRACES[:3], folder / "traces-1.parquet"),
            write_rows(traces, TRACES[3:], folder / "traces-2.parquet"),
        ),
        "spans": (write_rows(spans, SPANS, folder / "spans.parquet"),),
        "assessments": (write_rows(assessments, ASSESSMENTS, folder / "assessments.parquet"),),
    }
    return Catalog(experiment_id="1", files=files, since_ms=None, until_ms=until(5))


@pytest.fixture(scope="session")
def service(catalog: Catalog) -> Iterator[SqlService]:
    """One service over the catalog, for tests that only ask."""
    with SqlService(catalog, snapshot_digest="d", on_query=ignore, workers=1, timeout_s=60) as opened:
        yield opened


@pytest.fixture(scope="session")
def rows(service: SqlService) -> Callable[[str], list[list[object]]]:
    """Runs a query and gives its rows, in order, each a list of plain values."""

    def run(sql: str) -> list[list[object]]:
        table = service.query(sql, title="test").table
        columns = [column.to_pylist(maps_as_pydicts="strict") for column in table.columns]
        return [[plain(value) for value in row] for row in zip(*columns, strict=True)]

    return run


@pytest.fixture(scope="session")
def answer(rows: Callable[[str], list[list[object]]]) -> Callable[[str], object]:
    """Runs a query of one row and one column and gives its value."""

    def run(sql: str) -> object:
        ((value,),) = rows(sql)
        return value

    return run


def plain(value: object) -> object:
    """A value that compares by sight: floats to 10 significant digits, times as text."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else float(f"{value:.10g}")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def ignore(record: QueryRecord) -> None:
    """Records nothing."""
