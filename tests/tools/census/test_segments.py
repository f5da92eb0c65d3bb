"""Traces by duration, time, hour and version."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_experiment.tests.tools.census.counting import Counted, counted
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace
from analyze_experiment.tools.census.segments import TIME_BUCKETS, bucket_start, time_width_s


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    hour = timedelta(hours=1)
    silent = (Span("pay", silent="Error: declined"),)
    traces = (
        Trace("ERROR", 999, at=0 * hour, version="1"),
        Trace("OK", 1000, at=0.5 * hour, version="1"),
        Trace("OK", 3000, silent, at=0.999 * hour, version="1"),
        Trace("OK", 29_999, at=1 * hour, version="2"),
        Trace("ERROR", 30_000, at=5 * hour, version="2"),
        Trace("ERROR", 60_000, at=5 * hour),
        Trace("IN_PROGRESS", None, at=23 * hour),
        Trace("IN_PROGRESS", 60_000, at=23 * hour),
    )
    with counted(tmp_path_factory.mktemp("day"), traces) as census:
        yield census


def test_duration_bands_tell_fast_failures_from_timeouts(day: Counted) -> None:
    bands = [bucket.segment for bucket in day.census.find("traces", dimension="duration")]

    assert bands == ["<1 s", "1-5 s", "5-30 s", "30-60 s", ">=60 s"]
    assert [day.of("trace_error_rate", band, "duration") for band in bands] == [(1, 1), (0, 2), (0, 1), (1, 1), (1, 1)]
    assert [day.of("error_share", band, "duration") for band in bands] == [(1, 3), (0, 3), (0, 3), (1, 3), (1, 3)]


def test_time_buckets_are_whole_hours_in_order(day: Counted) -> None:
    labels = [bucket.segment for bucket in day.census.find("traces", dimension="time")]

    assert labels == ["2026-03-02 09:00", "2026-03-02 10:00", "2026-03-02 14:00", "2026-03-03 08:00"]
    assert day.census.value("time_bucket_ms") == 3_600_000
    assert [day.of("trace_error_rate", label, "time") for label in labels] == [(1, 3), (0, 1), (2, 2), (0, 0)]
    assert day.of("silent_error_rate", labels[0], "time") == (1, 3)
    assert day.bucket("latency_p50", labels[0], "time").value == 2000


def test_hours_of_the_day_are_two_digits(day: Counted) -> None:
    assert [bucket.segment for bucket in day.census.find("traces", dimension="hour")] == ["08", "09", "10", "14"]


def test_versions_are_listed_by_traces_and_only_where_named(day: Counted) -> None:
    versions = day.census.find("traces", dimension="version")

    assert [(bucket.segment, bucket.value) for bucket in versions] == [("1", 3), ("2", 2)]
    assert day.of("trace_error_rate", "1", "version") == (1, 3)
    assert day.of("silent_error_rate", "1", "version") == (1, 3)
    assert day.bucket("latency_p95", "1", "version").value == pytest.approx(2900)
    assert day.bucket("trace_error_rate", "2", "version").sample_trace_ids == ("tr-004",)


@settings(deadline=None)
@given(
    st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.timedeltas(timedelta(0), timedelta(days=8000)),
)
def test_any_range_falls_into_at_most_24_aligned_buckets(first: datetime, length: timedelta) -> None:
    last = first + length
    width = time_width_s(first, last)
    start = bucket_start(first, width)

    assert start <= first < start + timedelta(seconds=width)
    assert (last - start) // timedelta(seconds=width) < TIME_BUCKETS


@pytest.mark.parametrize(
    ("length", "width"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(hours=5), timedelta(minutes=15)),
        (timedelta(hours=20), timedelta(hours=1)),
        (timedelta(days=20), timedelta(days=1)),
        (timedelta(days=150), timedelta(days=7)),
    ],
)
def test_width_is_the_narrowest_customary_one(length: timedelta, width: timedelta) -> None:
    first = datetime(2026, 3, 2, tzinfo=UTC)

    assert timedelta(seconds=time_width_s(first, first + length)) == width


def test_buckets_of_weeks_begin_on_a_monday(tmp_path: Path) -> None:
    with counted(tmp_path, [Trace(at=timedelta(days=7 * week, hours=30)) for week in range(20)]) as census:
        labels = [bucket.segment for bucket in census.census.find("traces", dimension="time")]

    assert len(labels) == 20
    assert labels[0] == "2026-03-02 00:00"
    assert all(datetime.fromisoformat(label).weekday() == 0 for label in labels)
