"""What asking a language model has cost, and its answers, kept so that nothing is paid for twice."""

from pydantic import Field

from .base import Part


class Usage(Part):
    """Tokens of one call, or of many."""

    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    """Of the prompt's tokens those that the provider had cached."""
    completion_tokens: int = Field(default=0, ge=0)

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class Spend(Part):
    """What an analysis has spent on its language model so far, over all its sessions."""

    calls: int = Field(default=0, ge=0)
    """Requests that the endpoint answered, or may have billed."""
    usage: Usage = Usage()
    usd: float | None = None
    """By the price given; None where none is."""
    seconds: float = Field(default=0, ge=0)
    """Time in which a model could be asked."""
    given_up: int = Field(default=0, ge=0)
    """Questions that got no usable answer."""
    skipped: dict[str, int] = Field(default_factory=dict)
    """Questions that were not asked because the budget was spent, by what they were for."""
    unanswered: dict[str, int] = Field(default_factory=dict)
    """Questions that the endpoint failed to answer for now, by what they were for."""
    stopped_because: str = ""
    """Which limit was reached, in words; empty where none was."""

    @property
    def left(self) -> dict[str, int]:
        """Questions that may still be asked, by what they are for."""
        return {each: self.skipped.get(each, 0) + self.unanswered.get(each, 0) for each in {**self.skipped, **self.unanswered}}

    @property
    def skipped_text(self) -> str:
        """What was not asked or not answered, and why; empty where all was."""
        parts = [
            _counted(self.skipped, f"not asked: {self.stopped_because}"),
            _counted(self.unanswered, "not answered: its endpoint failed for now"),
        ]
        return "; ".join(part for part in parts if part)


def _counted(questions: dict[str, int], what: str) -> str:
    """`3 questions to the model (plans 3) not asked: ...`; empty where there are none."""
    if not questions:
        return ""
    number = sum(questions.values())
    listed = ", ".join(f"{purpose} {count:,}" for purpose, count in questions.items())
    return f"{number:,} question{'s' if number > 1 else ''} to the model ({listed}) {what}"


class ModelRecord(Part):
    """Which model an analysis asks, and how."""

    model: str
    endpoint: str
    """Its address, without secrets."""
    method: str = ""
    """How it is made to answer in a form: json_schema, function_calling or json_mode; empty until that is found out."""


class AnswerRecord(Part):
    """A model's answer, kept under what was asked: model, parameters, prompt and form of the answer."""

    key: str = Field(pattern=r"^[0-9a-f]{32}$")
    prompt: str
    """Name and version of the prompt."""
    template_hash: str
    purpose: str
    model: str
    answer: str
    """JSON of the form asked for; empty where it was given up."""
    given_up: str = ""
    """Why there is no usable answer."""
    attempts: int = Field(ge=1)
    usage: Usage
