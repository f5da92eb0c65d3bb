"""Plain language by rules: what is understood, and as what; what isn't, is not guessed at."""

import pytest

from analyze_experiment.agent.chat.commands import COMMANDS, Command, parse
from analyze_experiment.agent.chat.language import understand
from analyze_experiment.tools.errors import UserError

SENTENCES = {
    "stop": Command("pause"),
    "please stop now.": Command("pause"),
    "go on": Command("resume"),
    "bye": Command("quit"),
    "what can I say?": Command("help"),
    "drop the third one": Command("drop", "H3"),
    "ignore H2": Command("drop", "H2"),
    "forget hypothesis 4 because it is dull": Command("drop", "H4 it is dull"),
    "Don't test h7, we know it": Command("drop", "h7 we know it"),
    "why was H2 rejected?": Command("why", "H2"),
    "tell me more about the second hypothesis": Command("why", "H2"),
    "what is the plan of H5?": Command("why", "H5"),
    "show issues": Command("show", "issues"),
    "list all the hypotheses so far": Command("show", "hypotheses"),
    "what did you find?": Command("show", "issues"),
    "how much did it cost?": Command("show", "spend"),
    "show me the census": Command("show", "census"),
    "I2 is not a problem": Command("issue", "I2 reject"),
    "reject issue 3: by design": Command("issue", "I3 reject by design"),
    "I1 is fixed": Command("issue", "I1 resolve"),
    "the severity of I1 should be low": Command("issue", "I1 severity low"),
    "set I4 to CRITICAL": Command("issue", "I4 severity CRITICAL"),
    "what is the second issue?": Command("issue", "I2"),
    "show me tr-12ab": Command("trace", "tr-12ab"),
    "select count(*) from traces": Command("sql", "select count(*) from traces"),
    "I suspect that refunds  fail on Mondays.": Command("add", "refunds  fail on Mondays"),
    "test whether tools time out": Command("add", "tools time out"),
    "focus on refunds": Command("focus", "refunds"),
    "write the report again": Command("report"),
    "save the report to out/mine.md": Command("report", "out/mine.md"),
}


@pytest.mark.parametrize(("said", "command"), SENTENCES.items(), ids=SENTENCES)
def test_sentence_is_understood_as_a_command(said: str, command: Command) -> None:
    assert understand(said) == command


@pytest.mark.parametrize("said", ["", "perhaps", "the weather is fine", "drop", "why?", "I like H2 and H3", "show me"])
def test_sentence_that_no_rule_is_about_is_not_guessed_at(said: str) -> None:
    assert understand(said) is None


def test_command_that_does_not_exist_names_the_nearest() -> None:
    assert parse("/why  H2 ") == Command("why", "H2")
    assert parse("/exit") == Command("quit")
    with pytest.raises(UserError, match="no command /dorp. Did you mean /drop\\?"):
        parse("/dorp H2")
    with pytest.raises(UserError, match="/help lists them"):
        parse("/xyzzy")


def test_every_command_says_how_it_is_called() -> None:
    assert [name for name, spec in COMMANDS.items() if not spec.usage.startswith(f"/{name}") or not spec.does] == []
