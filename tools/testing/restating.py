"""A hypothesis stated anew with a person's threshold: another plan, so another hypothesis, before anything was tested."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import UserError
from ..insights.models import Hypothesis, HypothesisDraft
from .plan import Contrast, Count, Plan, Rate, Shift
from .render import render_plan

THRESHOLD = re.compile(
    r"(?:threshold |ratio |at least |more than |over )?(?P<number>\d+(?:[.,]\d+)?) ?(?P<unit>%|percent|times|x|traces)?", re.I
)


class Threshold(NamedTuple):
    """A threshold as a person gives it: a percentage, or a number of traces or times."""

    value: float
    percent: bool


def read_threshold(text: str) -> Threshold | None:
    """The threshold that a text is, and nothing else: `5%`, `2 times`, `at least 10`; None where it says something else."""
    found = THRESHOLD.fullmatch(text.strip())
    if found is None:
        return None
    return Threshold(float(found["number"].replace(",", ".")), (found["unit"] or "").lower() in {"%", "percent"})


def with_threshold(hypothesis: Hypothesis, threshold: Threshold) -> HypothesisDraft:
    """The same claim with another threshold.

    Raises:
        UserError: it was tested already, has no plan, or its decision takes no such threshold.
    """
    plan, subject = hypothesis.plan, hypothesis.hypothesis_id
    if hypothesis.tested:
        raise UserError(
            f"Hypothesis {subject!r} was tested already: a threshold that is chosen once the numbers are known proves nothing."
        )
    if plan is None:
        raise UserError(f"Hypothesis {subject!r} has no plan that code carries out, so it has no threshold.")
    before, after, changed = _changed(plan, threshold)
    statement = hypothesis.statement.replace(before, after, 1)
    if statement == hypothesis.statement and before != after:
        statement = f"{statement.rstrip('.')} (threshold: {after})."
    fields = {name: getattr(hypothesis, name) for name in HypothesisDraft.model_fields}
    return HypothesisDraft.model_validate(
        {**fields, "statement": statement, "plan": changed, "testing_plan": render_plan(changed), "source": "user", "origin": ""}
    )


def _changed(plan: Plan, threshold: Threshold) -> tuple[str, str, Plan]:
    """How the old threshold is written, how the new one, and the plan with it."""
    value, decision = threshold.value, plan.decision
    fields: Mapping[str, float | None]
    match decision:
        case Rate() if threshold.percent and 0 < value < 100:
            fields = {"threshold": value / 100, "material": None}
            before, after = f"{100 * decision.threshold:g}%", f"{value:g}%"
        case Count() if not threshold.percent and value >= 1 and value == int(value):
            fields, before, after = {"at_least": int(value)}, f"at least {decision.at_least:,}", f"at least {int(value):,}"
        case Contrast() | Shift() if not threshold.percent and value > 1:
            fields, before, after = {"ratio": value}, f"{decision.ratio:g} times", f"{value:g} times"
        case _:
            wanted = {"rate": "a percentage, as in 5%", "count": "a number of traces", "slices": "none that can be changed"}
            raise UserError(
                f"The threshold of a {decision.kind} is {wanted.get(decision.kind, 'a ratio over 1, as in 2 times')}."
            )
    stated = type(decision).model_validate({**decision.model_dump(), **fields, "threshold_source": "user"})
    return before, after, Plan.model_validate({**plan.model_dump(), "decision": stated.model_dump()})
