"""Issues that only a reader can look at again: a run that doesn't read says so, and never that they are gone."""

from analyze_experiment.agent.summary import summarise
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights.samples import INSTANT, issue
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import IssueStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def begin(store: InsightStore, experiment_id: str, name: str) -> str:
    return store.create_analysis(experiment_id, key=name, name=name, run_name=name, analyst="statistical").run_id


def test_what_needs_reading_is_named_with_the_day_since_when_it_was_not_looked_at(sample_experiment: SampleExperiment) -> None:
    store = InsightStore(connect(sample_experiment.uri), now=lambda: INSTANT)
    experiment_id, trace = sample_experiment.experiment_id, sample_experiment.trace_ids[0]
    first = begin(store, experiment_id, "first")
    found = store.create_issue(first, issue(trace), [AffectedTrace(trace)])
    assert found.watch is None
    assert summarise(store, first, status="done", ui_url=None).notes == []
    later = begin(store, experiment_id, "later")
    outcome = summarise(store, later, status="done", ui_url=None)
    said = f"Not looked at, because that needs reading: {found.issue_id} since {INSTANT:%Y-%m-%d}."
    assert (outcome.notes, outcome.issues, outcome.untested) == ([said], [], [])
    assert (store.get_issue(found.issue_id).status, store.get_issue(found.issue_id).trend) == (IssueStatus.OPEN, ())
    store.update_issue(
        found.issue_id, op="done", change=lambda current: current.model_copy(update={"status": IssueStatus.RESOLVED})
    )
    assert summarise(store, later, status="done", ui_url=None).notes == []
