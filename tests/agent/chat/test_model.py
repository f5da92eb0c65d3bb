"""One conversation with a language model: what is said is understood by it, answered from the memory, and planned by it."""

import asyncio
import os
import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.model.budget import Limits
from analyze_experiment.agent.model.configured import configured_model
from analyze_experiment.agent.settings import Settings
from analyze_experiment.graph.ports import Explanation, Proposal
from analyze_experiment.tests.agent.chat.talk import LOOK_S, PATIENCE_S, Talk, talk
from analyze_experiment.tests.agent.test_interventions import ANY_ERROR, SLOW, the_only_analysis
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, memory_of
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.scripted_model import Request, ScriptedModel, Silence
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Analysis, Cause, Cell, Census, Hypothesis, HypothesisStatus, Issue
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

pytestmark = pytest.mark.xdist_group("chat")

NOTHING: dict[str, Any] = {"subjects": [], "action": "", "words": "", "answer": "", "sources": []}
PLAN = {
    "decision": "count",
    "statement": "Requests end in an error.",
    "population_sql": "",
    "population_title": "",
    "affected_sql": "SELECT trace_id FROM traces WHERE state = 'ERROR'",
    "exposed_sql": "",
    "question": "",
    "rejected_if": "hardly any does",
    "why_none": "",
}
READ = {**PLAN, "decision": "read", "affected_sql": "", "question": "Does the agent promise a refund?"}


class AskedAnalyst(LanguageAnalyst):
    """Asks the model for everything but proposals."""

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """One that never ends, and one that does."""
        return Proposal([SLOW, ANY_ERROR])

    async def explain(
        self, bench: Workbench, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], cell: Cell | None = None
    ) -> Explanation:
        """Nothing."""
        return Explanation(Cause(text="Not known.", standing="suspected"))


def meaning(meant: str, **given: Any) -> dict[str, Any]:
    return {**NOTHING, "meaning": meant, **given}


def counted(request: Request) -> dict[str, Any]:
    """Cites the count of the second hypothesis by the label that it has in the memory as it was told."""
    label = re.search(r"^\[H2\][^\n]*\n  affected \{(F\d+)\}", request.user, re.MULTILINE)
    assert label, request.user
    return meaning("answer", answer=f"It failed in {{{label[1]}}}.", sources=["H2"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[ScriptedModel]:
    with ScriptedModel() as scripted:
        monkeypatch.setenv("OPENAI_BASE_URL", scripted.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        scripted.script("Purpose", {"description": "It rents boats to people who ask for them."})
        yield scripted
    assert scripted.unscripted == []


async def until_set(silence: Silence, what: str) -> None:
    """Waits until the server sees that it was asked, or that whoever asked has gone."""
    patience = PATIENCE_S / LOOK_S
    while not getattr(silence, what).is_set():
        patience -= 1
        assert patience > 0, f"the server never saw that a request was {what}"
        await asyncio.sleep(LOOK_S)


def test_a_model_reads_what_is_said_and_plans_what_is_stated(sample_experiment: SampleExperiment, server: ScriptedModel) -> None:
    uri, store = sample_experiment.uri, memory_of(sample_experiment.uri)
    settings = Settings.model_validate({"model": "small", "cache": Path("cache")})
    model = configured_model(settings, os.environ, check_stop=lambda: None, tracking=connect(uri))
    assert model is not None
    planning, judging = Silence(), Silence()
    server.script("Judgements", judging, repeat=True)
    server.script("WrittenPlan", planning, READ, PLAN)

    async def person(talking: Talk) -> None:
        await talking.told("what is it about?", "doesn't|gives no answer: the analysis hasn't begun|Ask it")
        await talking.hear("Enter for yes")
        assert server.count() == 0, "nothing is sent before the person has agreed"
        await talking.told("", "Is this what the agent is for")
        await talking.told("", "Anything to focus on")
        await talking.told("", "Test the hypotheses above")

        server.script("Meaning", meaning("answer", answer="There are {F99}.", sources=["analysis"]))
        server.script("Meaning", meaning("answer", answer="There are {F1} traces, not 12.", sources=["analysis"]))
        server.script("Meaning", meaning("answer", answer="There are {F1} traces.", sources=["analysis"]))
        await talking.told("how many are there?", "There are 5 traces")
        assert ["no figure F99" in server.requests[-2].user, "'12.' stands in none" in server.requests[-1].user] == [True, True]

        server.script("Meaning", meaning("drop", subjects=["H2"], words="it is dull"))
        await talking.told("the one about errors is dull", "Understood as /drop H2 it is dull: Enter does it")
        talking.keys.send_text("\x15")
        await talking.told("/show hypotheses", "H2 +waiting")
        await talking.told("test them", "H1 Testing: Nobody knows")

        await talking.told("/add the moon is green", "H3 +the moon is green[\\s\\S]*writes a plan for it")
        await until_set(planning, "asked")
        await talking.told("drop H3", "H3 is dropped")
        await until_set(planning, "left")
        await talking.told("/add refunds are promised", "H4 +refunds are promised")
        await until_set(judging, "asked")
        await talking.told("drop H4", "H4 is dropped")
        await until_set(judging, "left")
        await talking.told("/add blue boats are dull", "H5 +blue boats")
        await talking.hear("H5 Its plan is written[\\s\\S]*H5 1 of 5")
        await talking.told("drop H1", "H1 is dropped")
        await talking.hear("Hypotheses: ")

        server.script("Meaning", meaning("more", subjects=["H2"]), counted)
        await talking.told("what came of the second?", "It failed in 1 of 5 traces.\\s+H2 +VALIDATED")
        server.script("Meaning", *[meaning("answer", answer="Badly.", sources=["H77"])] * 3)
        await talking.told("and how did the others do?", "gives no answer: its answer can't be taken: the memory has no\\s+H77")
        model.budget.limits = Limits(tokens=1)
        await talking.told("why is H2 so?", "the budget has no room for it\\); taken as\\s+/why H2[\\s\\S]*Plan")
        talking.say("/quit")

    code = talk(uri, person, analyst=AskedAnalyst(GivenAnalyst(()), model, Watcher(), sample=4), review=True)
    analysis = store.get_analysis(the_only_analysis(store))
    slow, failing, moon, refunds, errors = memory_of(uri).list_hypotheses(analysis.run_id)
    assert [each.dropped for each in (slow, failing, moon, refunds, errors)] == [True, False, True, True, False]
    assert (moon.plan, refunds.plan is not None, refunds.result) == (None, True, None)
    assert (errors.status, errors.source) == (HypothesisStatus.REJECTED, "user")
    assert (analysis.spend.skipped, code) == ({}, 0)
    # A call that is given up before it reaches the server is counted all the same; never is one that was made left out.
    assert 0 <= analysis.spend.calls - server.count() <= model.width
