"""Who answers: a person at a real pseudo-terminal, or a policy."""

import ast
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from analyze_experiment.agent.asking import find_candidates
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.graph.questions import ask_purpose, ask_review, ask_where_to_save, ask_which_experiment
from analyze_experiment.tools.errors import PersonNeeded
from analyze_experiment.tools.insights.models import Hypothesis

DRIVER = """
import contextlib, signal, sys
from analyze_experiment.agent.human import PersonHuman
from analyze_experiment.agent.stop import StopSignal, stop_code
from analyze_experiment.agent.terminal import open_terminal
from analyze_experiment.tools.errors import AnalyzeError

stop = StopSignal()
signal.signal(signal.SIGINT, lambda *_: stop.request("SIGINT"))
with open_terminal(sys.stdin, sys.stderr, "plain", stop) as terminal:
    try:
        reply = PersonHuman(terminal, contextlib.nullcontext).answer(PAYLOAD)
        print("REPLY", repr([reply.answered_by, reply.decisions]), "END", flush=True)
    except AnalyzeError as error:
        print("LEFT", type(error).__name__, stop.requested, "END", flush=True)
"""


STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Dialogue:
    """A driver script at a pseudo-terminal: expect a text, type an answer."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._terminal, inside = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"PAYLOAD = {payload!r}\n{DRIVER}"],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
            start_new_session=True,
        )
        os.close(inside)
        self.seen = ""

    def expect(self, text: str) -> None:
        while not re.search(text, self.seen):
            assert select.select([self._terminal], [], [], 30)[0], f"waited for {text!r}, saw {self.seen!r}"
            try:
                self.seen = STYLE.sub("", self.seen + os.read(self._terminal, 4096).decode().replace("\r\n", "\n"))
            except OSError as error:
                raise AssertionError(f"ended before {text!r}: {self.seen!r}") from error

    def answer(self, prompt: str, text: str) -> None:
        self.expect(f"{prompt}[^\n]*[:?] $")
        self.seen = ""
        os.write(self._terminal, text.encode())

    def reply(self) -> list[dict[str, Any]]:
        self.expect("REPLY .* END")
        answered_by, decisions = ast.literal_eval(re.findall("REPLY (.*) END", self.seen.replace("\n", ""))[0])
        assert answered_by == "person"
        return decisions

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


@pytest.fixture
def talk() -> Iterator[Callable[[dict[str, Any]], Dialogue]]:
    dialogues: list[Dialogue] = []

    def start(payload: dict[str, Any]) -> Dialogue:
        dialogues.append(Dialogue(payload))
        return dialogues[-1]

    yield start
    for dialogue in dialogues:
        dialogue.close()


Talk = Callable[[dict[str, Any]], Dialogue]
EXPERIMENTS = [("0", "Default"), ("1", "retail"), ("2", "airline"), ("3", "airline-voice"), ("17", "tele\x1b[31mcom")]


def test_a_person_chooses_an_experiment_and_is_asked_again_until_it_is_one(talk: Talk) -> None:
    dialogue = talk(ask_which_experiment(EXPERIMENTS, default=None))
    dialogue.expect("5  tele\\\\x1b\\[31mcom  id 17")
    dialogue.answer("Number", "nothing\n")
    dialogue.expect("Nothing in the list fits 'nothing'")
    dialogue.answer("Number", "air\n")
    dialogue.expect("'air' can mean 'airline' \\(id 2\\), 'airline-voice' \\(id 3\\)")
    dialogue.answer("Number", "airline\n")
    assert dialogue.reply() == [{"type": "respond", "message": "2"}]


def test_enter_confirms_the_purpose_and_keeps_the_focus(talk: Talk) -> None:
    dialogue = talk(ask_purpose("It sells boats.", ["refunds", "tools"]))
    dialogue.expect("It sells boats.")
    dialogue.answer("Enter if that is right", "\n")
    dialogue.answer("Enter for 'refunds; tools'", "\n")
    assert dialogue.reply() == [{"type": "approve"}, {"type": "respond", "message": "refunds; tools"}]


def test_a_correction_is_kept_verbatim_even_pasted_in_lines(talk: Talk) -> None:
    dialogue = talk(ask_purpose("It sells boats.", []))
    dialogue.answer("Enter if that is right", "no\n")
    dialogue.answer("What is it for", "It repairs  boats.\nAnd ships: \u00fcberall.\n")
    dialogue.answer("Enter for a general report", " slow tools; refunds \n")
    assert dialogue.reply() == [
        {"type": "respond", "message": "It repairs  boats.\nAnd ships: \u00fcberall."},
        {"type": "respond", "message": "slow tools; refunds"},
    ]


def test_what_was_typed_before_the_question_is_no_answer(talk: Talk) -> None:
    dialogue = talk(ask_where_to_save("report-1.md"))
    os.write(dialogue._terminal, b"typed too early\n")
    dialogue.answer("Enter for 'report-1.md'", "out/r.md\n")
    assert dialogue.reply() == [{"type": "respond", "message": "out/r.md"}]


def stated(statement: str) -> Hypothesis:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Hypothesis(
        hypothesis_id="H00000000",
        statement=statement,
        testing_plan="Count them.",
        source="user",
        kind="quality",
        created_at=at,
        updated_at=at,
    )


def test_a_review_takes_yes_and_no_and_another_wording(talk: Talk) -> None:
    dialogue = talk(ask_review([stated("Refunds fail"), stated("Tools are slow"), stated("Answers lie")]))
    dialogue.answer("Enter for yes, 'n' for no", "\n")
    dialogue.answer("Enter for yes, 'n' for no", "n\n")
    dialogue.answer("or type it as it should be", "5%\n")
    edited = {"statement": "5%", "hypothesis_id": "H00000000"}
    assert dialogue.reply() == [
        {"type": "approve"},
        {"type": "reject"},
        {"type": "edit", "edited_action": {"name": "test_hypothesis", "args": edited}},
    ]


def test_an_edit_is_an_edited_action_where_only_edits_are_allowed(talk: Talk) -> None:
    payload = ask_purpose("It sells boats.", [])
    payload["review_configs"][0]["allowed_decisions"] = ["approve", "edit"]
    dialogue = talk(payload)
    dialogue.answer("Enter if that is right", "It repairs boats.\n")
    dialogue.answer("Enter for a general report", "\n")
    edited = {"name": "confirm_description", "args": {"description": "It repairs boats."}}
    assert dialogue.reply() == [{"type": "edit", "edited_action": edited}, {"type": "respond", "message": ""}]


def test_the_end_of_the_input_needs_a_person(talk: Talk) -> None:
    dialogue = talk(ask_where_to_save("report-1.md"))
    dialogue.answer("Enter for 'report-1.md'", "\x04")
    dialogue.expect("LEFT PersonNeeded False END")


def test_a_stop_ends_a_wait_for_an_answer(talk: Talk) -> None:
    dialogue = talk(ask_where_to_save("report-1.md"))
    dialogue.expect("Enter for 'report-1.md'")
    dialogue.process.send_signal(signal.SIGINT)
    dialogue.expect("LEFT Stopped True END")


@dataclass(frozen=True)
class Choice:
    text: str
    ids: list[str]


CHOICES = [
    Choice("1", ["0"]),  # a number of the list, though it is the id of another
    Choice("17", ["17"]),
    Choice("id 1", ["1"]),
    Choice("ID=3", ["3"]),
    Choice("airline", ["2"]),
    Choice("AIR", ["2", "3"]),
    Choice("voice", ["3"]),
    Choice("99", []),
    Choice("", []),
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.text or "nothing")
def test_an_experiment_is_found_by_number_id_name_or_part_of_it(choice: Choice) -> None:
    assert [found[0] for found in find_candidates(choice.text, EXPERIMENTS)] == choice.ids


def test_the_policy_takes_the_declared_default() -> None:
    reply = PolicyHuman().answer(ask_purpose("It sells boats.", ["refunds"]))
    assert reply.answered_by == "policy"
    assert reply.decisions == [{"type": "approve"}, {"type": "respond", "message": "refunds"}]


def test_the_policy_names_the_option_where_there_is_no_default() -> None:
    with pytest.raises(
        PersonNeeded, match="'Which experiment shall be analysed\\?': say it beforehand with --experiment"
    ) as caught:
        PolicyHuman().answer(ask_which_experiment(EXPERIMENTS, default=None))
    assert caught.value.exit_code == 5
