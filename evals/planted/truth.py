"""What is planted in a store, and where: the truth that an analysis is compared with."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

Variant = Literal["faulty", "clean", "boundary", "shuffled"]
"""With faults; without; every rate at its threshold and every ratio at 1; segments dealt out anew among whole sessions."""
Way = Literal["fact", "count", "rate", "shift", "slices", "read"]
"""How a fault can be found: as a counted fact of the census; by the count, rate or shift of a playbook entry; by the search of
segments; or only by reading."""


class TruthPart(BaseModel):
    """Closed to unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlantedFault(TruthPart):
    """One planted fault."""

    fault_id: str
    title: str
    kind: Literal["operational", "quality"]
    category: str
    cause: str
    trace_ids: tuple[str, ...]
    """Exactly the traces in which it shows, sorted."""
    span_ids: tuple[str, ...]
    """The spans in which it shows, sorted; empty where it shows in no span of its own."""
    possible_ids: tuple[str, ...]
    """The traces it could have happened in, sorted."""
    population_title: str
    segment: dict[str, str]
    """The only segment in which it occurs, where there is one: attribute and value."""
    related_trace_ids: tuple[str, ...]
    """Traces that an issue about it may name too without being wrong: the turns before, the rest of a group or segment."""
    related_title: str
    way: Way
    entry: str = ""
    """The playbook entry that is about it, where there is one."""
    threshold: float = 0.0
    of_all: bool = True
    tool: str = ""
    """The tool whose calls fail, where that is the fault."""
    share: float = 0.0
    """The realised share that a fact's threshold is about: of a tool's calls, or of the traces in which it is possible."""
    process_rate: float | None = None
    """The rate of the generator, where it draws; None where exact numbers are cast."""
    mechanism: str = ""
    """What the failing spans say, where they say why; a cause that is right repeats it."""
    rest_ids: tuple[str, ...] = ()
    """Of a fault in a segment the traces elsewhere that could have had its outcome, sorted."""
    rest_rate: float = 0.0
    """The share of these that have it."""

    @property
    def population(self) -> int:
        """How many traces it could have happened in."""
        return len(self.possible_ids)

    @property
    def n(self) -> int:
        """How many traces it affects."""
        return len(self.trace_ids)

    @property
    def rate(self) -> float:
        """Their share of those it could have happened in."""
        return self.n / self.population if self.population else 0.0


class LookAlike(TruthPart):
    """Something that resembles a fault and is none."""

    look_alike_id: str
    title: str
    why: str
    """Why it is no fault."""
    resembles: str
    """The fault that it may be taken for."""
    trace_ids: tuple[str, ...]


class TrueFact(TruthPart):
    """A fact of operation that holds in the store, and follows from what is planted: nobody is asked to find it on top."""

    fact_id: str
    title: str
    trace_ids: tuple[str, ...]


class Truth(TruthPart):
    """Everything that is planted in one store."""

    agent: str
    experiment_name: str
    experiment_id: str
    variant: Variant
    seed: int
    traces: int
    spans: int
    faults: tuple[PlantedFault, ...]
    look_alikes: tuple[LookAlike, ...]
    facts: tuple[TrueFact, ...] = ()
    icc: float = 0.0
    clusters: dict[str, int] = {}
    """Per trace the conversation or repeated task that it belongs to."""

    def fault(self, fault_id: str) -> PlantedFault:
        """The fault of this id."""
        return next(fault for fault in self.faults if fault.fault_id == fault_id)

    def look_alike(self, look_alike_id: str) -> LookAlike:
        """The look-alike of this id."""
        return next(item for item in self.look_alikes if item.look_alike_id == look_alike_id)

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The inverse of `write`."""
        return cls.model_validate_json(path.read_bytes())
