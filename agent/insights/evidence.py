"""Evidence as it is given by hand: one JSON object a trace."""

import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...tools.errors import UserError
from ...tools.insights.models import Evidence

EXAMPLE = '{"trace_id": "tr-...", "rationale": "what it shows", "supports": true}'


class GivenEvidence(BaseModel):
    """One piece of evidence as a person gives it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace_id: str = Field(min_length=1)
    rationale: str = ""
    supports: bool | None = None
    """Whether it speaks for the statement; where nobody says, it speaks for what is being claimed."""
    span_id: str | None = None
    quote: str | None = Field(default=None, max_length=500)

    def settled(self, *, supports: bool = True, must_say_why: bool = True) -> Evidence:
        """The evidence, with `supports` where nothing was said.

        Raises:
            UserError: it doesn't say what it shows, and must.
        """
        if must_say_why and not self.rationale.strip():
            raise UserError(f"The evidence of trace {self.trace_id!r} has no rationale: say in it what the trace shows.")
        side = supports if self.supports is None else self.supports
        return Evidence.model_validate({**self.model_dump(exclude={"supports"}), "supports": side})


def read_evidence(text: str) -> GivenEvidence:
    """Reads one JSON object.

    Raises:
        UserError: it isn't one, or has other keys.
    """
    try:
        return GivenEvidence.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise UserError(f"Evidence is one JSON object, as {EXAMPLE}; {text[:80]!r} is none: {error.msg}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"Evidence is one JSON object, as {EXAMPLE}; {key or text[:80]!r}: {first['msg'].lower()}.") from error
