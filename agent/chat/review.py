"""The review of hypotheses as the chat asks it: all at once, changed by commands, then accepted."""

from rich.console import RenderableType
from rich.text import Text

from ..asking import YES, Asking, Payload


class Reviewing(Asking):
    """Accepts all that stand by then: a hypothesis is dropped, edited or added by the commands that do so at any other time."""

    @property
    def question(self) -> str:
        """What is asked."""
        return "Test the hypotheses above?"

    def body(self) -> list[RenderableType]:
        """Nothing: the hypotheses stand above, each with its handle."""
        return []

    @property
    def hint(self) -> str:
        """What may be typed."""
        return "Enter to test them; before that /why H1, /drop H2, /edit H3 5%, /add ...:"

    def accepts(self, text: str) -> bool:
        """Whether a text is a yes."""
        return not text or text.lower().strip(" .!") in {*YES, "go", "go on", "test them", "accept", "start"}

    def take(self, text: str) -> Text | None:
        """Accepts; anything else is no answer."""
        if not self.accepts(text):
            return Text("That is no answer to it: Enter tests them as they stand.", style="yellow")
        self.decisions.extend({"type": "approve"} for _ in self.payload["action_requests"])
        return None


def asking_for(payload: Payload) -> Asking:
    """The conversation that answers a question of the graph."""
    return Reviewing(payload) if payload["question"] == "review" else Asking(payload)
