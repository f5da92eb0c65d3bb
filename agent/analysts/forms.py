"""The forms in which the language model answers: flat, every text and list bounded, so that no answer runs away."""

from pydantic import BaseModel, ConfigDict, Field


class Form(BaseModel):
    """What all forms share."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Purpose(Form):
    """What an agent is for."""

    description: str = Field(min_length=20, max_length=1500)
    """One paragraph."""
