"""The two sets of traces of a comparison, as SELECTs over one snapshot; they never share a trace."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..census.literals import quote
from ..errors import UserError
from ..insights.models import SnapshotRecord
from ..instants import MILLISECOND
from ..sql.intermediate import nested
from ..sql.service import SqlService
from ..testing.slice_plan import MODEL
from ..traces.cut import condition_sql
from ..windows import OVERLAP

OWNER = "comparison"
NAMED = 8
"""Values that an error lists."""


@dataclass(frozen=True)
class Side:
    """One set of traces."""

    label: str
    sql: str
    """A SELECT of `trace_id`."""


@dataclass(frozen=True)
class Extent:
    """How many traces a side has, and when they began."""

    traces: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Pair:
    """Two sides without a common trace."""

    a: Side
    b: Side
    extent_a: Extent
    extent_b: Extent
    note: str = ""
    """What was left out of a side so that no trace stands on both."""

    @property
    def in_sequence(self) -> bool:
        """Whether all traces of one side began before all of the other: then difference and time can't be told apart."""
        a, b = self.extent_a, self.extent_b
        if a.first is None or a.last is None or b.first is None or b.last is None:
            return False
        return a.last < b.first or b.last < a.first


def window(label: str, since: datetime | None, until: datetime | None) -> Side:
    """The traces that began in a window; both ends are part of it."""
    bounds = [f"request_time {sign} {_timestamp(at)}" for sign, at in ((">=", since), ("<=", until)) if at is not None]
    return Side(label, f"SELECT trace_id FROM traces WHERE {' AND '.join(bounds) or 'TRUE'}")


def analysed(label: str, record: SnapshotRecord) -> Side:
    """The traces that an analysis was about: those of its window that meet its filter.

    One that follows another begins an hour early for traces that were logged late; these few are left out, as that hour is the
    other's.
    """
    since = record.since + OVERLAP + MILLISECOND if record.since and record.follows else record.since
    side = window(label, since, min(record.instant, record.until) if record.until else record.instant)
    if not record.filter:
        return side
    return replace(side, sql=f"SELECT k.trace_id FROM ({side.sql} INTERSECT {condition_sql(record.filter)}) AS k")


def valued(sql: SqlService, by: str, value: str) -> Side:
    """The traces with a value of what they are told apart by: `version`, `model` (the first that is called) or `tag:KEY`.

    Raises:
        UserError: It is none of these, or no trace has the value.
    """
    values = VALUES[by]() if by in VALUES else _tag(by)
    side = Side(
        f"{by.removeprefix('tag:')} {value}", f"SELECT trace_id FROM {nested(values)} AS v WHERE v.value = {quote(value)}"
    )
    if not extent(sql, side).traces:
        counted = f"SELECT value, count(*) AS traces FROM {nested(values)} AS v WHERE value IS NOT NULL GROUP BY value"
        rows = sql.query(f"{counted} ORDER BY traces DESC, value LIMIT {NAMED}", title=f"Values of {by}", owner=OWNER).table
        known = ", ".join(f"{row['value']!r} ({row['traces']:,})" for row in rows.to_pylist())
        raise UserError(f"No trace has {by} = {value!r}. " + (f"There are: {known}." if known else f"None has any {by}."))
    return side


def disjoint(sql: SqlService, a: Side, b: Side) -> Pair:
    """Both sides without what they share: it is left out of the later one, or of the other where nothing would remain.

    Raises:
        UserError: Both are the same traces, or one has none.
    """
    for side in (a, b):
        if not extent(sql, side).traces:
            raise UserError(f"{side.label} has no traces.")
    shared = extent(sql, Side("", f"{a.sql} INTERSECT {b.sql}")).traces
    if not shared:
        return Pair(a, b, extent(sql, a), extent(sql, b))
    for left, right in (((a, b), (a, _without(b, a))), ((a, b), (_without(a, b), b))):
        kept = (extent(sql, right[0]), extent(sql, right[1]))
        if kept[0].traces and kept[1].traces:
            named = left[1].label if right[0] is a else left[0].label
            return Pair(*right, *kept, note=f"{shared:,} traces are of both; they are left out of {named}.")
    raise UserError(f"{a.label} and {b.label} are the same {shared:,} traces: there is nothing to compare.")


def extent(sql: SqlService, side: Side) -> Extent:
    """How many traces a side has, and when they began."""
    text = f"""SELECT count(*) AS traces, min(t.request_time) AS first, max(t.request_time) AS last
FROM traces AS t JOIN {nested(side.sql)} AS s ON s.trace_id = t.trace_id"""
    (row,) = sql.query(text, title=f"Traces of {side.label}", owner=OWNER).table.to_pylist()
    return Extent(int(row["traces"]), _utc(row["first"]), _utc(row["last"]))


def _without(side: Side, other: Side) -> Side:
    return replace(side, sql=f"SELECT k.trace_id FROM ({side.sql} EXCEPT {other.sql}) AS k")


def _tag(by: str) -> str:
    key = by.removeprefix("tag:")
    if key == by or not key:
        raise UserError(f"{by!r} tells no traces apart: say --by tag:KEY, --by version or --by model.")
    return f"SELECT trace_id, coalesce(tags[{quote(key)}], trace_metadata[{quote(key)}]) AS value FROM traces"


VALUES: dict[str, Callable[[], str]] = {
    "version": lambda: "SELECT trace_id, version AS value FROM traces",
    "model": lambda: MODEL,
}


def _timestamp(at: datetime) -> str:
    return f"TIMESTAMP {quote(f'{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}')}"


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)
