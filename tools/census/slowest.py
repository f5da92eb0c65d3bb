"""Where the time of the latency outliers goes: to which spans, by name."""

from collections.abc import Iterable, Sequence
from math import floor

from ..insights.models import Bucket
from .figures import Row, Scope, samples

LISTED = 3
"""Names that are listed, by traces."""


def slowest_sql(limit_ms: float) -> str:
    """One row a name that takes most of the time in some outlier; time is counted at the leaves, where it is spent.

    Traces last whole milliseconds, and files in which none lasts as long as a whole number aren't read.
    """
    return f"""
WITH slow AS (SELECT trace_id FROM traces WHERE state = 'OK' AND execution_duration_ms > {floor(limit_ms)}),
inside AS (
  SELECT trace_id, span_id, parent_span_id, name, duration_ms FROM spans WHERE trace_id IN (SELECT trace_id FROM slow)),
spent AS (
  SELECT i.trace_id, i.name, sum(i.duration_ms) AS total_ms FROM inside AS i
  LEFT JOIN (SELECT DISTINCT trace_id, parent_span_id FROM inside) AS c
    ON c.trace_id = i.trace_id AND c.parent_span_id = i.span_id
  WHERE i.parent_span_id IS NOT NULL AND c.parent_span_id IS NULL AND i.duration_ms IS NOT NULL GROUP BY i.trace_id, i.name),
ranked AS (
  SELECT trace_id, name, row_number() OVER (PARTITION BY trace_id ORDER BY total_ms DESC, name) AS place FROM spent)
SELECT name, count(*) AS traces, {samples("TRUE")} AS samples, (SELECT count(*) FROM slow) AS outliers
FROM ranked WHERE place = 1 GROUP BY name ORDER BY traces DESC, name LIMIT {LISTED}
"""


def read_slowest(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """The names that take most of the time in most outliers."""
    for row in rows:
        scope = Scope(query_id, dimension="slowest", segment=row.text("name"))
        yield scope.share("outlier_time", row.count("traces"), row.count("outliers"), row.samples())
