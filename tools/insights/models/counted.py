"""What was counted, written once: the snapshot, the census with its buckets, the queries."""

from datetime import datetime

from .base import Kind, Part, Unit


class Bucket(Part):
    """One figure of the census, with what it was computed from.

    `numerator` of `denominator` where the figure is a share; for a quantile or a mean the denominator is how many values went in
    and the numerator is absent. A figure that could not be computed has `value` None: missing is not zero.
    """

    name: str
    """What is measured, the same for every segment: `trace_error_rate`, `latency_p95`, `tool_failure_rate`, ..."""
    dimension: str = "all"
    """What it is broken down by: all, tool, span, model, version, time, duration, error, ..."""
    segment: str = ""
    """The value of the dimension: a tool's name, a time bucket, ..."""
    value: float | None
    unit: Unit
    numerator: int | None = None
    denominator: int | None = None
    sample_trace_ids: tuple[str, ...] = ()
    query_id: str
    definition: str = ""
    """What exactly is counted, in words; the same for every segment of a name."""
    kind: Kind = "operational"
    """Quality buckets are proxies: they anchor hypotheses and are never issues by themselves."""


class Census(Part):
    """Every trace of the snapshot, counted. Buckets are in a stable order."""

    created_at: datetime
    snapshot_digest: str
    traces: int
    spans: int
    buckets: tuple[Bucket, ...]

    def find(self, name: str, *, dimension: str | None = None, segment: str | None = None) -> list[Bucket]:
        """The buckets of this name, narrowed by dimension and segment where given."""
        return [
            bucket
            for bucket in self.buckets
            if bucket.name == name
            and (dimension is None or bucket.dimension == dimension)
            and (segment is None or bucket.segment == segment)
        ]

    def value(self, name: str, *, segment: str = "") -> float | None:
        """The value of the one bucket of this name and segment; None where it is missing or wasn't computable."""
        found = self.find(name, segment=segment)
        return found[0].value if found else None


class SnapshotRecord(Part):
    """Which traces an analysis is about: fixed when it starts, compared when it is resumed."""

    instant: datetime
    """Traces that began after this are not in it."""
    since: datetime | None = None
    until: datetime | None = None
    traces: int
    spans: int
    assessments: int
    excluded: int
    """Traces left out because a judge or this product made them."""
    unreadable: int
    """Traces whose spans could not be read; they are in `traces`, and coverage says how many."""
    first_trace: datetime | None
    last_trace: datetime | None
    filter: str = ""
    """The condition that the traces meet, where they were cut by one."""
    follows: str | None = None
    """The analysis whose counted traces were left out, so that these are all newer or late."""
    digest: str
    partitions: dict[str, str]
    """Digest per partition."""


class Links(Part):
    """The traces that an analysis has looked at, where MLflow's store has no links between traces and runs."""

    trace_ids: tuple[str, ...]
    """Sorted."""


class QueryRecord(Part):
    """One executed query, kept so that every number can be computed again."""

    query_id: str
    """`Q` and 10 hex digits of the SHA-256 of snapshot digest and SQL: the same query on the same snapshot is the same record."""
    title: str
    sql: str
    rows: int
    columns: tuple[str, ...]
    result_digest: str
    snapshot_digest: str
