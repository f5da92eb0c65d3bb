"""What the census is made of: statements, the rows they give, and the buckets that are read from the rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ..insights.models import Bucket
from .definitions import DEFINITIONS

if TYPE_CHECKING:
    from ..sql.service import QueryResult

SAMPLES = 5
"""Sample traces a bucket names."""
DRAW = "concat(md5(trace_id), trace_id)"
"""Samples are the first by the hash of their id: the same each time, and unrelated to anything that ids may encode."""
DIGEST_CHARS = 32


def samples(condition: str) -> str:
    """SQL for the sample traces among a group's rows, one row a trace, that meet the condition."""
    return f"slice(sort_array(collect_list(CASE WHEN {condition} THEN {DRAW} END)), 1, {SAMPLES})"


class Queries(Protocol):
    """What answers the census's statements: the SQL service."""

    def query(self, sql: str, *, title: str, owner: str = "", parts: Sequence[str] = ()) -> "QueryResult":
        """The rows of one SELECT in the Databricks dialect, and the id it is recorded under.

        `parts` are SELECTs inside of it that other statements have too.
        """
        ...


class Row:
    """One row of a result, read by column name and type."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def count(self, name: str) -> int:
        """A number of things; nothing to count is 0."""
        value = self._values[name]
        return 0 if value is None else int(str(value))

    def number(self, name: str) -> float | None:
        """A measured figure; None where there was nothing to compute it from."""
        value = self._values[name]
        return None if value is None else float(str(value))

    def text(self, name: str) -> str:
        """A name or a message."""
        return str(self._values[name])

    def known(self, name: str) -> bool:
        """Whether there is a value."""
        return self._values[name] is not None

    def instant(self, name: str) -> datetime | None:
        """A time, UTC."""
        value = self._values[name]
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None

    def samples(self, name: str = "samples") -> tuple[str, ...]:
        """The trace ids that `samples` drew."""
        drawn = self._values[name]
        return tuple(str(key)[DIGEST_CHARS:] for key in drawn) if isinstance(drawn, list) else ()


@dataclass(frozen=True)
class Statement:
    """One SQL statement of the census, and how its rows become buckets."""

    title: str
    sql: str
    read: Callable[[Sequence[Row], str], Iterable[Bucket]]
    """From the rows and the query's id."""


@dataclass(frozen=True)
class Scope:
    """What a few buckets share: the query, the dimension and the segment."""

    query_id: str
    _: KW_ONLY
    dimension: str = "all"
    segment: str = ""

    def share(self, name: str, numerator: int, denominator: int, samples: tuple[str, ...] = ()) -> Bucket:
        """`numerator` of `denominator`; of nothing there is no share."""
        value = numerator / denominator if denominator else None
        return self._bucket(name, value, numerator, denominator, samples)

    def figure(self, name: str, value: float | None, *, of: int | None = None, samples: tuple[str, ...] = ()) -> Bucket:
        """A count, a mean or a quantile, `of` that many values."""
        return self._bucket(name, value, None, of, samples)

    def _bucket(
        self, name: str, value: float | None, numerator: int | None, denominator: int | None, samples: tuple[str, ...]
    ) -> Bucket:
        defined = DEFINITIONS[name]
        return Bucket(
            name=name,
            dimension=self.dimension,
            segment=self.segment,
            value=value,
            unit=defined.unit,
            numerator=numerator,
            denominator=denominator,
            sample_trace_ids=samples,
            query_id=self.query_id,
            definition=defined.text,
            kind=defined.kind,
        )
