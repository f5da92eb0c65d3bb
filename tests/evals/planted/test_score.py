"""The score compares traces one to one, and knows a fault from a fact, a second telling and a look-alike."""

from analyze_experiment.evals.planted.measure import read_issues
from analyze_experiment.evals.planted.score import OUTCOME, ReportedIssue, score
from analyze_experiment.evals.planted.truth import LookAlike, PlantedFault, TrueFact, Truth
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Cause, Evidence, Fingerprint, Interval, IssueDraft, Severity
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def _ids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"tr-{number:03d}" for number in numbers)


def _issue(title: str, *numbers: int, **more: object) -> ReportedIssue:
    return ReportedIssue(title, frozenset(_ids(*numbers)), "quality")._replace(**more)


def _fault(fault_id: str, affected: range, related: range) -> PlantedFault:
    return PlantedFault(
        fault_id=fault_id,
        title=fault_id,
        kind="quality",
        category="loop",
        cause="",
        trace_ids=_ids(*affected),
        span_ids=("span-1", "span-2"),
        possible_ids=_ids(*range(50)),
        population_title="all traces",
        segment={},
        related_trace_ids=_ids(*related),
        related_title="",
        way="rate",
        entry="loops",
        process_rate=0.2,
        mechanism="shard 3 is not loaded",
    )


TRUTH = Truth(
    agent="concierge",
    experiment_name="e",
    experiment_id="1",
    variant="faulty",
    seed=0,
    traces=100,
    spans=500,
    faults=(_fault("loops", range(10), range(0)), _fault("repeats", range(20, 30), range(30, 40))),
    look_alikes=(LookAlike(look_alike_id="polling", title="polling", why="", resembles="loops", trace_ids=_ids(*range(50, 60))),),
    facts=(TrueFact(fact_id="hidden_failures", title="", trace_ids=_ids(*range(10), *range(20, 30), 41)),),
)


def test_an_exact_issue_finds_its_fault_whatever_it_is_called() -> None:
    result = score(TRUTH, [_issue("no word about it", *range(10))])
    match = result.matches[0]
    assert (match.fit.precision, match.fit.recall, match.fit.jaccard, match.fit.f1, match.found) == (1.0, 1.0, 1.0, 1.0, True)
    assert (result.found, result.reported, result.precision) == (1, 1, 1.0)
    assert result.false_issues == ()


def test_a_second_issue_about_the_same_traces_is_false_and_the_better_one_is_taken() -> None:
    near, exact = _issue("near", *range(8)), _issue("exact", *range(10))
    result = score(TRUTH, [near, exact])
    assert result.matches[0].issue == exact
    (second,) = result.false_issues
    assert (second.issue, second.why, second.about) == (near, "duplicate", "loops")
    assert result.precision == 0.5


def test_each_issue_stands_for_one_fault_only() -> None:
    both = _issue("both", *range(10), *range(20, 30))
    assert score(TRUTH, [both]).found <= 1


def test_as_many_faults_as_possible_are_matched_before_the_fit_counts() -> None:
    broad, narrow = _issue("broad", *range(10), *range(20, 28)), _issue("narrow", *range(10))
    result = score(TRUTH.model_copy(update={"facts": ()}), [broad, narrow])
    assert [match.issue for match in result.matches] == [narrow, None]
    assert [each.issue for each in result.false_issues] == [broad]


def test_related_traces_count_neither_for_nor_against() -> None:
    assert score(TRUTH, [_issue("both turns", *range(20, 40))]).matches[1].fit.jaccard == 1.0
    only_related = score(TRUTH, [_issue("the turns before", *range(30, 40))])
    assert only_related.found == 0
    assert only_related.false_issues[0].why == "duplicate"


def test_half_of_all_traces_is_the_least_that_finds_a_fault() -> None:
    assert score(TRUTH, [_issue("enough", *range(5, 10))]).found == 1
    assert score(TRUTH, [_issue("too few", *range(6, 10))]).found == 0
    assert score(TRUTH, [_issue("too broad", *range(10), *range(60, 71))]).found == 0


def test_an_issue_that_lists_some_of_its_traces_is_judged_by_those() -> None:
    assert score(TRUTH, [_issue("some", *range(4), 60, affected=12)]).found == 1
    assert score(TRUTH, [_issue("others besides", *range(3), 60, affected=12)]).found == 0
    common = TRUTH.model_copy(update={"faults": (_fault("common", range(40), range(0)),), "facts": ()})
    assert score(common, [_issue("no more than by chance", *range(5), affected=40)]).found == 0


def test_a_fact_that_follows_from_faults_is_no_false_issue_and_no_found_fault() -> None:
    result = score(TRUTH, [_issue("failed spans", *range(10), *range(20, 30), 41)])
    assert (result.found, len(result.facts), result.false_issues, result.precision) == (0, 1, (), 1.0)


def test_that_traces_end_wrongly_may_stand_for_all_faults_together() -> None:
    together = (*range(10), *range(20, 30), 41)
    result = score(TRUTH.model_copy(update={"facts": ()}), [_issue("end wrongly", *together, kind=OUTCOME)])
    assert (result.found, [fact.fact_id for fact, _ in result.facts], result.false_issues) == (0, ["ends_wrongly"], ())
    result = score(TRUTH.model_copy(update={"facts": ()}), [_issue("no outcome", *together), _issue("few", 1, 2, kind=OUTCOME)])
    assert [each.issue.title for each in result.false_issues] == ["no outcome", "few"]


def test_an_issue_about_a_look_alike_is_false_and_says_which() -> None:
    result = score(TRUTH, [_issue("loops in track_delivery", *range(50, 60)), _issue("something else", 90, 91)])
    assert [(each.why, each.about) for each in result.false_issues] == [("look-alike", "polling"), ("unexplained", "")]


def test_everything_reported_about_a_clean_store_is_false() -> None:
    clean = TRUTH.model_copy(update={"variant": "clean", "faults": (), "facts": ()})
    assert len(score(clean, [_issue("loops", *range(50, 60)), _issue("nothing", 90)]).false_issues) == 2
    assert score(clean, []).precision is None


def test_a_rate_at_its_threshold_is_no_fault() -> None:
    boundary = TRUTH.model_copy(update={"variant": "boundary", "facts": ()})
    result = score(boundary, [_issue("loops", *range(10))])
    assert (result.matches, len(result.false_issues)) == ((), 1)


def test_spans_cause_and_interval_are_judged_where_there_is_something_to_judge() -> None:
    issue = _issue(
        "loops", *range(10), spans=frozenset({"span-1", "other"}), cause="It says “Shard # is not loaded”.", entry="loops"
    )
    match = score(TRUTH, [issue._replace(share=(0.05, 0.15), population=100)]).matches[0]
    assert (match.localised, match.cause_right, match.covered) == (0.5, True, True)
    match = score(TRUTH, [issue._replace(share=(0.15, 0.3), population=100, cause="Nobody knows.")]).matches[0]
    assert (match.cause_right, match.covered) == (False, False)
    assert score(TRUTH, [issue]).matches[0].covered is None
    assert score(TRUTH, []).matches[0].localised is None


def test_issues_are_read_from_the_memory_with_all_that_is_judged(sample_experiment: SampleExperiment) -> None:
    store = InsightStore(connect(sample_experiment.uri))
    run_id = store.create_analysis(sample_experiment.experiment_id, key="k", name="n", run_name="r", analyst="statistical").run_id
    first, second, *_ = sample_experiment.trace_ids
    draft = IssueDraft(
        title="Orders can't be looked up",
        description="The tool fails.",
        severity=Severity.LOW,
        kind="operational",
        source="census",
        affected=2,
        population=5,
        estimand="process",
        interval=Interval(low=0.1, high=0.8),
        cause=Cause(text="unknown", standing="suspected"),
        recommendation="Look into it.",
        fingerprint=Fingerprint(population="playbook", measure="loops"),
        evidence=(Evidence(trace_id=first),),
    )
    store.create_issue(run_id, draft, [AffectedTrace(first, "span-1"), AffectedTrace(second)])
    (issue,) = read_issues(store, sample_experiment.experiment_id)
    assert issue[:6] == (
        "Orders can't be looked up",
        frozenset({first, second}),
        "operational",
        2,
        frozenset({"span-1"}),
        "unknown",
    )
    assert (issue.entry, issue.share, issue.population) == ("loops", (0.1, 0.8), 5)
