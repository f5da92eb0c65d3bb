"""Two sets of traces side by side: what changed, what can't be told, and what is no comparison at all."""

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.tests.tools.testing.tiny_catalog import BEGINNING, TinySpan, TinyTrace, open_service, write_catalog
from analyze_experiment.tools.comparing.compare import Compared, Comparison, compare
from analyze_experiment.tools.comparing.measures import figure_measures
from analyze_experiment.tools.comparing.report import to_document, to_markdown
from analyze_experiment.tools.comparing.sides import Extent, Side, analysed, disjoint, extent, valued, window
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.models import Severity, SnapshotRecord
from analyze_experiment.tools.sql.service import SqlService

FIRST, LAST = BEGINNING.replace(tzinfo=UTC), BEGINNING.replace(tzinfo=UTC) + timedelta(minutes=399)
HALF = FIRST + timedelta(minutes=200)
BROKEN = {"book": (0.30, 0.30), "pay": (0.02, 0.30), "mail": (0.30, 0.02), "print": (0.0, 0.25), "scan": (0.25, 0.0)}
"""Per tool the share of failing traces on either side."""


def traces() -> list[TinyTrace]:
    """200 traces of 1.0 in the first 200 minutes, 200 of 2.0 in the next. Each calls every tool; one more is called twice."""
    made: list[TinyTrace] = []
    for number in range(400):
        later, place = divmod(number, 200)
        spans = [
            TinySpan(tool, error="down" if place % 100 < round(100 * shares[later]) else "", duration_ms=100.0 + number % 37)
            for tool, shares in BROKEN.items()
        ]
        spans += [TinySpan("rare")] if place == 0 else []
        made.append(
            TinyTrace(
                f"t{number:03}",
                spans=tuple(spans),
                version=("1.0", "2.0")[later],
                tags={"region": ("eu", "us")[number % 2]},
                at_minute=float(number),
                duration_ms=1000 + 10 * (number % 37) + 900 * later,
            )
        )
    return made


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlService]:
    with open_service(write_catalog(tmp_path_factory.mktemp("sides"), traces())) as service:
        yield service


Compare = Callable[[Side, Side], Comparison]


@pytest.fixture(scope="module")
def between(sql: SqlService) -> Compare:
    measures = list(figure_measures(sql, []))
    return lambda a, b: compare(
        sql, disjoint(sql, a, b), measures, cluster_key="trace", seed=0, progress=lambda done, total: None
    )


@pytest.fixture(scope="module")
def versions(sql: SqlService, between: Compare) -> Comparison:
    return between(valued(sql, "version", "1.0"), valued(sql, "version", "2.0"))


def of(comparison: Comparison, name: str) -> Compared:
    return next(each for each in comparison.compared if each.measure.name == name)


@pytest.mark.parametrize(
    ("tool", "change"),
    [
        ("book", "no change shown"),
        ("pay", "worse"),
        ("mail", "better"),
        ("print", "new"),
        ("scan", "gone"),
        ("rare", "too little data"),
    ],
)
def test_each_tool_is_said_to_have_changed_as_it_did(versions: Comparison, tool: str, change: str) -> None:
    found = of(versions, f"tool_failing_traces {tool}")
    assert found.change == change
    if tool in BROKEN:
        assert [found.a.affected, found.b.affected] == [round(200 * share) for share in BROKEN[tool]]


def test_slower_traces_are_seen_by_their_quantiles(versions: Comparison) -> None:
    median = of(versions, "latency_median")
    assert median.change == "worse"
    assert median.ratio is not None
    assert median.ratio == pytest.approx(2080 / 1180, abs=0.05)


def test_more_traces_above_equal_medians_are_never_called_better(tmp_path: Path) -> None:
    slower = (*[1000] * 40, *[2000] * 15, *[3000] * 45)
    made = [
        TinyTrace(f"t{number:03}", version="1.0" if number < 100 else "2.0", at_minute=float(number), duration_ms=duration)
        for number, duration in enumerate((*[1000] * 40, *[2000] * 60, *slower))
    ]
    with open_service(write_catalog(tmp_path, made)) as sql:
        pair = disjoint(sql, valued(sql, "version", "1.0"), valued(sql, "version", "2.0"))
        measures = list(figure_measures(sql, []))
        found = compare(sql, pair, measures, cluster_key="trace", seed=0, progress=lambda done, total: None)
    median = of(found, "latency_median")
    assert median.ratio == 1
    assert median.p_adjusted is not None and median.p_adjusted < 0.05
    assert median.change == "no change shown"


def test_sides_the_other_way_round_give_the_mirror_image(sql: SqlService, between: Compare, versions: Comparison) -> None:
    mirrored = between(valued(sql, "version", "2.0"), valued(sql, "version", "1.0"))
    opposite = {"new": "gone", "gone": "new", "worse": "better", "better": "worse"}
    for each in versions.compared:
        twin = of(mirrored, each.measure.name)
        assert twin.change == opposite.get(each.change, each.change)
        assert (twin.a.affected, twin.b.affected) == (each.b.affected, each.a.affected) or each.measure.name.startswith("latency")


def test_what_is_worse_is_a_regression_from_its_severity_on(versions: Comparison) -> None:
    critical = {each.measure.name for each in versions.regressions(Severity.CRITICAL)}
    assert {"tool_failing_traces pay", "tool_failing_traces print"} <= critical
    assert not critical & {"tool_failing_traces mail", "tool_failing_traces book"}
    assert critical <= {each.measure.name for each in versions.regressions(Severity.LOW)}


def test_labels_that_make_no_difference_show_no_change(sql: SqlService, between: Compare) -> None:
    found = between(valued(sql, "tag:region", "eu"), valued(sql, "tag:region", "us"))
    assert {each.change for each in found.compared} <= {"no change shown", "too little data"}
    assert not found.pair.in_sequence
    assert "overlap in time" in to_markdown(found)
    assert "Nothing: no difference is larger than chance explains." in to_markdown(found)


def test_without_overlap_in_time_the_text_says_since_and_never_because_of(versions: Comparison) -> None:
    assert versions.pair.in_sequence
    assert "*since* then, never one *because of* it" in to_markdown(versions)


def test_traces_of_both_sides_stand_on_one_only(sql: SqlService) -> None:
    pair = disjoint(sql, window("first half", FIRST, HALF), window("everything", FIRST, LAST))
    assert (pair.extent_a.traces, pair.extent_b.traces) == (201, 199)
    assert pair.note == "201 traces are of both; they are left out of everything."
    other = disjoint(sql, window("everything", FIRST, LAST), window("first half", FIRST, HALF))
    assert (other.extent_a.traces, other.extent_b.traces) == (199, 201)


def test_the_same_traces_are_no_comparison(sql: SqlService) -> None:
    with pytest.raises(UserError, match="are the same 400 traces"):
        disjoint(sql, window("all", FIRST, LAST), window("all again", FIRST, LAST))
    with pytest.raises(UserError, match="nothing has no traces"):
        disjoint(sql, window("all", FIRST, LAST), window("nothing", LAST + timedelta(days=1), None))


def test_a_value_that_no_trace_has_is_answered_with_those_that_there_are(sql: SqlService) -> None:
    with pytest.raises(UserError, match=r"No trace has version = '3\.0'\. There are: '1\.0' \(200\), '2\.0' \(200\)\."):
        valued(sql, "version", "3.0")
    with pytest.raises(UserError, match="None has any model"):
        valued(sql, "model", "large")
    with pytest.raises(UserError, match="say --by tag:KEY, --by version or --by model"):
        valued(sql, "colour", "red")


def test_markdown_and_document_say_the_same(versions: Comparison) -> None:
    document, text = to_document(versions), to_markdown(versions)
    assert document["counts"] == {
        "new": 1,
        "worse": len(versions.having("worse")),
        "gone": 1,
        "better": 1,
        "no change shown": len(versions.having("no change shown")),
        "too little data": len(versions.having("too little data")),
    }
    for each in versions.compared:
        assert (each.measure.title in text) == bool(each.a.affected or each.b.affected)
    assert f"{versions.tested} tested together" in text
    assert "4 of 200 (2.0%" in text
    assert "60 of 200 (30.0%" in text


def test_a_side_holds_the_traces_that_its_analysis_was_about(sql: SqlService) -> None:
    nothing: dict[str, Any] = {"first_trace": None, "last_trace": None, "digest": "", "partitions": {}}
    counts = dict.fromkeys(("traces", "spans", "assessments", "excluded", "unreadable"), 0)
    record = SnapshotRecord(instant=LAST, since=FIRST + timedelta(minutes=100), **counts, **nothing)
    cut = record.model_copy(update={"filter": "version = '2.0' AND tags['region'] = 'eu'"})
    following = record.model_copy(update={"follows": "the analysis before"})

    assert extent(sql, analysed("all", record)).traces == 300
    assert extent(sql, analysed("cut", cut)).traces == 100
    assert extent(sql, analysed("following", following)) == Extent(239, FIRST + timedelta(minutes=161), LAST)
