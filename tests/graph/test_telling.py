"""Findings about the same traces become one issue in the memory, with what else was shown of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.graph.telling import Finding, Telling
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.insights import transitions
from analyze_experiment.tools.insights.models import (
    Cause,
    Hypothesis,
    HypothesisDraft,
    HypothesisStatus,
    Issue,
    IssueDraft,
    IssueStatus,
    Severity,
    Verdict,
)
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.drafting import draft_issue
from analyze_experiment.tools.testing.plan import Plan, QueryStep, Rate
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
FAILS = "SELECT trace_id FROM spans WHERE span_type = 'TOOL' AND status_code = 'ERROR'"
REFUSES = "SELECT trace_id FROM traces WHERE response_text LIKE '%could not%'"
THANKS = "SELECT trace_id FROM traces WHERE request_text LIKE 'Thanks%'"


def _samples() -> Iterator[SampleTrace]:
    for n in range(40):
        if n % 4 == 0:
            yield SampleTrace(f"Pay bill {n}.", "I could not do that.", tool="pay", tool_error="refused")
        else:
            yield SampleTrace(f"Thanks {n}!" if n % 4 == 1 else f"Pay bill {n}.", tool="pay")


@pytest.fixture(scope="module")
def bills(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a store with the samples."""
    uri = copy_store(store_template, tmp_path_factory.mktemp("bills") / "store")
    log_traces(uri, "bills", list(_samples()))
    return Path(uri.removeprefix("sqlite:///"))


@pytest.fixture
def bench(bills: Path, tmp_path: Path) -> Iterator[Workbench]:
    uri = copy_store(bills, tmp_path / "store")
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="statistical")
    snapshot = take_snapshot(
        uri, "1", instant=INSTANT, since=None, until=None, cache=tmp_path / "cache", progress=lambda *_: None
    )
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


def validated(bench: Workbench, statement: str, sql: str, *, akin: str = "") -> Finding:
    """A tested and validated problem."""
    plan = Plan(
        estimand="process",
        steps=(QueryStep(role="affected", title=statement, sql=sql),),
        decision=Rate(threshold=0.01, threshold_source="configuration"),
    )
    draft = HypothesisDraft(statement=statement, testing_plan=statement, plan=plan, source="playbook", kind="quality", akin=akin)
    made = bench.store.create_hypothesis(bench.run_id, draft)
    done = bench.executor.run(plan, owner=made.hypothesis_id, on_step=lambda *_: None)
    bench.store.record_result(bench.run_id, made.hypothesis_id, done.result, done.evidence)
    verdict = Verdict(status=HypothesisStatus.VALIDATED, by="test", reason="often", interval=done.result.interval)
    return Finding(bench.store.decide(bench.run_id, made.hypothesis_id, verdict))


def told(bench: Workbench, telling: Telling, findings: Sequence[Finding]) -> list[Issue]:
    """The issues after all findings are told, as the step does it."""
    for finding in findings:
        affected = bench.executor.affected(plan_of(finding.hypothesis))
        home = telling.home_of(finding, affected)
        if home is not None:
            telling.add(home, finding)
            continue
        cause = Cause(text="unknown", standing="suspected")
        draft = draft_issue(finding.hypothesis, affected, traces=40, cause=cause, entry=None)
        bench.store.create_issue(bench.run_id, draft, affected)
    return bench.store.list_issues("1")


def draft_of(issue: Issue) -> IssueDraft:
    """What an analysis that finds the issue again would draft."""
    return IssueDraft.model_validate({name: getattr(issue, name) for name in IssueDraft.model_fields})


def plan_of(hypothesis: Hypothesis) -> Plan:
    assert hypothesis.plan is not None
    return hypothesis.plan


def test_what_is_shown_of_the_same_traces_is_told_with_one_issue_and_once(bench: Workbench) -> None:
    findings = [validated(bench, *each) for each in (("pay fails", FAILS), ("answers refuse", REFUSES), ("users thank", THANKS))]
    told(bench, Telling(bench, {}, []), findings)
    again = told(bench, Telling(bench, {}, []), findings)  # as after a kill: nothing is kept but the memory
    by_title = {issue.title: issue for issue in again}
    assert set(by_title) == {"pay fails", "users thank"}
    (aspect,) = by_title["pay fails"].aspects
    assert (aspect.title, aspect.counts, aspect.hypothesis_id) == (
        "answers refuse",
        "10 of 40 traces",
        findings[1].hypothesis.hypothesis_id,
    )
    assert aspect.query_ids
    issue = by_title["pay fails"]
    kept = transitions.found_again(issue, draft_of(issue), run_id=bench.run_id, at=INSTANT)
    assert kept.aspects == (aspect,), "an analysis that is gone on with shows it no second time"
    assert transitions.found_again(issue, draft_of(issue), run_id="later", at=INSTANT).aspects == ()
    assert by_title["users thank"].aspects == ()


def test_a_part_of_what_a_model_called_the_same_is_told_with_it_and_any_other_part_by_itself(bench: Workbench) -> None:
    few = f"{FAILS} AND trace_id IN (SELECT trace_id FROM traces WHERE request_text LIKE '%bill %2%')"
    whole = validated(bench, "pay fails", FAILS)
    digest = plan_of(whole.hypothesis).digest
    part, more = validated(bench, "pay fails at times", few, akin=digest), validated(bench, "users thank", THANKS, akin=digest)
    alone = validated(bench, "pay fails on some bills", f"{few} AND true")
    issues = told(bench, Telling(bench, {}, []), [whole, alone, more])
    assert {issue.title: issue.aspects for issue in issues} == {
        title: () for title in ("pay fails", "pay fails on some bills", "users thank")
    }
    by_title = {issue.title: issue for issue in told(bench, Telling(bench, {}, []), [whole, part])}
    assert [each.title for each in by_title["pay fails"].aspects] == ["pay fails at times"]


def test_a_more_severe_aspect_makes_an_issue_more_severe_unless_a_person_said_how_severe_it_is(bench: Workbench) -> None:
    first, second = (validated(bench, *each) for each in (("pay fails", FAILS), ("answers refuse", REFUSES)))
    (issue,) = told(bench, Telling(bench, {}, []), [first])
    low = {"severity": Severity.LOW, "severity_because": "seldom"}
    bench.store.update_issue(issue.issue_id, op="low", change=lambda current: current.model_copy(update=low))
    (raised,) = told(bench, Telling(bench, {}, []), [first, second])
    assert raised.severity.rank > Severity.LOW.rank
    assert "answers refuse" in raised.severity_because

    third = validated(bench, "answers say could not", f"{REFUSES} AND true")
    by_person = {**low, "severity_by": "person"}
    bench.store.update_issue(issue.issue_id, op="person", change=lambda current: current.model_copy(update=by_person))
    (kept,) = told(bench, Telling(bench, {}, []), [first, third])
    assert kept.severity is Severity.LOW
    assert len(kept.aspects) == 2


def test_nothing_is_told_with_an_issue_that_a_person_rejected(bench: Workbench) -> None:
    first, second = (validated(bench, *each) for each in (("pay fails", FAILS), ("answers refuse", REFUSES)))
    (issue,) = told(bench, Telling(bench, {}, []), [first])
    rejected = {"status": IssueStatus.REJECTED, "resolution": "as intended"}
    bench.store.update_issue(issue.issue_id, op="no", change=lambda current: current.model_copy(update=rejected))
    known = bench.store.list_issues("1")
    titles = {each.title: each.aspects for each in told(bench, Telling(bench, {}, known), [first, second])}
    assert titles == {"pay fails": (), "answers refuse": ()}


def test_an_issue_that_was_one_of_its_own_stays_so(bench: Workbench) -> None:
    first, second = (validated(bench, *each) for each in (("pay fails", FAILS), ("answers refuse", REFUSES)))
    told(bench, Telling(bench, {}, []), [second])
    known = bench.store.list_issues("1")
    telling = Telling(bench, {}, known)
    assert [each.hypothesis.statement for each in telling.in_order([first.hypothesis, second.hypothesis])] == [
        "answers refuse",
        "pay fails",
    ]
    assert {each.title for each in told(bench, telling, [second, first])} == {"answers refuse"}
