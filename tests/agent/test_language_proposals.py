"""What a language model suggests is read, looked up, grouped, planned, tried, and tested like everything else."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.explaining import title_fits
from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.agent.model.configured import configured_model
from analyze_experiment.agent.outcome import Outcome
from analyze_experiment.agent.session import run_session
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.evals.planted.concierge.agent import SYSTEM_PROMPT
from analyze_experiment.tests.agent.whole import INSTANT, GivenAnalyst, Watcher, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.scripted_model import UNCLEAR, Request, ScriptedModel
from analyze_experiment.tools.insights.models import Hypothesis, HypothesisDraft, HypothesisStatus, Issue
from analyze_experiment.tools.tracking import connect

pytestmark = pytest.mark.xdist_group("language proposals")

EXPERIMENT = "1"
SAMPLE = 6
NOWHERE = "tr-" + "0" * 32
SPAN = re.compile(r"^\[(s\d+) CHAT_MODEL[^\n]*\]\n(?:system: [^\n]*\n)?user: ([^\n]{12,60})", re.MULTILINE)
FAILING = "SELECT trace_id, span_id, error_text AS note FROM spans WHERE span_type = 'TOOL' AND error_text IS NOT NULL"
QUOTES = "SELECT trace_id FROM spans WHERE name = 'quote_price' GROUP BY trace_id HAVING count(*) > 1"
WITH_TOOLS = "SELECT DISTINCT trace_id FROM spans WHERE span_type = 'TOOL'"
PLAN = {
    "decision": "count",
    "statement": "The agent's tools fail while it serves a request.",
    "population_sql": WITH_TOOLS,
    "population_title": "traces that call a tool",
    "affected_sql": FAILING,
    "exposed_sql": "",
    "question": "",
    "rejected_if": "hardly any tool fails",
    "why_none": "",
}


FOCUS = HypothesisDraft(
    statement="prices that are quoted twice",
    testing_plan="Step 1: Write down what would show it.",
    source="user",
    kind="quality",
    blocked="counting can't test it",
)
"""What the user asked for and counting could not plan."""


def candidate(title: str, *, by_sql: bool = True) -> dict[str, Any]:
    check = f"It counts where {title}."
    return {"title": title, "statement": f"The agent shows this: {title}.", "check": check, "by_sql": by_sql}


def look(why: str, sql: str = "", *, trace_id: str = "", overview: str = "", group: str = "") -> dict[str, Any]:
    return {"why": why, "sql": sql, "group": group, "beside": "", "overview": overview, "trace_id": trace_id, "span_ids": []}


def reading(request: Request) -> dict[str, Any]:
    """The first trace is quoted rightly, the second wrongly, the third has an invented span, the others are fine."""
    place = reading.asked = getattr(reading, "asked", 0) + 1  # type: ignore[attr-defined]  # the count is kept on the rule
    found = SPAN.search(request.user.split("<trace>")[1])
    assert found is not None, "somebody says something in each trace"
    span_id, quote = found.groups()
    proof = {1: (span_id, quote), 2: (span_id, "words that nobody said here"), 3: ("s999", quote)}.get(place, ("", ""))
    noted = {"went_wrong": place <= 3, "what": f"It did thing {place}.", "span": proof[0], "quote": proof[1]}
    return {"show": [], "weighed": "A boat was wanted.", **noted, "also": ["It also did a rare thing."] if place == 1 else []}


def grouped(request: Request) -> dict[str, Any]:
    """The first attempt forgets the second note; the second gives it a mode of its own."""
    titles = ["Nothing happens to anybody at any time", "Defined by itself and by nothing else"]
    if "(none yet)" in request.user.split("<modes>")[1]:
        modes = [candidate(titles[0]), candidate(titles[1]), candidate("Cannot be seen in any of these traces", by_sql=False)]
        return {"modes": [{**mode, "notes": [1]} for mode in modes]}
    return {"modes": [{**candidate("Rare thing is done once and again"), "notes": [2, 77]}]}


def plan(request: Request) -> dict[str, Any]:
    """A plan by the candidate's title; the broken one is mended when its error is shown."""
    about = request.user.split("<candidate>")[1]
    problem = request.user.split("<problem>")[1]
    if "Tools fail" in about:
        return PLAN if "no_such_column" in problem else {**PLAN, "affected_sql": "SELECT no_such_column FROM spans"}
    if "As the user says" in about:
        return {**PLAN, "statement": "The agent quotes a price twice.", "affected_sql": QUOTES}
    if "Nothing happens" in about:
        return {**PLAN, "population_sql": "SELECT trace_id FROM traces WHERE state = 'NOWHERE'"}
    if "Defined by itself" in about:
        return {**PLAN, "population_sql": f"SELECT trace_id FROM ({FAILING}) AS f"}
    return {**PLAN, "decision": "none", "why_none": "nothing in the traces shows it"}


def explored(request: Request) -> dict[str, Any]:
    """Looks first, then finds."""
    if "You may answer 8 more times" in request.user:
        looks = [
            look("what was said", "SELECT response_text AS said FROM traces"),
            look("another half; no overview", "SELECT h.half FROM clusters AS h"),
            look("a trace", trace_id=NOWHERE),
            look("side by side", group="SELECT trace_id FROM spans WHERE name = 'check_availability'"),
        ]
        return {"learnt": "Nothing is known yet.", "found": [], "looks": looks}
    return {"learnt": "Tools fail.", "found": [candidate("Tools fail and nobody says so at all")], "looks": []}


def explained(request: Request) -> dict[str, Any]:
    """Counts among the affected and the others first, then reads one of them, then answers."""
    answer = {"learnt": "", "looks": [], "title": "", "cause": "", "mechanism_sql": "", "recommendation": ""}
    if "You may look around 2 more times" in request.user:
        joined = "affected AS a JOIN spans AS s ON s.trace_id = a.trace_id"
        sql = f"SELECT count(DISTINCT a.trace_id) AS n, count(*) AS spans FROM {joined}"
        return {**answer, "looks": [look("spans of the affected", sql), look("no such group", "SELECT trace_id FROM clusters")]}
    if "You may look around 1 more time" in request.user:
        affected = re.search(r"tr-[0-9a-f]{32}", request.user.split("<found>")[1])
        assert affected is not None
        return {**answer, "learnt": "They have many spans.", "looks": [look("one of them", trace_id=affected[0])]}
    mark = "SELECT trace_id FROM traces WHERE silent_error_count > 0 OR error_span_count > 0"
    words = {
        "title": "Tools fail and the agent keeps silent",
        "cause": "The prompt has no rule for a tool that fails. It does so in 98.7654% of all calls.",
    }
    advice = "Add a rule to the prompt: say so when check_availability fails."
    return {**answer, **words, "mechanism_sql": mark, "recommendation": advice}


@dataclass(frozen=True)
class Run:
    """A whole analysis in which only the model proposes."""

    uri: str
    outcome: Outcome
    watcher: Watcher
    server: ScriptedModel
    asked_before_the_kill: int

    @property
    def hypotheses(self) -> list[Hypothesis]:
        return memory_of(self.uri).list_hypotheses(self.outcome.run_id)

    def requests(self, form: str) -> list[Request]:
        return [request for request in self.server.requests if request.form == form]


def script(server: ScriptedModel) -> None:
    server.script("Purpose", {"description": "It rents outdoor gear, and quotes, books and refunds."})
    server.script("TraceReading", reading, repeat=True)
    server.script("Grouping", grouped, repeat=True)
    server.script("Exploration", explored, repeat=True)
    server.script("Duplicates", {"pairs": [{"candidate": "C9", "same_as": "C1"}, {"candidate": "C1", "same_as": "C1"}]})
    server.script("Judgements", UNCLEAR, repeat=True)
    server.script("WrittenPlan", plan, repeat=True)
    server.script("Explanation", explained, repeat=True)


class Killed(BaseException):
    """What a kill is to a process: nothing catches it."""


def analysed(uri: str, server: ScriptedModel, watcher: Watcher, *, resume: str | None = None, killed_at: str = "") -> Outcome:
    """The analysis from where it stands; killed before the write that `killed_at` names."""

    def boundary(label: str) -> None:
        if label == killed_at:
            raise Killed

    settings = Settings.model_validate(
        {
            "tracking_uri": uri,
            "cache": folder_of(uri) / "cache",
            "report": folder_of(uri) / "report.md",
            "model": "small",
            "model_parallel": 1,
            "resume": resume,
        }
    )
    environ = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "k"}
    model = configured_model(settings, environ, check_stop=lambda: None, tracking=connect(uri))
    assert model is not None
    analyst = LanguageAnalyst(GivenAnalyst([FOCUS]), model, watcher, sample=SAMPLE)
    return run_session(
        settings,
        display=watcher,
        human=PolicyHuman(),
        stop=StopSignal(),
        now=lambda: INSTANT,
        analyst=analyst,
        boundary=boundary,
    )


@pytest.fixture(scope="module")
def run(planted_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Run]:
    """An analysis that was killed when all was proposed and nothing of it stored, and then gone on with."""
    uri = copy_store(planted_template, tmp_path_factory.mktemp("language") / "store")
    with ScriptedModel() as server:
        script(server)
        watcher = Watcher()
        with pytest.raises(Killed):
            analysed(uri, server, watcher, killed_at="before artifact insights/proposals_hypotheses_0.yaml")
        asked = server.count()
        (begun,) = memory_of(uri).list_analyses(EXPERIMENT)
        yield Run(uri, analysed(uri, server, watcher, resume=begun.run_id), watcher, server, asked)


def issue_of(run: Run, hypothesis_id: str) -> Issue:
    return next(each for each in memory_of(run.uri).list_issues(EXPERIMENT) if each.hypothesis_id == hypothesis_id)


def test_what_the_user_asked_for_gets_a_plan_instead_of_being_blocked(run: Run) -> None:
    (asked,) = [each for each in run.hypotheses if each.source == "user"]
    assert (asked.statement, asked.blocked) == ("The agent quotes a price twice.", "")
    assert asked.rationale == f"The user asked for it: {FOCUS.statement}"
    assert asked.tested


def test_a_plan_with_an_error_is_mended_tested_and_becomes_an_issue(run: Run) -> None:
    (hypothesis,) = [each for each in run.hypotheses if each.source == "sample"]
    assert (hypothesis.statement, hypothesis.source, hypothesis.kind) == (PLAN["statement"], "sample", "quality")
    assert hypothesis.status is HypothesisStatus.VALIDATED
    issue = issue_of(run, hypothesis.hypothesis_id)
    assert issue.title == "Tools fail and the agent keeps silent"
    assert "check_availability" in issue.recommendation
    assert issue.cause.text.startswith("The prompt has no rule")
    assert "98.7654" not in issue.cause.text, "a figure that nobody counted"
    assert issue.left_out == "1 sentence of the cause: figures that the model was not shown"
    report = memory_of(run.uri).read_report(run.outcome.run_id) or ""
    assert f"- **Left out of the model's words**: {issue.left_out}" in report and "98.7654" not in report


def test_a_cause_that_only_says_again_what_was_counted_stays_suspected(run: Run) -> None:
    (hypothesis,) = [each for each in run.hypotheses if each.source == "sample"]
    assert issue_of(run, hypothesis.hypothesis_id).cause.standing in {"suspected", "supported"}


def test_a_plan_that_proves_nothing_is_refused_after_two_repairs_and_named(run: Run) -> None:
    titles = [request.user.split("<candidate>")[1] for request in run.requests("WrittenPlan")]
    assert sum("Nothing happens" in title for title in titles) == 3
    assert sum("Defined by itself" in title for title in titles) == 3
    assert sum("Cannot be seen" in title for title in titles) == 1
    proposals = memory_of(run.uri).read_proposals(run.outcome.run_id, "hypotheses", 0)
    assert proposals is not None
    left_out = "\n".join(proposals.left_out)
    assert "its population is empty" in left_out
    assert "decided by its own definition" in left_out
    assert "nothing in the traces shows it" in left_out


def test_notes_without_a_quote_that_stands_in_the_trace_are_refused(run: Run) -> None:
    notes = run.requests("Grouping")[0].user.split("<notes>")[1]
    assert "It did thing 1." in notes
    assert "thing 2" not in notes and "thing 3" not in notes
    proposals = memory_of(run.uri).read_proposals(run.outcome.run_id, "hypotheses", 0)
    assert proposals is not None and any(each.startswith("2 notes of open reading") for each in proposals.left_out)


def test_every_trace_that_was_shown_is_linked_and_of_the_half_that_may_suggest(run: Run) -> None:
    shown = {each for request in run.server.requests for each in re.findall(r"\btr-[0-9a-f]{32}\b", request.user)} - {
        "tr-" + "0" * 32
    }
    store = memory_of(run.uri)
    assert len(shown) > SAMPLE
    assert shown <= set(store.reader.linked(run.outcome.run_id, experiment_id=EXPERIMENT))


def test_looks_are_shown_to_who_watches_and_their_answers_or_errors_to_the_model(run: Run) -> None:
    assert any(event.kind == "query" and event.text == "Look: what was said" for event in run.watcher.events)
    log = run.requests("Exploration")[-1].user.split("<log>")[1]
    assert "check_availability" in log
    assert "there is no trace" in log
    assert "name none of them: select trace_id too" in log, "what isn't named can't be linked, so it isn't shown"
    assert "clusters" in log and "error:" in log, "what isn't a relation of theirs is refused"
    assert "# the group: " in log and "# all others: " in log and "calls check_availability: " in log


def test_an_invented_duplicate_merges_nothing(run: Run) -> None:
    assert len({request.user.split("<candidate>")[1].split("\n")[1] for request in run.requests("WrittenPlan")}) == 6


def test_a_note_that_the_first_grouping_forgets_becomes_a_candidate_all_the_same(run: Run) -> None:
    first, second = run.requests("Grouping")
    assert "2. It also did a rare thing." in first.user
    assert "1. " not in second.user.split("<notes>")[1] and "2. It also did a rare thing." in second.user
    assert "- Nothing happens to anybody at any time" in second.user, "beside the modes that there are"
    (planned,) = [each for each in run.requests("WrittenPlan") if "Rare thing" in each.user.split("<candidate>")[1]]
    assert "- It also did a rare thing." in planned.user.split("<seen>")[1]


def test_a_cause_is_looked_into_before_it_is_named(run: Run) -> None:
    assert any(event.text == "Look: spans of the affected" and event.step == "issues" for event in run.watcher.events)
    first, second, last = [each for each in run.requests("Explanation") if PLAN["statement"] in each.user]
    assert "(no look yet)" in first.user and "affected:" in first.user.split("<beside>")[1]
    log = second.user.split("<log>")[1]
    assert "n | spans" in log and "error:" in log, "what isn't a relation of theirs is refused"
    assert "They have many spans." in last.user and "look: one of them" in last.user
    assert "Answer now" in last.user


def test_the_agent_stands_first_in_every_prompt_about_traces(run: Run) -> None:
    begun = {request.user[:200] for request in run.requests("TraceReading")}
    assert len(begun) == 1 and begun.pop().startswith("<agent>\nThe agent, as it was described from its traces:")


def test_the_rules_of_the_agent_stand_in_every_prompt_and_not_again_in_a_trace(run: Run) -> None:
    for request in run.requests("TraceReading"):
        agent, trace = request.user.split("<trace>")
        assert SYSTEM_PROMPT[:200] in agent
        assert SYSTEM_PROMPT[:200] not in trace and "[the rules above]" in trace


def test_killed_before_anything_was_stored_it_goes_on_without_asking_again(run: Run) -> None:
    assert run.asked_before_the_kill > SAMPLE
    later = [request.form for request in run.server.requests[run.asked_before_the_kill :]]
    assert set(later) == {"Explanation", "Judgements"}
    spend = memory_of(run.uri).get_analysis(run.outcome.run_id).spend
    assert spend.calls == run.server.count()


@pytest.mark.parametrize(
    ("title", "fits"),
    [
        ("Agent forgets to confirm every refund", True),
        ("Too short", False),
        ("one two three four five six seven eight nine", False),
    ],
)
def test_a_title_has_five_to_eight_words(title: str, fits: bool) -> None:
    assert title_fits(title) is fits
