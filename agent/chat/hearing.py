"""What the person says in plain words: taken by rule where one is sure, else read by the model and shown as it was understood."""

import re
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.text import Text

from ...tools.errors import ModelError, UserError
from ..printable import one_line
from . import views
from .commands import Command
from .interpreter import Interpreter, Said, destroys
from .language import understand
from .looks import Looks
from .reach import Reach


@dataclass
class Hearing:
    """Takes sentences. A command that destroys something is put at the prompt, and carried out when the person enters it."""

    reach: Reach
    interpreter: Interpreter | None
    """Who reads them; None where no model is configured."""
    carry_out: Callable[[Command], Awaitable[None]]
    offer: Callable[[str], bool]
    """Puts a line at the prompt; False where something stands there, or a question waits for its answer."""
    reading: int = 0
    """Sentences that the model is reading."""

    def by_rule(self, text: str) -> Command | None:
        """The command that a sentence means by the rules that may be trusted with it."""
        return understand(text, loosely=self.interpreter is None)

    async def hear(self, text: str) -> None:
        """Takes a sentence that no rule is sure about."""
        if self.interpreter is None:
            self.reach.say(Text(_suggest(text, "I don't understand that without a language model."), style="yellow"))
            return
        with self._reading():
            try:
                meant = await self.interpreter.interpret(text)
            except (ModelError, UserError) as error:
                meant = Said("", trouble=one_line(str(error)).rstrip("."))
        if isinstance(meant, Command):
            await self._understood(meant)
        elif meant.trouble:
            await self._without_model(text, meant.trouble)
        else:
            self.reach.say(views.below(meant.text, indent=0))
            await Looks(self.reach).sources(meant.sources)

    async def close(self) -> None:
        """Asks nobody any more."""
        if self.interpreter is not None:
            await self.interpreter.close()

    async def _understood(self, command: Command) -> None:
        line = f"/{command.name} {command.words}".strip()
        if not destroys(command):
            self.reach.say(Text(f"Understood as {one_line(line)}", style="dim"))
            await self.carry_out(command)
            return
        how = "Enter does it; empty the line, and nothing is done" if self.offer(line) else "type that, and it is done"
        self.reach.say(Text(f"Understood as {one_line(line)}: {how}.", style="yellow"))

    async def _without_model(self, text: str, trouble: str) -> None:
        """The loose rules, where the model gives no answer; it is said why."""
        command = understand(text)
        if command is None or destroys(command):
            self.reach.say(Text(_suggest(text, f"The language model gives no answer: {trouble}."), style="yellow"))
            return
        line = one_line(f"/{command.name} {command.words}".strip())
        self.reach.say(Text(f"The language model gives no answer ({trouble}); taken as {line}.", style="yellow"))
        await self.carry_out(command)

    @contextmanager
    def _reading(self) -> Generator[None]:
        self.reading += 1
        try:
            yield
        finally:
            self.reading -= 1


def _suggest(text: str, why: str) -> str:
    """What is said to a sentence that nobody understands."""
    named = re.search(r"\b([HI])(\d+)\b", text, re.IGNORECASE)
    hint = ""
    if named:
        handle = f"{named[1].upper()}{named[2]}"
        hint = f" Did you mean {'/why' if named[1].upper() == 'H' else '/issue'} {handle}?"
    return f"{why}{hint} To state a hypothesis say /add ...; /help lists what I know."
