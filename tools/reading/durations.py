"""How long each kind of step takes, counted over all traces asked for."""

from typing import Any

from ..census.timing import durations_are_nominal
from ..shares import percent
from ..workbench import Workbench
from .facts import Half
from .glance import Entry, Glance

STEPS = """
SELECT s.span_type AS span_type, s.name AS name, count(*) AS spans, count(DISTINCT s.trace_id) AS traces,
       percentile(s.duration_ms, 0.5) AS p50, percentile(s.duration_ms, 0.95) AS p95, max(s.duration_ms) AS longest,
       sum(s.duration_ms) AS total, max_by(s.trace_id, s.duration_ms) AS slowest
FROM spans AS s{half}
WHERE s.duration_ms IS NOT NULL AND s.parent_span_id IS NOT NULL
GROUP BY s.span_type, s.name ORDER BY total DESC, name LIMIT 40
"""
HALF = "\nJOIN clusters AS h ON h.trace_id = s.trace_id AND h.half = 'discovery'"


def durations(bench: Workbench, *, half: Half) -> Glance:
    """Per kind of step and name: how many, the median, the 95th percentile, the longest, and the trace of that."""
    sql = STEPS.format(half=HALF if half == "discovery" else "")
    if durations_are_nominal(bench.sql):
        return Glance("# How long steps take: durations were set, not measured.", ())
    rows = bench.query(sql, title="Durations by step").to_pylist()
    total = sum(float(row["total"]) for row in rows) or 1.0
    return Glance("# How long steps take.", tuple(_entry(row, total) for row in rows))


def _entry(row: dict[str, Any], total: float) -> Entry:
    kind, share = row["span_type"] or "SPAN", float(row["total"]) / total
    took = f"median {row['p50'] / 1000:.2f} s, p95 {row['p95'] / 1000:.2f} s, longest {row['longest'] / 1000:.1f} s"
    counts = f"{row['spans']:,} in {row['traces']:,} traces"
    text = f"{row['name']} ({kind}): {counts}, {took} in {row['slowest']}, {percent(share)} of the time"
    return Entry(text, (str(row["slowest"]),))
