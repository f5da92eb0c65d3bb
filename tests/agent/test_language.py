"""An analysis with a language model: what it is asked, what it may spend, and what happens without it."""

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.human import Decision, Human, Payload, PolicyHuman, Reply
from analyze_experiment.agent.model.configured import configured_model
from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.agent.session import choose_analyst
from analyze_experiment.agent.settings import Settings
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, folder_of, memory_of
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.scripted_model import AS_ASKED, Failure, Said, ScriptedModel
from analyze_experiment.tools.errors import ModelError, UserError
from analyze_experiment.tools.insights.models import Analysis
from analyze_experiment.tools.tracking import connect

UNREMARKABLE = {"show": [], "weighed": "", "went_wrong": False, "what": "", "span": "", "quote": "", "also": []}
PURPOSE = {"description": "It rents boats to people who ask, and looks up what a boat costs."}


class AskedHuman:
    """Answers the question of spending, and leaves the others to their defaults; keeps what it was asked."""

    def __init__(self, spending: Sequence[Decision]) -> None:
        self._spending = list(spending)
        self.asked: list[Payload] = []

    def answer(self, payload: Payload) -> Reply:
        self.asked.append(payload)
        return Reply(self._spending, "person") if payload["question"] == "spend" else PolicyHuman().answer(payload)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[ScriptedModel]:
    with ScriptedModel() as scripted:
        monkeypatch.setenv("OPENAI_BASE_URL", scripted.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        scripted.script("TraceReading", UNREMARKABLE, repeat=True)
        scripted.script("Judgements", AS_ASKED, repeat=True)
        scripted.script("Exploration", {"learnt": "Nothing of note.", "found": [], "looks": []}, repeat=True)
        yield scripted
    assert scripted.unscripted == []


def settings_of(**given: Any) -> Settings:
    return Settings.model_validate({"model": "small", "cache": Path("cache"), **given})


def run(
    sample: SampleExperiment,
    *,
    human: Human | None = None,
    watcher: Watcher | None = None,
    resume: str | None = None,
    **settings: Any,
) -> Outcome:
    """A whole analysis in which only the model proposes."""
    model = configured_model(settings_of(**settings), os.environ, check_stop=lambda: None, tracking=connect(sample.uri))
    assert model is not None
    display = watcher or Watcher()
    analyst = LanguageAnalyst(GivenAnalyst(()), model, display, sample=4)
    named: dict[str, Any] = {"model": "small", **{name: settings[name] for name in ("budget_tokens",) if name in settings}}
    return analyse(sample.uri, human=human, watcher=display, analyst=analyst, resume=resume, **named)


def begun_in(sample: SampleExperiment) -> Analysis:
    (analysis,) = memory_of(sample.uri).list_analyses(sample.experiment_id)
    return analysis


def test_a_named_model_is_said_and_describes_the_agent(sample_experiment: SampleExperiment, server: ScriptedModel) -> None:
    server.script("Purpose", PURPOSE)
    watcher = Watcher()
    outcome = run(sample_experiment, watcher=watcher, price=("other=1/1", "small=1000/2000"), budget_usd=50)
    analysis = begun_in(sample_experiment)
    assert (analysis.analyst, analysis.agent_description) == ("language", PURPOSE["description"])
    assert any("Reading these traces with small" in event.text and "USD" in event.text for event in watcher.events)
    assert analysis.spend.usd == pytest.approx(
        (analysis.spend.usage.prompt_tokens * 1000 + analysis.spend.usage.completion_tokens * 2000) / 1e6
    )
    assert outcome.status == "done"
    assert "small at" in (folder_of(sample_experiment.uri) / "report.md").read_text(encoding="utf-8")


def test_a_person_is_asked_before_anything_is_sent_and_may_go_on_without(
    sample_experiment: SampleExperiment, server: ScriptedModel
) -> None:
    human = AskedHuman([{"type": "reject"}])
    run(sample_experiment, human=human)
    assert [payload["question"] for payload in human.asked][:2] == ["spend", "purpose"]
    assert human.asked[0]["action_requests"][0]["args"]["tokens"] > 0
    assert server.count() == 0
    assert begun_in(sample_experiment).agent_description.startswith("An agent")


def test_where_the_budget_is_spent_counting_goes_on_and_the_rest_is_named(
    sample_experiment: SampleExperiment, server: ScriptedModel
) -> None:
    outcome = run(sample_experiment, budget_tokens=100)
    assert server.count() == 0
    assert exit_code(outcome, None) == 4
    assert any("of the 100 tokens allowed" in each for each in outcome.untested)
    report = (folder_of(sample_experiment.uri) / "report.md").read_text(encoding="utf-8")
    assert "purpose 1" in report and "0 of the 100 tokens allowed are spent" in report


def test_with_a_larger_budget_a_complete_analysis_is_asked_what_was_left_out_and_nothing_twice(
    sample_experiment: SampleExperiment, server: ScriptedModel
) -> None:
    server.script("Purpose", PURPOSE)
    cut_short = run(sample_experiment, budget_tokens=2_500)
    begun = begun_in(sample_experiment)
    assert cut_short.status == "partial" and begun.spend.calls > 0
    assert begun.spend.skipped.keys() >= {"exploration"}
    asked = [request.body["messages"] for request in server.requests]

    watcher = Watcher()
    completed = run(sample_experiment, watcher=watcher, resume=begun.run_id, budget_tokens=1_000_000)
    assert (completed.status, completed.untested) == ("done", [])
    assert any(event.text.startswith("Going on with what was left out") for event in watcher.events)
    later = [request.body["messages"] for request in server.requests[len(asked) :]]
    assert later and not [messages for messages in later if messages in asked]
    analysis = begun_in(sample_experiment)
    assert (analysis.asked_on, analysis.spend.left, analysis.status) == (1, {}, "COMPLETED")
    assert analysis.spend.calls == server.count()

    run(sample_experiment, watcher=watcher, resume=begun.run_id, budget_tokens=1_000_000)
    assert server.count() == len(asked) + len(later)
    assert watcher.events[-1].text.endswith("nothing is left to do.")


def test_what_an_endpoint_failed_to_answer_for_now_is_asked_again_when_the_analysis_is_gone_on_with(
    sample_experiment: SampleExperiment, server: ScriptedModel
) -> None:
    server.script("Purpose", PURPOSE)
    server.script("Exploration", *[Failure(503)] * 5, {"learnt": "", "found": [], "looks": []})
    first = run(sample_experiment)
    assert first.status == "partial"
    assert begun_in(sample_experiment).spend.unanswered == {"exploration": 1}
    assert any("not answered: its endpoint failed for now" in each for each in first.untested)
    asked = server.count("TraceReading")
    assert run(sample_experiment, resume=first.run_id).status == "done"
    assert (server.count("Exploration"), server.count("TraceReading")) == (6, asked)
    assert begun_in(sample_experiment).spend.left == {}


def test_an_analysis_that_was_cut_short_asks_nothing_again(sample_experiment: SampleExperiment, server: ScriptedModel) -> None:
    class Gone(PolicyHuman):
        def answer(self, payload: Payload) -> Reply:
            if payload["question"] == "purpose":
                raise KeyboardInterrupt
            return super().answer(payload)

    server.script(
        "Purpose", Failure(401, "who are you"), Said("boats"), Said("boats"), Said("boats"), Said("boats"), Said("boats")
    )
    with pytest.raises(ModelError, match="who are you"):
        run(sample_experiment)
    begun = begun_in(sample_experiment)
    with pytest.raises(KeyboardInterrupt):
        run(sample_experiment, human=Gone(), resume=begun.run_id)
    asked = server.count("Purpose")
    assert begun_in(sample_experiment).agent_description.startswith("An agent"), (
        "no answer was usable: it is described by counting"
    )
    with pytest.raises(KeyboardInterrupt):
        run(sample_experiment, human=Gone(), resume=begun.run_id)
    assert server.count("Purpose") == asked
    assert begun_in(sample_experiment).spend.given_up == 1


@pytest.mark.parametrize(
    ("settings", "environ", "says"),
    [
        ({"budget_usd": 1.0}, {}, "--price small=IN/OUT"),
        ({"analyst": "language", "model": None}, {}, "--model"),
        ({}, {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        ({}, {"OPENAI_BASE_URL": "localhost:80"}, "OPENAI_BASE_URL"),
        ({}, {"OPENAI_BASE_URL": "", "AZURE_OPENAI_ENDPOINT": "https://x"}, "AZURE_OPENAI_API_KEY"),
    ],
    ids=["no price", "no model", "no key", "no address", "no key for Azure"],
)
def test_what_a_model_lacks_is_said(
    settings: dict[str, Any],
    environ: dict[str, str],
    says: str,
    empty_store: str,
    server: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=says):
        configured_model(settings_of(**settings), os.environ, check_stop=lambda: None, tracking=connect(empty_store))


def test_who_thinks_follows_from_whether_a_model_is_named(sample_experiment: SampleExperiment, server: ScriptedModel) -> None:
    watcher = Watcher()

    def chosen(begun: Analysis | None = None, **settings: Any) -> str:
        tracking, given = connect(sample_experiment.uri), settings_of(**settings)
        return choose_analyst(given, {}, watcher, begun, check_stop=lambda: None, tracking=tracking).name

    assert chosen(model=None) == "statistical", "an address and a key alone send nothing anywhere"
    assert chosen(analyst="statistical") == "statistical"
    assert watcher.events == []
    assert chosen() == "language"
    assert [event.text for event in watcher.events] == [f"A language model reads traces: small at {server.url}."]
    store = memory_of(sample_experiment.uri)
    begun = store.create_analysis(sample_experiment.experiment_id, key="k", name="n", run_name="r", analyst="language")
    with pytest.raises(UserError, match="--model"):
        chosen(begun, model=None)
    assert chosen(begun, model=None, analyst="statistical") == StatisticalAnalyst.name
