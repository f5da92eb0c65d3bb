"""The commands of the chat: what there is, how it is called, and how a line becomes one."""

import difflib
from dataclasses import dataclass

from ...tools.errors import UserError


@dataclass(frozen=True)
class Spec:
    """One command, as the help lists it."""

    usage: str
    does: str
    takes: str = ""
    """What its first word is, for the completion: hypothesis, issue, trace, sql, or one of some words."""
    slow: bool = False
    """Whether it may take long, so that others go on beside it."""


SHOWN = ("hypotheses", "issues", "census", "spend")
ISSUE_ACTIONS = ("reject", "resolve", "reopen", "severity")

COMMANDS = {
    "add": Spec("/add STATEMENT", "state a hypothesis; it is tested in this run where a plan is known or can be written"),
    "drop": Spec("/drop H3 [WHY]", "give a hypothesis up; work on it stops at once", "hypothesis"),
    "edit": Spec("/edit H3 5% | TEXT", "another threshold, or other words, before it is tested", "hypothesis"),
    "focus": Spec("/focus [TEXT]", "show what to look at first, or add to it"),
    "pause": Spec("/pause", "pause at the next safe point (Ctrl-C does too)"),
    "resume": Spec("/resume", "go on"),
    "why": Spec("/why H2 [full]", "its plan, its numbers, its evidence, its verdict", "hypothesis"),
    "show": Spec("/show WHAT", "hypotheses, issues, census or spend", "shown"),
    "sql": Spec("/sql SELECT ...", "ask the traces; relations: traces, spans, assessments", "sql", slow=True),
    "trace": Spec("/trace ID [full]", "one trace as a tree of its spans", "trace", slow=True),
    "issue": Spec("/issue I1 ACTION", "show it, or reject, resolve, reopen [WHY], severity LEVEL", "issue"),
    "report": Spec("/report [PATH]", "write the report of what is known by now", slow=True),
    "quit": Spec("/quit", "leave; everything is kept and can be resumed (Ctrl-D too)"),
    "help": Spec("/help", "this list"),
}


@dataclass(frozen=True)
class Command:
    """What a line asks for."""

    name: str
    words: str = ""


def parse(line: str) -> Command:
    """The command of a line that begins with a slash.

    Raises:
        UserError: there is no such command; the message names the nearest.
    """
    name, _, words = line[1:].strip().partition(" ")
    name = {"exit": "quit", "?": "help", "continue": "resume", "stop": "pause"}.get(name.lower(), name.lower())
    if name in COMMANDS:
        return Command(name, words.strip())
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    hint = f"Did you mean /{near[0]}?" if near else "/help lists them."
    raise UserError(f"There is no command /{name}. {hint}")
