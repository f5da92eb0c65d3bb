"""Issues by hand: grounds, counts, and what a person set."""

from analyze_experiment.tests.agent.insights.conftest import Insights, evidence
from analyze_experiment.tests.tools.insights.samples import CENSUS, issue
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Bucket, Severity
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

TITLE = ("--title", "Refund tool fails in most of its calls")
TEXTS = ("--description", "refund_order fails in 1 of 1 calls.", "--severity", "HIGH")


def test_issue_of_a_counted_fact_has_the_figures_counts(insights: Insights) -> None:
    run_id = insights.begin()
    InsightStore(connect(insights.uri)).write_census(run_id, CENSUS)
    shown = ("--evidence", evidence(insights.trace_ids[3], ""))
    made = insights.do("create-issue", "--run-id", run_id, *TITLE, *TEXTS, *shown, "--bucket", "trace_error_rate")
    assert (made["affected"], made["population"], made["query_ids"]) == (1, 5, ["Q0000000001"])
    assert insights.do("get-issue", "--issue-id", made["issue_id"]) == made
    assert insights.do("list-issues", "--experiment-id", insights.experiment_id) == [made]
    found = made["found_at"][:10]
    assert f"not since it was found, {found} (needs reading)" in insights("get-issue", "--issue-id", made["issue_id"]).out


def test_proxy_of_the_census_makes_no_issue(insights: Insights) -> None:
    run_id = insights.begin()
    proxy = Bucket(name="hedging", value=0.2, unit="share", numerator=1, denominator=5, query_id="Q0000000001", kind="quality")
    InsightStore(connect(insights.uri)).write_census(run_id, CENSUS.model_copy(update={"buckets": (proxy,)}))
    done = insights("create-issue", "--run-id", run_id, *TITLE, *TEXTS, "--bucket", "hedging", "--evidence", evidence("tr-1"))
    assert done.code == 1
    assert "'hedging' is a proxy" in done.err


def test_quality_issue_without_a_hypothesis_is_refused(insights: Insights) -> None:
    title = ("--title", "Verbose answers in 5% of all traces")
    done = insights("create-issue", "--run-id", insights.begin(), *title, *TEXTS, "--evidence", evidence(insights.trace_ids[0]))
    assert (done.code, "'Verbose' is about quality" in done.err) == (1, True)


def test_issue_rests_on_evidence_that_exists_or_a_validated_hypothesis(insights: Insights) -> None:
    run_id = insights.begin()
    stated = ("--statement", "S", "--rationale", "R", "--testing-plan", "P", "--evidence", evidence(insights.trace_ids[0]))
    subject = insights.do("create-hypothesis", "--run-id", run_id, *stated)["hypothesis_id"]
    create = ("create-issue", "--run-id", run_id, *TITLE, *TEXTS)
    assert "has no evidence that supports it" in insights(*create).err
    assert "has no trace 'tr-nowhere'" in insights(*create, "--evidence", evidence("tr-nowhere")).err
    assert "which is TESTING" in insights(*create, "--hypothesis-id", subject).err
    insights.do("update-hypothesis", "--run-id", run_id, "--hypothesis-id", subject, "--status", "VALIDATED")
    made = insights.do(*create, "--hypothesis-id", subject)
    assert (made["kind"], made["affected"], made["population"], made["population_title"]) == ("quality", 1, 1, "traces looked at")


def test_title_of_other_than_five_to_eight_words_is_remarked_on(insights: Insights) -> None:
    run_id = insights.begin()
    shown = ("--evidence", evidence(insights.trace_ids[0], ""))
    done = insights("create-issue", "--run-id", run_id, "--title", "Tool timeout", *TEXTS, *shown)
    assert (done.code, "5 to 8" in done.err) == (0, True)


def test_severity_and_status_that_a_person_set_outlive_the_next_analysis(insights: Insights) -> None:
    store, trace_id = InsightStore(connect(insights.uri)), insights.trace_ids[0]
    made = store.create_issue(insights.begin(), issue(trace_id), [AffectedTrace(trace_id)])
    updated = insights.do("update-issue", "--issue-id", made.issue_id, "--severity", "LOW", "--resolution", "retries now")
    assert (updated["severity"], updated["severity_by"], updated["status"]) == ("LOW", "person", "RESOLVED")
    again = store.create_issue(insights.begin(), issue(trace_id, severity=Severity.CRITICAL, affected=2), [])
    assert (again.severity, again.severity_because, again.affected) == (Severity.LOW, "set by a person", 2)
    assert (again.status, again.resolution) == ("RESOLVED", "retries now")
    assert again.history[-1].endswith("2 of 5, CRITICAL, stays RESOLVED, stays LOW as a person set it")
    assert insights.do("update-issue", "--issue-id", made.issue_id, "--status", "OPEN")["resolution"] is None
