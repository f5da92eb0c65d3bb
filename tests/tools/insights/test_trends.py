"""Issues that live on: a look a run, and the status that follows from it, with its history."""

import pytest

from analyze_experiment.tests.tools.insights.samples import INSTANT, PLAN, issue
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Issue, IssueStatus, Standing, TrendPoint
from analyze_experiment.tools.insights.store import InsightStore


def look(run_id: str, standing: Standing, affected: int = 1) -> TrendPoint:
    return TrendPoint(
        run_id=run_id, at=INSTANT, until=INSTANT, affected=affected, population=5, effective=5, standing=standing, p_adjusted=None
    )


@pytest.fixture
def made(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> Issue:
    draft = issue(trace_ids[2]).model_copy(update={"watch": PLAN})
    return store.create_issue(run_id, draft, [AffectedTrace(trace_ids[2])], look=look(run_id, "new"))


def settle(store: InsightStore, made: Issue, status: IssueStatus) -> Issue:
    def change(current: Issue) -> Issue:
        return current.model_copy(update={"status": status, "resolution": "By hand."})

    return store.update_issue(made.issue_id, op=f"person:{status}", change=change)


def test_trend_begins_with_the_look_that_found_it_and_grows_by_one_a_run(store: InsightStore, made: Issue) -> None:
    followed = store.follow_issue(made.issue_id, look("b" * 32, "still", affected=2))
    assert [(point.standing, point.affected) for point in followed.trend] == [("new", 1), ("still", 2)]
    assert store.follow_issue(made.issue_id, look("b" * 32, "still", affected=3)) == followed
    assert followed.history[-1].endswith(f"still by analysis {'b' * 32}: 2 of 5 newer traces")


def test_gone_resolves_and_back_opens_again_with_its_history(store: InsightStore, made: Issue) -> None:
    gone = store.follow_issue(made.issue_id, look("b" * 32, "gone", affected=0))
    assert (gone.status, gone.settled_at) == (IssueStatus.RESOLVED, INSTANT)
    assert gone.resolution is not None
    back = store.follow_issue(made.issue_id, look("c" * 32, "back"))
    assert (back.status, back.resolution, back.settled_at) == (IssueStatus.OPEN, None, None)
    assert "was RESOLVED (Not seen in two windows" in back.history[-1]
    assert len(back.trend) == 3


@pytest.mark.parametrize("standing", ["still", "quiet", "gone", "rejected", "better"])
def test_what_a_person_rejected_stays_rejected(store: InsightStore, made: Issue, standing: Standing) -> None:
    rejected = settle(store, made, IssueStatus.REJECTED)
    assert rejected.settled_at is not None
    followed = store.follow_issue(made.issue_id, look("b" * 32, standing))
    assert (followed.status, followed.resolution, followed.settled_at) == (IssueStatus.REJECTED, "By hand.", rejected.settled_at)


def test_rejected_issue_that_has_become_worse_is_open_again(store: InsightStore, made: Issue) -> None:
    settle(store, made, IssueStatus.REJECTED)
    worse = store.follow_issue(made.issue_id, look("b" * 32, "worse", affected=4))
    assert worse.status is IssueStatus.OPEN
    assert "was REJECTED (By hand.), is open again" in worse.history[-1]


def test_issue_in_progress_stays_so_while_it_is_there(store: InsightStore, made: Issue) -> None:
    settle(store, made, IssueStatus.IN_PROGRESS)
    assert store.follow_issue(made.issue_id, look("b" * 32, "worse")).status is IssueStatus.IN_PROGRESS


def test_plan_that_watches_an_issue_stays_so_that_its_looks_compare(
    store: InsightStore, made: Issue, trace_ids: tuple[str, ...]
) -> None:
    later = store.create_analysis("1", key="later", name="n", run_name="r", analyst="a").run_id
    other = PLAN.model_copy(update={"population_title": "others"})
    again = store.create_issue(later, issue(trace_ids[3]).model_copy(update={"watch": other}), [], look=look(later, "new"))
    assert (again.watch, again.source_run_id, len(again.trend)) == (PLAN, later, 1)
