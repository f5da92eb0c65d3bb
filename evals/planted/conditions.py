"""Under which conditions a store is made: everything that, with the agent, decides what is in it."""

from typing import NamedTuple

from .truth import Variant


class Conditions(NamedTuple):
    """The conditions of one store."""

    variant: Variant = "faulty"
    traces: int = 600
    seed: int = 0
    icc: float = 0.0
    """How alike the traces of one session, or of one task that is repeated, are in what goes wrong: 0 to 0.3."""
