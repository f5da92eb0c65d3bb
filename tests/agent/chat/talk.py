"""A conversation in this process: a person types through a pipe, and reads what stands on the screen."""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from analyze_experiment.agent.chat.entrance import converse
from analyze_experiment.agent.settings import Settings
from analyze_experiment.graph.ports import Analyst
from analyze_experiment.tests.agent.whole import folder_of

CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")
PATIENCE_S = 60
"""How long a text may be waited for before the test gives up."""
LOOK_S = 0.02


@dataclass
class Talk:
    """The person's side."""

    keys: PipeInput
    screen: io.StringIO
    _seen: int = 0
    code: int | None = None

    async def hear(self, pattern: str) -> re.Match[str]:
        """Waits until the pattern is shown after what was heard before."""
        wanted, patience = re.compile(pattern), PATIENCE_S / LOOK_S
        while True:
            shown = CONTROL.sub("", self.screen.getvalue()).replace("\r", "")
            if found := wanted.search(shown, self._seen):
                self._seen = found.end()
                return found
            patience -= 1
            assert self.code is None and patience > 0, f"waited for {pattern!r} after {shown[self._seen :]!r}"
            await asyncio.sleep(LOOK_S)

    def say(self, line: str) -> None:
        """Types a line."""
        self.keys.send_text(f"{line}\r")

    async def told(self, line: str, pattern: str) -> re.Match[str]:
        """Types a line and waits for what is said to it."""
        self.say(line)
        return await self.hear(pattern)

    def end(self, chat: "asyncio.Task[int]") -> None:
        """The conversation has ended: nothing more will be shown."""
        self.code = -1 if chat.cancelled() or chat.exception() else chat.result()


def talk(uri: str, person: Callable[[Talk], Awaitable[None]], *, analyst: Analyst | None = None, **settings: object) -> int:
    """Has a person talk about the store's experiment until they leave.

    Returns:
        The exit code.
    """
    given = {"tracking_uri": uri, "cache": folder_of(uri) / "cache", "report": folder_of(uri) / "report.md", **settings}

    async def both(talking: Talk) -> int:
        chat = asyncio.create_task(converse(Settings.model_validate(given), talking.screen, analyst=analyst))
        chat.add_done_callback(talking.end)
        try:
            await person(talking)
            return await chat
        finally:
            chat.cancel()
            await asyncio.gather(chat, return_exceptions=True)

    screen = io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=40, columns=80), term="xterm")
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        return asyncio.run(both(Talk(keys, screen)))
