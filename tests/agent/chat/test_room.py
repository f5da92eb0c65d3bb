"""One conversation, from the first question to what is asked after the report: committed, then acknowledged."""

import stat
from pathlib import Path

import pytest

from analyze_experiment.agent.chat.looks import Looks
from analyze_experiment.tests.agent.chat.talk import Talk, talk
from analyze_experiment.tests.agent.test_interventions import ANY_ERROR, SLOW, the_only_analysis
from analyze_experiment.tests.agent.whole import GivenAnalyst, entries, folder_of, memory_of
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.models import AnalysisStatus, HypothesisStatus, IssueStatus, Severity

EXPERIMENT = "1"


def test_everything_can_be_done_at_any_time_and_is_kept(sample_experiment: SampleExperiment, home: Path) -> None:
    uri = sample_experiment.uri
    store = memory_of(uri)

    async def person(talking: Talk) -> None:
        await talking.hear("Is this what the agent is for")
        await talking.told("/shwo issues", "no command /shwo. Did you mean /show")
        await talking.told("It lends boats.", "Anything to focus on")
        await talking.told("", "Test the hypotheses above")
        run_id = the_only_analysis(store)
        assert store.get_analysis(run_id).agent_description == "It lends boats."

        await talking.told("perhaps", "That is no answer to it")
        await talking.told("/edit H2 7%", "H2 is replaced[\\s\\S]*H4 +Fewer than 7%")
        await talking.told("ignore H4", "H4 is dropped; no work is done")
        await talking.told("/add the moon is green", "H5 +the moon is green[\\s\\S]*Kept as untested: No entry")
        talking.say("")

        await talking.hear("H1 Testing: Nobody knows")
        await talking.hear("H1 Population: all traces: 5")
        await talking.told("what do you think of it?", "I don't understand that without a language model")
        await talking.told("/pause", "Paused. /resume goes on")
        await talking.told("/why H1", "Nobody knows[\\s\\S]*Plan[\\s\\S]*Steps[\\s\\S]*Population: all traces: 5")
        await talking.told("/add agents call tools repeatedly with the same arguments", "H6[\\s\\S]*when you say /resume")
        await talking.told("/resume", "H6 [^\\n]*: 0")  # tested beside the one that never ends, which was in flight
        await talking.told("drop the first one", "H1 is dropped")
        await talking.hear("Hypotheses: ")
        assert store.get_analysis(run_id).status is AnalysisStatus.COMPLETED

        (issue,) = store.list_issues(EXPERIMENT)
        await talking.told("/show issues", f"I1 +{issue.severity}")
        await talking.told("/issue I1 severity low", "I1 +LOW OPEN")
        await talking.told("I1 is by design", "I1 +LOW REJECTED")
        trace_id = issue.evidence[0].trace_id
        await talking.told(f"/trace {trace_id}", f"{trace_id} +[A-Z]+ +20")
        await talking.told("/trace tr-none", "has no trace 'tr-none'")
        await talking.told("SELECT state, count(*) AS n FROM traces GROUP BY state", "rows; kept as query Q")
        await talking.told("/sql DROP TABLE traces", "Only SELECT is allowed, not DROP")
        said = "what they said " * 9
        await talking.told(f"/sql SELECT '{said}' AS said FROM traces", "texts and name no trace, so none\\s+is")
        await talking.told("/show census", "Figure")
        await talking.told("/show spend", "Nothing: the statistical analyst")
        await talking.told("/add few failed traces: reliability", "H\\d+ [\\s\\S]*opened again to test it")
        await talking.hear("Hypotheses: ")
        await talking.told("/report", "Report: ")
        await talking.told("/help", "/quit")
        talking.say("quit")
        await talking.hear("Leaving; what was written stands")

    analyst = GivenAnalyst([SLOW, *entries("few_failed_traces"), ANY_ERROR])
    code = talk(uri, person, analyst=analyst, review=True)
    run_id = the_only_analysis(store)
    listed = memory_of(uri).list_hypotheses(run_id)
    slow, failed, _, edited, moon, repeated = listed[:6]
    assert [each.dropped for each in (slow, failed, edited)] == [True, True, True]
    assert (slow.result, slow.blocked) == (None, "")
    assert (moon.status, moon.tested, bool(moon.blocked)) == (HypothesisStatus.TESTING, False, True)
    assert (repeated.source, repeated.verdict is not None) == ("user", True)
    (issue,) = [each for each in memory_of(uri).list_issues(EXPERIMENT) if each.status is IssueStatus.REJECTED]
    assert issue.severity is Severity.LOW
    assert code == 4  # one was left untested
    history = home / "state_home" / "analyze-experiment" / "chat_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "It lends boats." in history.read_text(encoding="utf-8")
    assert (folder_of(uri) / "report.md").exists()
    linked = set(memory_of(uri).reader.linked(run_id, experiment_id=EXPERIMENT))
    assert {entry.trace_id for entry in issue.evidence} <= linked


def test_line_that_was_begun_before_a_question_is_no_answer_to_it(
    sample_experiment: SampleExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(Looks, "sql", breaks)

    async def person(talking: Talk) -> None:
        await talking.hear("What the agent is for")
        talking.keys.send_text("list the ")
        await talking.hear("Is this what the agent is for")
        await talking.told("hypotheses", "No hypotheses yet")
        await talking.told("/sql SELECT 1", "Unexpected RuntimeError: it broke")
        await talking.told("stop", "It waits for your answer; nothing runs")
        talking.keys.send_text("\x04")
        await talking.hear("Leaving")

    code = talk(sample_experiment.uri, person, analyst=GivenAnalyst([]))
    assert code == 0
    analysis = memory_of(sample_experiment.uri).get_analysis(the_only_analysis(memory_of(sample_experiment.uri)))
    assert (analysis.answer("purpose"), analysis.status) == (None, AnalysisStatus.ACTIVE)


pytestmark = pytest.mark.xdist_group("chat")
