"""Traces by duration band, time, hour of the day and version: how many, how many fail, how fast."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ..insights.models import Bucket
from .figures import Row, Scope, samples

TIME_BUCKETS = 24
BANDS = (("<1 s", 1_000), ("1-5 s", 5_000), ("5-30 s", 30_000), ("30-60 s", 60_000))
LAST_BAND = ">=60 s"
VERSIONS = 50
"""Versions that are listed, by traces."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
WIDTHS_S = (
    *(MINUTE * each for each in (1, 5, 15)),
    *(HOUR * each for each in (1, 3, 6, 12)),
    *(DAY * each for each in (1, 2, 7, 14, 28, 91, 182, 364)),
)
ANCHOR = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday: buckets of whole weeks begin on one."""


def time_width_s(first: datetime, last: datetime) -> int:
    """The narrowest width with which the traces fall into at most `TIME_BUCKETS` buckets, in s."""
    for width in WIDTHS_S:
        if _place(last, width) - _place(first, width) < TIME_BUCKETS:
            return width
    return WIDTHS_S[-1]


def bucket_start(first: datetime, width_s: int) -> datetime:
    """Where the bucket of the first trace begins."""
    return ANCHOR + timedelta(seconds=_place(first, width_s) * width_s)


def time_label(start: datetime) -> str:
    """How a time bucket is named; `datetime.fromisoformat` reads it."""
    return start.strftime("%Y-%m-%d %H:%M")


def timestamp(instant: datetime) -> str:
    """SQL for an instant, UTC."""
    return f"TIMESTAMP '{instant.strftime('%Y-%m-%d %H:%M:%S')}'"


def _place(instant: datetime, width_s: int) -> int:
    return int((instant - ANCHOR).total_seconds()) // width_s


def segments_sql(start: datetime, width_s: int) -> str:
    """One row a segment of each of the four dimensions."""
    bands = " ".join(f"WHEN execution_duration_ms < {limit} THEN '{label}'" for label, limit in BANDS)
    return f"""
WITH facts AS (
  SELECT trace_id, state, execution_duration_ms, silent_error_count, version,
         CASE {bands} WHEN execution_duration_ms IS NOT NULL THEN '{LAST_BAND}' END AS band,
         CAST(floor(timestampdiff(SECOND, {timestamp(start)}, request_time) / {width_s}) AS BIGINT) AS bucket,
         hour(request_time) AS hour_of_day
  FROM traces)
SELECT CASE WHEN grouping(band) = 0 THEN 'duration' WHEN grouping(bucket) = 0 THEN 'time'
            WHEN grouping(hour_of_day) = 0 THEN 'hour' ELSE 'version' END AS dimension,
       band, bucket, hour_of_day, version, count(*) AS traces,
       count_if(state IN ('OK', 'ERROR')) AS finished, count_if(state = 'ERROR') AS errors,
       count_if(silent_error_count > 0) AS silent,
       count(CASE WHEN state = 'OK' THEN execution_duration_ms END) AS timed,
       percentile(CASE WHEN state = 'OK' THEN execution_duration_ms END, 0.5) AS p50,
       percentile(CASE WHEN state = 'OK' THEN execution_duration_ms END, 0.95) AS p95,
       {samples("state = 'ERROR'")} AS samples
FROM facts GROUP BY GROUPING SETS ((band), (bucket), (hour_of_day), (version))
"""


def read_segments(rows: Sequence[Row], query_id: str, *, start: datetime, width_s: int) -> Iterable[Bucket]:
    """Bands in order, times in order, hours in order, versions by traces."""
    by_dimension: dict[str, list[Row]] = {"duration": [], "time": [], "hour": [], "version": []}
    columns = {"duration": "band", "time": "bucket", "hour": "hour_of_day", "version": "version"}
    for row in rows:
        dimension = row.text("dimension")
        if row.known(columns[dimension]):
            by_dimension[dimension].append(row)
    yield from _read_bands(by_dimension["duration"], query_id)
    yield Scope(query_id).figure("time_bucket_ms", width_s * 1000)
    for row in sorted(by_dimension["time"], key=lambda row: row.count("bucket")):
        label = time_label(start + timedelta(seconds=row.count("bucket") * width_s))
        yield from _read_segment(row, Scope(query_id, dimension="time", segment=label))
    for row in sorted(by_dimension["hour"], key=lambda row: row.count("hour_of_day")):
        yield from _read_segment(row, Scope(query_id, dimension="hour", segment=f"{row.count('hour_of_day'):02}"))
    versions = sorted(by_dimension["version"], key=lambda row: (-row.count("traces"), row.text("version")))
    for row in versions[:VERSIONS]:
        yield from _read_segment(row, Scope(query_id, dimension="version", segment=row.text("version")))


def _read_bands(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    order = [label for label, _ in BANDS] + [LAST_BAND]
    errors = sum(row.count("errors") for row in rows)
    for row in sorted(rows, key=lambda row: order.index(row.text("band"))):
        scope = Scope(query_id, dimension="duration", segment=row.text("band"))
        yield scope.figure("traces", row.count("traces"))
        yield scope.share("trace_error_rate", row.count("errors"), row.count("finished"), row.samples())
        yield scope.share("error_share", row.count("errors"), errors, row.samples())


def _read_segment(row: Row, scope: Scope) -> Iterable[Bucket]:
    yield scope.figure("traces", row.count("traces"))
    yield scope.share("trace_error_rate", row.count("errors"), row.count("finished"), row.samples())
    yield scope.share("silent_error_rate", row.count("silent"), row.count("traces"))
    yield scope.figure("latency_p50", row.number("p50"), of=row.count("timed"))
    yield scope.figure("latency_p95", row.number("p95"), of=row.count("timed"))
