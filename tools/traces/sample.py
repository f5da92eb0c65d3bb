"""Which traces to look at: drawn at random by a seed, spread over the kinds that there are, odd ones.

All are of the discovery half of the clusters: what is suggested by them is tested where nobody has looked (method: Split).
"""

from collections.abc import Iterable

from ..census.literals import quote
from ..insights.models import Census
from ..sql.service import SqlService

DISCOVERY = "SELECT h.trace_id FROM clusters AS h WHERE h.half = 'discovery'"
ODD_SHARE = 0.2
"""A bucket of the census is odd where it holds at most this share of the traces that it is about."""

SPREAD = """
WITH tools AS (
  SELECT trace_id, md5(array_join(sort_array(collect_set(name)), ',')) AS tools FROM spans WHERE span_type = 'TOOL' GROUP BY 1),
facts AS (
  SELECT t.trace_id, t.state, coalesce(x.tools, '') AS tools, md5(concat('{seed}:', t.trace_id)) AS draw,
         ntile(3) OVER (ORDER BY t.span_count, t.trace_id) AS length,
         ntile(4) OVER (ORDER BY t.request_time, t.trace_id) AS period
  FROM traces AS t LEFT JOIN tools AS x ON x.trace_id = t.trace_id WHERE t.trace_id IN ({discovery})),
placed AS (
  SELECT trace_id, draw, row_number() OVER (PARTITION BY state, length, period ORDER BY draw) AS place,
         row_number() OVER (PARTITION BY state, tools ORDER BY draw) AS tools_place
  FROM facts)
SELECT trace_id FROM placed ORDER BY place + tools_place, draw LIMIT {size}
"""
RANDOM = """
SELECT t.trace_id AS trace_id FROM traces AS t WHERE t.trace_id IN ({discovery}) AND t.span_count > 0
ORDER BY md5(concat('{seed}:', t.trace_id)) LIMIT {size}
"""


def spread_sample(sql: SqlService, *, size: int, seed: int) -> list[str]:
    """Traces of every state, set of tools, length and period, as evenly as so few can be."""
    return _ids(sql, SPREAD.format(seed=seed, size=size, discovery=DISCOVERY), f"{size} traces of every kind")


def random_sample(sql: SqlService, *, size: int, seed: int) -> list[str]:
    """Traces drawn at random; their order is random too."""
    return _ids(sql, RANDOM.format(seed=seed, size=size, discovery=DISCOVERY), f"{size} traces at random")


def odd_sample(sql: SqlService, census: Census, *, size: int) -> list[str]:
    """A trace of each bucket of the census that few traces are in, the rarest first."""
    odd = sorted(
        (bucket.numerator / bucket.denominator, bucket.name, bucket.segment, bucket.sample_trace_ids)
        for bucket in census.buckets
        if bucket.numerator and bucket.denominator and bucket.numerator <= ODD_SHARE * bucket.denominator
    )
    sampled = {trace_id for *_, samples in odd for trace_id in samples}
    shown = (
        set(_ids(sql, f"{DISCOVERY} AND h.trace_id IN ({_list(sorted(sampled))})", "Samples of odd buckets"))
        if sampled
        else set[str]()
    )
    firsts = (next((each for each in samples if each in shown), "") for *_, samples in odd)
    return list(dict.fromkeys(filter(None, firsts)))[:size]


def _ids(sql: SqlService, query: str, title: str) -> list[str]:
    return [str(each) for each in sql.query(query, title=title).table["trace_id"].to_pylist()]


def _list(values: Iterable[str]) -> str:
    return ", ".join(quote(value) for value in values)
