"""The typed testing plan: what code executes and a person reads, stored and hashed before it runs.

A plan is a population, steps and a decision. Population and steps are SELECTs in the Databricks dialect over the relations
`traces`, `spans` and `assessments` (`tools/sql/relations.py`). Each step has a role with a column contract:

| role | columns | means |
|---|---|---|
| `affected` | `trace_id`, optional `span_id`, `note` | the traces in which the thing happened; many rows a trace are one trace |
| `exposed` | `trace_id` | arm A of a contrast or shift; arm B is the rest of the population |
| `measure` | `trace_id`, `value` | the number that a shift compares; NULL is left out, never zero |
| `unreadable` | `trace_id` | traces of the population that the rule can't judge; they widen a count |

A step may also be a question: `read` asks it of traces in random order, until the answers decide. Rows outside the population are
dropped. The decisions and their formulas are those of the method reference; ARCHITECTURE.md
names the papers.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Role = Literal["affected", "exposed", "measure", "unreadable"]
Estimand = Literal["snapshot", "process"]
Quantile = Literal["median", "p95"]
ThresholdSource = Literal["playbook", "configuration", "user", "earlier issue"]


class PlanPart(BaseModel):
    """What all parts of a plan share: closed to unknown keys, and never changed after it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryStep(PlanPart):
    """One SELECT, whose role says what its rows mean."""

    kind: Literal["query"] = "query"
    role: Role
    title: str = Field(min_length=1, max_length=200)
    """What the step finds, for the person who watches it run."""
    sql: str = Field(min_length=1)


class ReadStep(PlanPart):
    """One question, asked of one trace after another in seeded random order: affected, not, or unclear."""

    kind: Literal["read"] = "read"
    role: Literal["affected"] = "affected"
    title: str = Field(min_length=1, max_length=200)
    """What is looked for, for the person who watches it run."""
    question: str = Field(min_length=10, max_length=1500)
    """What is asked of each trace: when it is affected, and when it isn't. It is answered from the trace alone."""


Step = Annotated[
    Annotated[QueryStep, Tag("query")] | Annotated[ReadStep, Tag("read")],
    Discriminator(lambda value: _kind_of(value)),
]


def _kind_of(step: object) -> str:
    """A step that doesn't say its kind is a query."""
    return str(step.get("kind", "query") if isinstance(step, dict) else getattr(step, "kind", "query"))


class Count(PlanPart):
    """At least `at_least` traces of the snapshot are affected. A fact: no interval, no p."""

    kind: Literal["count"] = "count"
    at_least: int = Field(ge=1)
    threshold_source: ThresholdSource


class Rate(PlanPart):
    """More than `threshold` of the population is affected."""

    kind: Literal["rate"] = "rate"
    threshold: float = Field(gt=0, lt=1)
    material: float | None = Field(default=None, gt=0, le=1)
    """The share from which it would matter: an upper bound below it rejects. Twice the threshold where absent."""
    threshold_source: ThresholdSource
    direction: Literal["above", "below"] = "above"
    """`below` states a strength: the share of traces with the fault is under the threshold."""


class Contrast(PlanPart):
    """The affected share among the exposed is at least `ratio` times that among the rest."""

    kind: Literal["contrast"] = "contrast"
    ratio: float = Field(default=1.5, gt=1)
    threshold_source: ThresholdSource


class Shift(PlanPart):
    """A quantile of a measure is at least `ratio` times as high among the exposed as among the rest."""

    kind: Literal["shift"] = "shift"
    quantile: Quantile = "median"
    ratio: float = Field(default=1.5, gt=1)
    threshold_source: ThresholdSource


class SliceOutcome(PlanPart):
    """One outcome that the slice search looks for: a share of traces, or a number taken as exceeding its pooled quantile."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    sql: str
    """A SELECT of `trace_id`, and `value` where `quantile` is given; else its rows are the affected traces."""
    quantile: Quantile | None = None


class SliceAttribute(PlanPart):
    """One attribute whose values, alone and in pairs, make the cells of the slice search."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    sql: str
    """A SELECT of `trace_id` and `value`: one value a trace."""


class Slices(PlanPart):
    """Some cell of one or two attributes is at least `ratio` times as affected as the rest: all cells tested at once by max-T."""

    kind: Literal["slices"] = "slices"
    outcomes: tuple[SliceOutcome, ...] = Field(min_length=1)
    attributes: tuple[SliceAttribute, ...] = Field(min_length=1)
    ratio: float = Field(default=2.0, gt=1)
    threshold_source: ThresholdSource


class Read(PlanPart):
    """More than `threshold` of the population is affected, as a judge sees it who reads traces until that is sure enough."""

    kind: Literal["read"] = "read"
    threshold: float = Field(gt=0, lt=1)
    material: float | None = Field(default=None, gt=0, le=1)
    """The share from which it would matter: surely less than that rejects. Twice the threshold where absent."""
    cap: int | None = Field(default=None, ge=1)
    """Traces that are read at most; 1.5 times what a fixed sample would need where absent."""
    threshold_source: ThresholdSource

    @model_validator(mode="after")
    def _matters_above_the_threshold(self) -> Self:
        if self.material is not None and self.material <= self.threshold:
            raise ValueError(f"material ({self.material:g}) must be more than the threshold ({self.threshold:g})")
        return self


Decision = Annotated[Count | Rate | Contrast | Shift | Slices | Read, Field(discriminator="kind")]

ROLES: dict[str, tuple[set[Role], set[Role]]] = {
    "count": ({"affected"}, {"unreadable"}),
    "rate": ({"affected"}, {"unreadable"}),
    "contrast": ({"affected", "exposed"}, set()),
    "shift": ({"measure", "exposed"}, set()),
    "slices": (set(), set()),
    "read": ({"affected"}, set()),
}
"""Per decision: the roles that must be there, and those that may."""

ESTIMANDS: dict[str, set[Estimand]] = {
    "count": {"snapshot"},
    "rate": {"process", "snapshot"},
    "contrast": {"process"},
    "shift": {"process"},
    "slices": {"process"},
    "read": {"snapshot"},
}


class Plan(PlanPart):
    """A testing plan that code can carry out and a person can read."""

    estimand: Estimand
    population: str = Field(default="SELECT trace_id FROM traces", min_length=1)
    """A SELECT of the `trace_id`s that the statement is about: the denominator."""
    population_title: str = "all traces"
    """The population in words, for "412 of 9,310 ..."."""
    cluster: Literal["auto", "trace"] = "auto"
    """What is independent: found for the experiment (session, user, same first request), or each trace by itself."""
    half: Literal["all", "confirmation"] = "all"
    """`confirmation`: only clusters that whoever proposed this wasn't shown."""
    min_n: int = Field(default=20, ge=1)
    """Fewer independent clusters than this and nothing is decided; a reading reads at least so many traces."""
    leave_out: tuple[str, ...] = Field(default=(), max_length=5000)
    """Ids of traces that aren't in the population because they were read while this was thought of."""
    steps: tuple[Step, ...] = ()
    decision: Decision
    rejected_if: str = ""
    """In words, what would reject it."""

    @model_validator(mode="after")
    def _fits_its_decision(self) -> Self:
        kind = self.decision.kind
        required, optional = ROLES[kind]
        roles = [step.role for step in self.steps]
        if len(set(roles)) != len(roles):
            raise ValueError(f"each role stands once among the steps; these are {roles}")
        missing, unknown = required - set(roles), set(roles) - required - optional
        if missing:
            raise ValueError(f"a {kind} decision needs a step with role {sorted(missing)}")
        if unknown:
            raise ValueError(f"a {kind} decision has no use for a step with role {sorted(unknown)}")
        if any((step.kind == "read") is not (kind == "read") for step in self.steps):
            raise ValueError("a read decision has one step, of kind read; every other decision has steps of kind query")
        if self.estimand not in ESTIMANDS[kind]:
            raise ValueError(f"a {kind} decision is about the {' or '.join(sorted(ESTIMANDS[kind]))}, not the {self.estimand}")
        return self

    def step(self, role: Role) -> QueryStep | None:
        """The query with this role, if the plan has it."""
        return next((step for step in self.queries if step.role == role), None)

    @property
    def queries(self) -> tuple[QueryStep, ...]:
        """The steps that are SELECTs."""
        return tuple(step for step in self.steps if isinstance(step, QueryStep))

    @property
    def reading(self) -> ReadStep | None:
        """The question that is asked of traces, if this is decided by reading."""
        return next((step for step in self.steps if isinstance(step, ReadStep)), None)

    @property
    def digest(self) -> str:
        """The plan's identity: 16 hex digits of SHA-256 over its canonical JSON. A changed plan is another hypothesis."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
