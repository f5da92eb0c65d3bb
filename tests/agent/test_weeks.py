"""One experiment analysed again and again while it grows: what was found is followed, whatever becomes of it."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from analyze_experiment.agent.outcome import Outcome
from analyze_experiment.evals.month.traffic import FIRST_DAY, TOOL, Rates, end_of, new_store, write_day
from analyze_experiment.tests.agent.whole import GivenAnalyst, analyse, entries, folder_of, memory_of
from analyze_experiment.tools.insights.models import Issue, IssueStatus

TRACES = 80
DAYS = (
    Rates(tool_fails=0.2, empty_answer=0.15),
    Rates(tool_fails=0.6, empty_answer=0.15),
    Rates(tool_fails=0.0, empty_answer=0.15),
    Rates(tool_fails=0.0, empty_answer=0.4),
    Rates(tool_fails=0.4, empty_answer=0.4),
)
"""The tool fails, fails more, works for two days and fails again; empty answers are rejected at once, and become more later."""


@dataclass
class Week:
    """What the runs of the days left."""

    uri: str
    outcomes: list[Outcome] = field(default_factory=lambda: list[Outcome]())
    reports: list[str] = field(default_factory=lambda: list[str]())

    def issue(self, measure: str) -> Issue:
        return next(each for each in memory_of(self.uri).list_issues("1") if each.fingerprint.measure == measure)

    def standings(self, measure: str) -> list[str]:
        return [point.standing for point in self.issue(measure).trend]

    def told(self, day: int) -> dict[str, str | None]:
        """Per title of the day's result what is said to have become of it."""
        return {line.title.split(" ")[0]: line.standing for line in self.outcomes[day].issues}


def reject(week: Week, measure: str) -> None:
    def change(current: Issue) -> Issue:
        return current.model_copy(update={"status": IssueStatus.REJECTED, "resolution": "As designed."})

    memory_of(week.uri, now=end_of(0)).update_issue(week.issue(measure).issue_id, op="person", change=change)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    database = tmp_path_factory.mktemp("week") / "mlflow.db"
    new_store(database)
    week = Week(f"sqlite:///{database}")
    for day, rates in enumerate(DAYS):
        write_day(database, day, rates, traces=TRACES)
        since, analyst = FIRST_DAY + timedelta(days=day), GivenAnalyst(entries("empty_answers"))
        week.outcomes.append(analyse(week.uri, analyst=analyst, since=since, now=end_of(day)))
        week.reports.append((folder_of(week.uri) / "report.md").read_text(encoding="utf-8"))
        if day == 0:
            reject(week, "empty_answers")
    return week


def test_counted_fact_is_followed_from_its_beginning_through_its_end_to_its_return(week: Week) -> None:
    assert week.standings("tool_failure_rate") == ["new", "worse", "quiet", "gone", "back"]
    issue = week.issue("tool_failure_rate")
    assert (issue.status, issue.fingerprint.segment) == (IssueStatus.OPEN, TOOL)
    assert [point.population for point in issue.trend] == [TRACES] * 5
    assert sum("is open again" in line for line in issue.history) == 1


def test_rejected_issue_is_not_raised_again_until_its_share_has_risen(week: Week) -> None:
    assert week.standings("empty_answers")[:4] == ["new", "rejected", "rejected", "worse"]
    assert week.issue("empty_answers").status is IssueStatus.OPEN
    assert [("Users" in week.told(day)) for day in range(5)] == [True, False, False, True, True]


def test_result_says_what_became_of_what_was_known(week: Week) -> None:
    tool = [week.told(day).get(TOOL) for day in range(5)]
    assert tool == ["new", "worse", "quiet", "gone", "back"]


def test_report_of_a_first_analysis_speaks_of_no_change_and_later_ones_begin_with_it(week: Week) -> None:
    assert "## Since the last analysis" not in week.reports[0]
    for report, word in zip(week.reports[1:], ("worse", "not seen this time", "gone", "back"), strict=True):
        changes = report.split("## Since the last analysis")[1].split("##")[0]
        assert f"| {word} | {TOOL} tool fails" in changes
        assert report.index("## Since the last analysis") < report.index("## Analysis run information")


def test_known_issues_are_tested_on_newer_traces_before_anything_else_is_said(week: Week) -> None:
    store = memory_of(week.uri)
    listed = store.list_hypotheses(week.outcomes[1].run_id)
    priors = [each for each in listed if each.source == "prior"]
    assert {each.issue_id for each in priors} == {issue.issue_id for issue in store.list_issues("1") if len(issue.trend) > 1}
    assert all(each.plan and each.plan.decision.threshold_source == "earlier issue" for each in priors)
    assert [each for each in listed if each.playbook == "empty_answers" and each.source == "playbook"] == []
