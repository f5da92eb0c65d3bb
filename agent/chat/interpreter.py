"""Plain language with a model: a sentence becomes a command, or an answer from the memory. What the model says is a claim.

Its sources are looked up and its figures put in by code; a command that destroys something is only offered. The memory that it
is told holds texts of traces, so whatever it understands can at most be what the person may then carry out.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from ...prompts import load_prompt
from ...tools.errors import UserError
from ..analysts.fitting import ask_fitted, flexible
from ..analysts.forms import Form
from ..model import GivenUp, LanguageModel
from .commands import COMMANDS, SHOWN, Command
from .language import handles_in
from .reach import Reach
from .recollection import Recollection

PROMPT = "understand"
ROUNDS = 3
"""Questions to the model for one sentence at most: to see more, or to mend an answer that was refused."""
EARLIER = 6
"""Turns of the conversation that it is told."""
NONE = "(none)"
LABEL = re.compile(r"\{(F\d+)\}")
NAME = re.compile(r"[HI]\d+|Q[0-9a-f]{10}|tr-[\w-]+")


class Meaning(Form):
    """What a person's sentence means: one command with its arguments, or an answer with what it rests on."""

    meaning: Literal[
        "add", "drop", "edit", "focus", "pause", "resume", "why", "show", "sql", "trace", "issue", "report", "quit", "help",
        "answer", "more", "unclear",
    ]  # fmt: skip
    subjects: list[Annotated[str, Field(max_length=80)]] = Field(max_length=20)
    action: Literal["", "reject", "resolve", "reopen", "severity"]
    words: str = Field(max_length=2500)
    answer: str = Field(max_length=1200)
    sources: list[Annotated[str, Field(max_length=80)]] = Field(max_length=12)


@dataclass(frozen=True)
class Said:
    """What is said back to the person."""

    text: str
    sources: tuple[str, ...] = ()
    """What it rests on; all of it was looked up."""
    trouble: str = ""
    """Why there is no answer."""


class Refused(Exception):
    """The model's answer can't be taken; `str` says why, so that it can be mended."""


@dataclass
class Interpreter:
    """Asks the model, one sentence at a time."""

    model: LanguageModel
    reach: Reach
    _earlier: list[str] = field(default_factory=lambda: list[str]())
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def interpret(self, text: str) -> Command | Said:
        """The command that a sentence means, or what is said to it.

        Raises:
            ModelError: nobody answers any more.
        """
        async with self._turn:
            meant = await self._interpret(text)
            said = f"/{meant.name} {meant.words}" if isinstance(meant, Command) else meant.text
            self._earlier = [*self._earlier, f"person: {text}", f"you: {said}"][-EARLIER:]
            return meant

    async def close(self) -> None:
        """Ends the connections."""
        await self.model.close()

    async def _interpret(self, text: str) -> Command | Said:
        reach = self.reach
        if not reach.engine.run_id:
            return Said("", trouble="the analysis hasn't begun")
        analysis = await reach.call(lambda: reach.store.get_analysis(reach.run_id))
        if "purpose" not in analysis.progress:
            return Said("", trouble="nobody has said yet that a model may be asked")
        await self.model.attach(reach.store, reach.run_id)
        whole, problem = set(handles_in(text)), NONE
        for _ in range(ROUNDS):
            memory = await self._recollect(whole)
            values = self._values(text, memory, problem)
            if not self.model.affords(load_prompt(PROMPT).render(**values)):
                return Said("", trouble="the budget has no room for it")
            fitted = {**values, "memory": flexible(memory.text)}
            meant = await ask_fitted(self.model, PROMPT, Meaning, purpose="chat", values=fitted)
            if isinstance(meant, GivenUp):
                return Said("", trouble=meant.why)
            if meant.meaning == "more" and not whole.issuperset(meant.subjects):
                whole.update(meant.subjects)
                continue
            try:
                return await self._taken(meant, memory, text)
            except (Refused, UserError) as error:
                problem = f"{meant.model_dump_json()}\n\nwas refused: {error}"
        return Said("", trouble=f"its answer can't be taken: {problem.rpartition('was refused: ')[2]}")

    def _values(self, text: str, memory: Recollection, problem: str) -> dict[str, str]:
        """What the prompt is filled with."""
        listed = "\n".join(f"- `{name}`: {spec.usage}: {spec.does}" for name, spec in COMMANDS.items())
        earlier = "\n".join(self._earlier) or NONE
        return {"commands": listed, "memory": memory.text, "earlier": earlier, "said": text, "problem": problem}

    async def _recollect(self, whole: set[str]) -> Recollection:
        """What the memory holds at this moment, the entries in `whole` with all there is."""
        reach, run_id = self.reach, self.reach.run_id

        def recollect() -> Recollection:
            store, told = reach.store, Recollection(reach.handles)
            ids = {each for name in whole if (each := _known(reach, name))}
            analysis = store.get_analysis(run_id)
            told.tell_analysis(analysis, store.read_snapshot(run_id), reach.engine.state)
            told.tell_hypotheses(store.list_hypotheses(run_id), reach.testing, ids)
            told.tell_issues(store.list_issues(analysis.experiment_id), run_id, ids)
            told.tell_census(store.read_census(run_id))
            return told

        return await reach.call(recollect)

    async def _taken(self, meant: Meaning, memory: Recollection, text: str) -> Command | Said:
        """What the model means, once all of it was looked up.

        Raises:
            Refused, UserError: a source, a figure or a subject isn't there.
        """
        match meant.meaning:
            case "unclear":
                return Said(_filled(meant.answer, memory, {*memory.sources}, text) or "What do you mean?")
            case "answer":
                sources = await self._looked_up(meant.sources)
                return Said(_filled(meant.answer, memory, {*sources}, text), sources)
            case "more":
                raise Refused("you have seen these whole: answer, or say that the memory doesn't hold it")
            case _:
                return await self._command(meant)

    async def _looked_up(self, named: Sequence[str]) -> tuple[str, ...]:
        """The sources under the names that people see.

        Raises:
            Refused: there are none, or one isn't there.
        """
        sources = tuple(dict.fromkeys(each.strip(" []") for each in named if each.strip(" []")))
        if not sources:
            raise Refused("it names no source: an answer rests on entries of the memory")
        if missing := await self.reach.call(lambda: [each for each in sources if not _exists(self.reach, each)]):
            raise Refused(f"the memory has no {', '.join(missing)}")
        return sources

    async def _command(self, meant: Meaning) -> Command:
        """The command in the words of the command line, its subjects looked up.

        Raises:
            Refused, UserError: it lacks something, or a subject isn't there.
        """
        name, words = meant.meaning, " ".join(meant.words.split())
        if name in {"drop", "edit", "why"}:
            subjects = [await self._handle(each, "H") for each in meant.subjects]
            if not subjects or (len(subjects) > 1 and name != "drop"):
                raise Refused(f"{name} needs {'at least one hypothesis' if name == 'drop' else 'one hypothesis'} in subjects")
            return Command(name, f"{', '.join(subjects)} {'' if name == 'why' else words}".strip())
        if name == "issue":
            if len(meant.subjects) != 1:
                raise Refused("issue needs one issue in subjects")
            rest = f"{meant.action} {words}" if meant.action else ""
            return Command(name, f"{await self._handle(meant.subjects[0], 'I')} {rest}".strip())
        if name == "trace":
            return Command(name, " ".join([*meant.subjects[:1], words] if meant.subjects else [words]).strip())
        if name == "show" and words not in SHOWN:
            raise Refused(f"words must be what to show: one of {', '.join(SHOWN)}")
        if name in {"add", "sql"} and not words:
            raise Refused(f"{name} needs words")
        return Command(name, words if name in {"add", "sql", "focus", "show", "report"} else "")

    async def _handle(self, named: str, kind: str) -> str:
        return self.reach.handles.of(await self.reach.find(named.strip(" []"), kind))


def destroys(command: Command) -> bool:
    """Whether a command can't be taken back, or changes what others rely on: it is carried out only when the person says so."""
    name, words = command.name, command.words.split()
    return name in {"drop", "edit", "quit"} or (name == "issue" and len(words) > 1) or (name == "report" and bool(words))


def _filled(answer: str, memory: Recollection, sources: set[str], text: str) -> str:
    """The answer with its figures put in.

    Raises:
        Refused: a label stands for nothing, or a number stands neither in what it cites nor in what the person said.
    """
    if unknown := [label for label in LABEL.findall(answer) if label not in memory.figures]:
        raise Refused(f"there is no figure {', '.join(unknown)}")
    cited = " ".join([text, *(memory.sources.get(each, "") for each in sources)])
    known = {_bare(word) for word in cited.split()}
    for word in NAME.sub("", LABEL.sub("", answer)).split():
        if any(character.isdigit() for character in word) and _bare(word) not in known:
            raise Refused(f"the number {word!r} stands in none of its sources: cite it by its label, or leave it out")
    return LABEL.sub(lambda found: memory.figures[found[1]], answer.strip())


def _bare(word: str) -> str:
    return word.strip(".,;:!?()[]\"'“”‘’`*")


def _known(reach: Reach, name: str) -> str:
    """The id that a handle means; empty where it means nothing."""
    try:
        return reach.handles.find(name, "I" if name[:1].upper() == "I" else "H")
    except UserError:
        return ""


def _exists(reach: Reach, source: str) -> bool:
    """Whether the memory, or the experiment, holds what is cited. Blocks."""
    if source == "analysis":
        return True
    if re.fullmatch(r"[HI]\d+", source):
        return bool(_known(reach, source))
    if source.startswith("Q"):
        try:
            return bool(reach.store.read_query(reach.run_id, source).query_id)
        except UserError:
            return False
    experiment_id = reach.handles.experiment_id
    return bool(reach.store.reader.existing([source], experiment_id=experiment_id))
