"""The figures of all traces together; every expected number is computed by hand."""

from collections.abc import Iterator, Sequence
from hashlib import md5
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.census.counting import NOW, Counted, EngineHere, counted, opened
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace, write_catalog
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.errors import QueryError
from analyze_experiment.tools.sql.service import QueryResult

CHAT = Span("chat", kind="CHAT_MODEL")
SHOP = (
    Trace("OK", 1000, (CHAT, CHAT, Span("search")), session="s1", user="ann", tokens=100, cost=0.25, version="1"),
    Trace("OK", 2000, (CHAT,), session="s1", user="ann", tokens=300, request="where IS my order? "),
    Trace("OK", 3000, (CHAT,), session="s1", request="Cancel it."),
    Trace("OK", 4000, (), session="s2", user="bob", request="Cancel it."),
    Trace("OK", None, root=False, request=None, response=None),
    Trace("ERROR", 500, root_error="boom", response=None, request="Refund me."),
    Trace("ERROR", 30_000, root_error="boom", response=None, request="Refund me, please."),
    Trace("ERROR", None, root_error="boom", response=None, request="Hello?"),
    Trace("IN_PROGRESS", None, response=None, request="Still there?"),
    Trace("IN_PROGRESS", None, response=None, request="Anybody?"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with counted(tmp_path_factory.mktemp("shop"), SHOP) as census:
        yield census


class Broken:
    """Answers as another, but for one statement."""

    def __init__(self, sql: EngineHere, title: str) -> None:
        self.asked: list[str] = []
        self._sql, self._title = sql, title

    def query(self, sql: str, *, title: str, owner: str = "", parts: Sequence[str] = ()) -> QueryResult:
        """The rows of one SELECT."""
        self.asked.append(title)
        if title == self._title:
            raise QueryError(title)
        return self._sql.query(sql, title=title, owner=owner, parts=parts)


def test_traces_are_counted_by_state(shop: Counted) -> None:
    assert shop.census.traces == 10
    assert [shop.of("trace_state", state, "state") for state in ("OK", "ERROR", "IN_PROGRESS")] == [(5, 10), (3, 10), (2, 10)]


def test_error_rate_is_of_the_traces_that_ended(shop: Counted) -> None:
    rate = shop.bucket("trace_error_rate")

    assert (rate.numerator, rate.denominator, rate.value) == (3, 8, 0.375)
    assert sorted(rate.sample_trace_ids) == ["tr-005", "tr-006", "tr-007"]


@pytest.mark.parametrize(
    ("name", "value", "of"),
    [
        ("latency_mean", 2500, 4),
        ("latency_p50", 2500, 4),
        ("latency_p90", 3700, 4),
        ("latency_p95", 3850, 4),
        ("latency_p99", 3970, 4),
        ("latency_max", 4000, 4),
        ("error_latency_p50", 15_250, 2),
        ("error_latency_max", 30_000, 2),
        ("total_tokens_sum", 400, 2),
        ("total_tokens_mean", 200, 2),
        ("cost_sum", 0.25, 1),
        ("cost_mean", 0.25, 1),
        ("input_tokens_mean", None, 0),
        ("llm_calls_p50", 0, 9),
        ("llm_calls_max", 2, 9),
        ("trace_tool_calls_max", 1, 9),
        ("sessions", 2, 4),
        ("traces_per_session_mean", 2, 2),
        ("traces_per_session_max", 3, 2),
        ("users", 2, 3),
        ("distinct_requests", 7, None),
    ],
)
def test_missing_values_are_left_out_and_never_zero(shop: Counted, name: str, value: float | None, of: int | None) -> None:
    bucket = shop.bucket(name)

    assert bucket.value == (value if value is None else pytest.approx(value))
    assert (bucket.numerator, bucket.denominator) == (None, of)


def test_requests_asked_again_are_compared_after_normalising(shop: Counted) -> None:
    assert shop.of("requests_asked_again") == (2, 7)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("without_spans", (1, 10)),
        ("without_response", (1, 5)),
        ("with_tokens", (2, 10)),
        ("with_cost", (1, 10)),
        ("with_session", (4, 10)),
        ("with_user", (3, 10)),
        ("with_version", (1, 10)),
        ("with_feedback", (0, 10)),
    ],
)
def test_coverage_says_how_many_traces_have_what(shop: Counted, name: str, counts: tuple[int, int]) -> None:
    assert shop.of(name, dimension="coverage") == counts


def test_an_experiment_that_records_nothing_has_no_sessions_rather_than_zero(tmp_path: Path) -> None:
    with counted(tmp_path, [Trace(), Trace()]) as census:
        assert [census.bucket(name).value for name in ("sessions", "users", "cost_sum", "traces_per_session_max")] == [None] * 4


def test_census_of_no_trace_counts_nothing_and_fails_nowhere(tmp_path: Path) -> None:
    with counted(tmp_path, []) as empty:
        assert empty.census.traces == 0
        assert empty.bucket("trace_error_rate").value is None
        assert not empty.issues()


def test_census_is_the_same_each_time_and_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    with counted(tmp_path / "a", SHOP) as first, counted(tmp_path / "b", SHOP, backwards=True) as again:
        assert again.census == first.census


def test_every_figure_names_its_query_and_its_definition(shop: Counted) -> None:
    assert all(bucket.query_id.startswith("Q") and bucket.definition for bucket in shop.census.buckets)
    definitions = {(bucket.name, bucket.definition, bucket.unit, bucket.kind) for bucket in shop.census.buckets}
    assert len(definitions) == len({bucket.name for bucket in shop.census.buckets})
    keys = [(bucket.name, bucket.dimension, bucket.segment) for bucket in shop.census.buckets]
    assert len(set(keys)) == len(keys)


def test_shares_are_their_numerator_of_their_denominator(shop: Counted) -> None:
    shares = [bucket for bucket in shop.census.buckets if bucket.numerator is not None]

    assert shares
    for bucket in shares:
        assert bucket.numerator is not None
        assert bucket.denominator is not None
        assert bucket.value == (bucket.numerator / bucket.denominator if bucket.denominator else None)


def test_progress_counts_every_statement(shop: Counted, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    _, snapshot = write_catalog(tmp_path, SHOP)
    take_census(shop.sql, snapshot, now=NOW, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(place + 1, len(seen)) for place in range(len(seen))]


def test_a_statement_that_fails_ends_the_census_with_its_error(tmp_path: Path) -> None:
    seen: list[int] = []
    with opened(tmp_path, SHOP) as sql:
        broken = Broken(sql, "Error messages")
        with pytest.raises(QueryError, match="Error messages"):
            take_census(broken, sql.snapshot, now=NOW, progress=lambda done, _: seen.append(done))

    assert "Error messages" in broken.asked
    assert seen == list(range(1, len(seen) + 1))


def test_samples_are_drawn_by_the_hash_of_the_id_not_by_its_order(tmp_path: Path) -> None:
    with counted(tmp_path, [Trace("ERROR") for _ in range(40)]) as census:
        drawn = census.bucket("trace_error_rate").sample_trace_ids

    assert list(drawn) == sorted((f"tr-{number:03}" for number in range(40)), key=lambda each: md5(each.encode()).hexdigest())[:5]
