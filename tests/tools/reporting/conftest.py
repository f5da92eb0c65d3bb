"""The memory of an analysis whose traces hold what would harm a page that took it for markup."""

from collections.abc import Callable
from pathlib import Path

import pytest

from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tests.tools.insights.samples import SNAPSHOT, draft, issue, query
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import (
    Bucket,
    Cell,
    Census,
    Evidence,
    Fingerprint,
    HypothesisStatus,
    Interval,
    TestResult,
    Verdict,
)
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.reporting.facts import ReportFacts, gather_facts
from analyze_experiment.tools.tracking import connect

TAKE_OVER = "document.documentElement.lang='taken'"
HOSTILE = f'<script>{TAKE_OVER}</script><img src=x onerror="{TAKE_OVER}"> $x_2$ & `<b>`'
QUERY = "Q0123456789"
HOURS = [f"2026-03-02 {hour:02}:00" for hour in (9, 10, 11, 13)]


def _over_time(name: str, values: list[float], unit: str) -> list[Bucket]:
    shares = [
        {"numerator": round(10 * value), "denominator": 10} if unit == "share" else {"numerator": None, "denominator": 10}
        for value in values
    ]
    return [
        Bucket.model_validate(
            {"name": name, "dimension": "time", "segment": hour, "value": value, "unit": unit, "query_id": QUERY} | part
        )
        for hour, value, part in zip(HOURS, values, shares, strict=True)
    ]


def _census() -> Census:
    whole = [
        Bucket(name="trace_error_rate", value=0.2, unit="share", numerator=8, denominator=40, query_id=QUERY),
        Bucket(name="time_bucket_ms", value=3_600_000, unit="ms", query_id=QUERY),
        Bucket(name="latency_p50", value=1500, unit="ms", denominator=32, query_id=QUERY),
        Bucket(name="cost_sum", value=None, unit="usd", query_id=QUERY),
    ]
    buckets = [
        *whole,
        *_over_time("trace_error_rate", [0.1, 0.0, 0.2, 0.5], "share"),
        *_over_time("latency_p50", [1000, 1100, 1200, 3000], "ms"),
        *_over_time("latency_p95", [2000, 2100, 2200, 9000], "ms"),
        Bucket(
            name="trace_error_rate",
            dimension="duration",
            segment="<1 s",
            value=0.5,
            unit="share",
            numerator=2,
            denominator=4,
            query_id=QUERY,
        ),
    ]
    return Census(created_at=SNAPSHOT.instant, snapshot_digest="ab12", traces=5, spans=9, buckets=tuple(buckets))


CELL = Cell(
    outcome="slow",
    outcome_title="Slow traces",
    segment={"region": HOSTILE},
    traces=20,
    affected=8,
    rest_traces=80,
    rest_affected=8,
    clusters=20,
    ratio=4.0,
    interval=Interval(low=1.7, high=9.4),
    share_clusters=20,
    share_interval=Interval(low=0.19, high=0.64),
    p_adjusted=0.003,
)


@pytest.fixture(scope="module")
def hostile(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleExperiment:
    """Two traces; the first holds markup in its request, answer and error."""
    return log_traces(
        copy_store(store_template, tmp_path_factory.mktemp("hostile") / "store"),
        "support <b>agent</b>",
        [SampleTrace(HOSTILE, f"Sorry. {HOSTILE}", tool="look_up", tool_error=HOSTILE), SampleTrace("Hello", "Hi")],
    )


@pytest.fixture(scope="module")
def gather(hostile: SampleExperiment) -> Callable[..., ReportFacts]:
    """Facts of an analysis with a census over time, two issues, a slice that stands out and a refuted hypothesis."""
    store = InsightStore(connect(hostile.uri), now=lambda: SNAPSHOT.instant)
    run_id = store.create_analysis(
        hostile.experiment_id, key="session", name=f"All of it {HOSTILE}", run_name="all", analyst="statistical"
    ).run_id
    store.write_snapshot(run_id, SNAPSHOT)
    store.write_census(run_id, _census())
    store.write_query(run_id, query(QUERY, title=f"Everything {HOSTILE}"))
    first, second = hostile.trace_ids
    counted = issue(first, title=f"Look-ups fail {HOSTILE[:60]}", measure="error_burst").model_copy(
        update={
            "query_ids": (QUERY,),
            "fingerprint": Fingerprint(population="all", measure="error_burst", segment=HOURS[-1]),
            "evidence": (Evidence(trace_id=first, rationale=HOSTILE),),
            "population_title": f"traces that call {HOSTILE}",
            "severity_because": HOSTILE,
        }
    )
    store.create_issue(run_id, counted, [AffectedTrace(first)])
    _found_slice(store, run_id, first, second)
    _refuted(store, run_id, first)
    return lambda **options: gather_facts(store, run_id, **options)


def _found_slice(store: InsightStore, run_id: str, first: str, second: str) -> None:
    hypothesis = store.create_hypothesis(run_id, draft(f"Some region is slow {HOSTILE}"))
    result = TestResult(
        decision="slices",
        estimand="process",
        family="S",
        population=100,
        clusters=90,
        threshold=2.0,
        cells=(CELL,),
        cells_tested=12,
        query_ids=(QUERY,),
    )
    store.record_result(
        run_id, hypothesis.hypothesis_id, result, [Evidence(trace_id=first), Evidence(trace_id=second, supports=False)]
    )
    found = Verdict(
        status=HypothesisStatus.VALIDATED, reason="8 of 20 against 8 of 80.", p_adjusted=0.003, level=0.025, cells=(CELL,)
    )
    store.decide(run_id, hypothesis.hypothesis_id, found)
    slow = issue(first, title="Slow traces 4.0x as frequent: region", kind="quality", source="hypothesis", measure="slow")
    own = {"hypothesis_id": hypothesis.hypothesis_id, "affected": 8, "population": 20, "interval": CELL.share_interval}
    store.create_issue(
        run_id, slow.model_copy(update=own | {"estimand": "process", "query_ids": (QUERY,)}), [AffectedTrace(first)]
    )


def _refuted(store: InsightStore, run_id: str, first: str) -> None:
    hypothesis = store.create_hypothesis(run_id, draft("Answers are empty"))
    result = TestResult(
        decision="rate", estimand="process", family="P", population=100, affected=0, clusters=90, value=0.0, threshold=0.05
    )
    store.record_result(run_id, hypothesis.hypothesis_id, result, [Evidence(trace_id=first, supports=False)])
    store.decide(run_id, hypothesis.hypothesis_id, Verdict(status=HypothesisStatus.REJECTED, reason="0 of 100 traces."))
