"""The SQL over MLflow's tables, one text for every database: cut to a range of trace keys, each column cast to its raw type.

What databases say in different ways stands in a `Dialect`. Times stand twice in a range because the index holds them alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from .base import ASSESSMENT_SCHEMA, LABEL_SCHEMA, OUR_SOURCE_ID, SPAN_MARK_SCHEMA, SPAN_SCHEMA, TRACE_ROW_SCHEMA, Key
from .marks import SOURCE_RUN

SAMPLES = {pa.string(): "''", pa.int64(): "0", pa.float64(): "0.0"}


def named(schema: pa.Schema, alias: str, **other: str) -> dict[str, str]:
    """The schema's columns as they are called in the table, but for those given."""
    return {name: other.get(name, f"{alias}.{name}") for name in schema.names}


TRACE_COLUMNS = named(TRACE_ROW_SCHEMA, "i", trace_id="i.request_id", generation="i.db_payload_generation")
LABEL_COLUMNS = named(LABEL_SCHEMA, "l", trace_id="l.request_id")
ASSESSMENT_COLUMNS = named(
    ASSESSMENT_SCHEMA, "a", kind="a.assessment_type", created_ms="a.created_timestamp", updated_ms="a.last_updated_timestamp"
)
SPAN_MARK_COLUMNS = {
    "trace_id": "s.trace_id",
    "spans": "count(*)",
    "first_ns": "min(s.start_time_unix_nano)",
    "last_ns": "max(s.start_time_unix_nano)",
}
NUMBERED = ("trace_info", "trace_tags", "trace_request_metadata", "assessments")
"""The tables whose rows a trace's headers are made of, but for its spans."""


class Statement(NamedTuple):
    """A SELECT, and what it gives."""

    text: str
    schema: pa.Schema


@dataclass(frozen=True)
class Dialect:
    """How one database spells what they spell differently."""

    types: Mapping[pa.DataType, str]
    """The types of a cast."""
    joined: str = "JOIN"
    """The join that keeps to the written order: the range of traces first, then the rows of each through its index."""
    scope: str = "AS"
    """How the range is said to be worked out once."""
    exact: str = "{}"
    """A text so that it compares and sorts by its bytes, whatever the collation."""
    escaped: tuple[str, ...] = ("'",)
    """What has to be doubled between quotes."""
    quote: str = '"'
    """What names stand between."""
    sampled: bool = False
    """Whether each result begins with a row of made-up values that the reader drops: where types come from the first rows."""

    def text(self, value: str) -> str:
        """A text in quotes."""
        for character in self.escaped:
            value = value.replace(character, 2 * character)
        return self.exact.format(f"'{value}'")


@dataclass(frozen=True)
class Statements:
    """The statements about one experiment; ranges of keys include `low` and exclude `high`."""

    dialect: Dialect
    experiment_id: int

    def experiment(self) -> Statement:
        """When the experiment was created, and the revision of MLflow's schema."""
        schema = pa.schema([("created", pa.int64()), ("revision", pa.string())])
        columns = {"created": "e.creation_time", "revision": "v.version_num"}
        source = f"experiments e CROSS JOIN alembic_version v WHERE e.experiment_id = {self.experiment_id}"
        return self._typed(schema, columns, source)

    def bounds(self, low: Key, high: Key, size: int) -> Statement:
        """Where each group of `size` traces begins, and how many it has."""
        schema = pa.schema([("timestamp_ms", pa.int64()), ("trace_id", pa.string()), ("traces", pa.int64())])
        columns = {
            "timestamp_ms": "max(CASE WHEN place = 0 THEN timestamp_ms END)",
            "trace_id": "max(CASE WHEN place = 0 THEN request_id END)",
            "traces": "count(*)",
        }
        order = f"i.timestamp_ms, {self.dialect.exact.format('i.request_id')}"
        numbered = f"""SELECT i.timestamp_ms, i.request_id, row_number() OVER (ORDER BY {order}) - 1 AS number
            FROM trace_info i WHERE {self._within(low, high)}"""
        placed = f"SELECT timestamp_ms, request_id, number, number % {size} AS place FROM ({numbered}) AS numbered"
        return self._typed(schema, columns, f"({placed}) AS placed GROUP BY number - place")

    def sizes(self, low: Key, high: Key) -> Statement:
        """Bytes of span content per trace."""
        schema = pa.schema([("timestamp_ms", pa.int64()), ("trace_id", pa.string()), ("bytes", pa.int64())])
        columns = {
            "timestamp_ms": "timestamp_ms",
            "trace_id": "request_id",
            "bytes": "coalesce((SELECT sum(octet_length(s.content)) FROM spans s WHERE s.trace_id = scope.request_id), 0)",
        }
        return self._of_scope(low, high, schema, columns, "scope")

    def traces(self, low: Key, high: Key) -> Statement:
        """The traces' own rows."""
        return self._typed(TRACE_ROW_SCHEMA, TRACE_COLUMNS, f"trace_info i WHERE {self._within(low, high)}")

    def labels(self, low: Key, high: Key, table: str) -> Statement:
        """Tags or metadata."""
        return self._of_traces(low, high, LABEL_SCHEMA, LABEL_COLUMNS, f"{table} l ON l.request_id = scope.request_id")

    def assessments(self, low: Key, high: Key) -> Statement:
        """Feedback and expectations that are valid and not ours."""
        source = f"assessments a ON a.trace_id = scope.request_id WHERE a.valid AND {self._theirs}"
        return self._of_traces(low, high, ASSESSMENT_SCHEMA, ASSESSMENT_COLUMNS, source)

    def span_marks(self, low: Key, high: Key) -> Statement:
        """How many spans a trace has and when they began, without a look at what is in them."""
        source = "spans s ON s.trace_id = scope.request_id GROUP BY s.trace_id"
        return self._of_traces(low, high, SPAN_MARK_SCHEMA, SPAN_MARK_COLUMNS, source)

    def spans(self, low: Key, high: Key) -> Statement:
        """The spans, whole. The condition on their ids has them come in order, by the primary key."""
        columns = named(SPAN_SCHEMA, "s", start_ns="s.start_time_unix_nano", end_ns="s.end_time_unix_nano")
        return self._of_traces(low, high, SPAN_SCHEMA, columns, "spans s ON s.trace_id = scope.request_id AND s.span_id >= ''")

    def analysing_runs(self) -> Statement:
        """The runs of analyses, ours and MLflow's: traces that were made under them are no part of what is analysed."""
        schema = pa.schema([("run_id", pa.string())])
        condition = "r.key = 'mlflow.insights.type' OR (r.key = 'mlflow.runType' AND r.value = 'issue_detection')"
        return self._typed(schema, {"run_id": "r.run_uuid"}, f"tags r WHERE {condition}")

    def last_rows(self) -> Statement:
        """The number of the last row of each table that SQLite numbers."""
        schema = pa.schema([(table, pa.int64()) for table in NUMBERED])
        columns = {table: f"(SELECT coalesce(max(rowid), 0) FROM {table})" for table in NUMBERED}
        return self._typed(schema, columns, "(SELECT 1) AS one")

    def rows(self, table: str, after: int, last: int) -> Statement:
        """The rows of a table by their numbers; of traces those of the experiment, of assessments all that may come to count."""
        numbers = f"rowid > {after} AND rowid <= {last}"
        if table == "trace_info":
            # The plus keeps the index of experiments, and its order, out of it.
            return self._typed(
                TRACE_ROW_SCHEMA, TRACE_COLUMNS, f"trace_info i WHERE {numbers} AND +i.experiment_id = {self.experiment_id}"
            )
        if table == "assessments":
            schema = ASSESSMENT_SCHEMA.append(pa.field("valid", pa.int64()))
            return self._typed(
                schema, {**ASSESSMENT_COLUMNS, "valid": "a.valid"}, f"assessments a WHERE {numbers} AND {self._theirs}"
            )
        return self._typed(LABEL_SCHEMA, LABEL_COLUMNS, f"{table} l WHERE {numbers}")

    def root_page(self, table: str) -> Statement:
        """On which page of SQLite's file a table begins."""
        source = f"sqlite_schema WHERE type = 'table' AND name = {self.dialect.text(table)}"
        return self._typed(pa.schema([("page", pa.int64())]), {"page": "rootpage"}, source)

    def made_under(self, runs: Iterable[str]) -> Statement:
        """The traces that were made under these runs."""
        schema, values = pa.schema([("trace_id", pa.string())]), ", ".join(map(self.dialect.text, runs))
        source = f"trace_request_metadata l WHERE l.key = {self.dialect.text(SOURCE_RUN)} AND l.value IN ({values})"
        return self._typed(schema, {"trace_id": "l.request_id"}, source)

    @property
    def _theirs(self) -> str:
        """The condition that an assessment `a` is feedback or an expectation, and not ours."""
        ours = f"{self.dialect.exact.format('a.source_id')} = {self.dialect.text(OUR_SOURCE_ID)}"
        return f"a.assessment_type IN ('feedback', 'expectation') AND (a.source_id IS NULL OR NOT {ours})"

    def _within(self, low: Key, high: Key) -> str:
        """The condition that a trace `i` is in the range."""
        key = f"(i.timestamp_ms, {self.dialect.exact.format('i.request_id')})"
        first, end = (f"({bound.timestamp_ms}, {self.dialect.text(bound.trace_id)})" for bound in (low, high))
        times = f"i.timestamp_ms BETWEEN {low.timestamp_ms} AND {high.timestamp_ms}"
        return f"i.experiment_id = {self.experiment_id} AND {times} AND {key} >= {first} AND {key} < {end}"

    def _of_traces(self, low: Key, high: Key, schema: pa.Schema, columns: Mapping[str, str], source: str) -> Statement:
        """Rows of another table that belong to the range's traces."""
        return self._of_scope(low, high, schema, columns, f"scope {self.dialect.joined} {source}")

    def _of_scope(self, low: Key, high: Key, schema: pa.Schema, columns: Mapping[str, str], source: str) -> Statement:
        order = f"i.timestamp_ms, {self.dialect.exact.format('i.request_id')}"
        scope = f"SELECT i.request_id, i.timestamp_ms FROM trace_info i WHERE {self._within(low, high)} ORDER BY {order}"
        text = self._typed(schema, columns, source).text
        return Statement(f"WITH scope {self.dialect.scope} ({scope}) {text}", schema)

    def _typed(self, schema: pa.Schema, columns: Mapping[str, str], source: str) -> Statement:
        """A SELECT of these columns in the types of the schema."""
        names = {field.name: f"{self.dialect.quote}{field.name}{self.dialect.quote}" for field in schema}
        values = [f"CAST({columns[field.name]} AS {self.dialect.types[field.type]}) AS {names[field.name]}" for field in schema]
        rows = f"SELECT {', '.join(values)} FROM {source}"
        if not self.dialect.sampled:
            return Statement(rows, schema)
        samples = [f"{SAMPLES[field.type]} AS {names[field.name]}" for field in schema]
        return Statement(f"SELECT {', '.join(samples)} UNION ALL {rows}", schema)
