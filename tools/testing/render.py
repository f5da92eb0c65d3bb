"""A typed plan in words: numbered steps, and what validates, what rejects."""

from ..shares import threshold as in_percent
from .plan import Contrast, Count, Plan, Rate, Read, Shift, SliceAttribute, SliceOutcome, Slices
from .rate import material_share

DOES = {
    "affected": "Find the affected traces",
    "exposed": "Find the traces to compare with the rest",
    "measure": "Measure each trace",
    "unreadable": "Set aside the traces that the rule can't judge",
}
"""What a step is for, by its role."""

OTHERWISE = "Otherwise INCONCLUSIVE."


def render_plan(plan: Plan, *, with_sql: bool = False) -> str:
    """The plan for a person to read: one numbered step a line, the decision last; below each its SQL if asked for."""
    unread = f", without the {len(plan.leave_out):,} that suggested it" if plan.leave_out else ""
    half = ", those of the half of the independent groups that suggested nothing" if plan.half == "confirmation" else ""
    steps = [(f"Take {plan.population_title}{half}{unread}.", [plan.population])]
    steps += [(f"{DOES[step.role]}: {step.title}.", [step.sql]) for step in plan.queries]
    if plan.reading is not None:
        steps.append((f"Read them in random order, asking of each: {plan.reading.question.strip()}", []))
    if isinstance(plan.decision, Slices):
        outcomes, attributes = plan.decision.outcomes, plan.decision.attributes
        steps.append((f"Mark each trace's outcomes: {_listed(outcomes)}.", [outcome.sql for outcome in outcomes]))
        steps.append((f"Group the traces by {_listed(attributes)}.", [attribute.sql for attribute in attributes]))
    steps.append((decision_in_words(plan), []))
    lines = [f"Step {place}: {text}{_blocks(sql if with_sql else [])}" for place, (text, sql) in enumerate(steps, start=1)]
    return "\n".join(lines)


def decision_in_words(plan: Plan) -> str:
    """What is compared with what, what validates, what rejects."""
    decision = plan.decision
    match decision:
        case Count():
            words = _count(decision)
        case Read():
            words = _read(plan, decision)
        case Rate():
            words = _exact_rate(decision) if plan.estimand == "snapshot" else _rate(plan, decision)
        case Contrast():
            words = _ratio(plan, "the share of affected traces among them", decision.ratio)
        case Shift():
            quantile = "median" if decision.quantile == "median" else "95th percentile"
            words = _ratio(plan, f"their {quantile}", decision.ratio)
        case Slices():
            words = (
                "Compare every group, and every pair of groups, with the rest, for each outcome. "
                f"VALIDATE if some group is affected at least {decision.ratio:g} times as often as the rest, beyond what chance "
                f"does when so many groups are compared. {OTHERWISE}"
            )
    return f"{words} That is, rejected if {plan.rejected_if.rstrip('.')}." if plan.rejected_if else words


def _count(decision: Count) -> str:
    return (
        f"Count them. VALIDATE if there are at least {decision.at_least:,}. "
        f"REJECT if there are fewer, even with all that can't be judged. {OTHERWISE}"
    )


def _exact_rate(decision: Rate) -> str:
    side = "more" if decision.direction == "above" else "less"
    return (
        f"Count them. VALIDATE if they are {side} than {in_percent(decision.threshold)} of these traces. REJECT if they aren't."
    )


def _rate(plan: Plan, decision: Rate) -> str:
    threshold, material = in_percent(decision.threshold), in_percent(material_share(decision))
    beyond = "above" if decision.direction == "above" else "below"
    return (
        f"Estimate their share from the {_groups(plan)}. VALIDATE if it is {beyond} {threshold}, beyond chance. "
        f"REJECT if it is surely not {beyond} {material}. {OTHERWISE} "
        f"Fewer than {plan.min_n} such groups decide nothing."
    )


def _read(plan: Plan, decision: Read) -> str:
    least = "" if decision.cap is None else f" after {decision.cap:,} traces at most,"
    return (
        f"After each trace, see whether the answers so far decide,{least} and stop when they do. "
        f"VALIDATE if surely more than {in_percent(decision.threshold)} are affected. "
        f"REJECT if surely fewer than {in_percent(material_share(decision))} are. {OTHERWISE} "
        "A trace about which it can't be said counts against whatever is to be shown."
    )


def _ratio(plan: Plan, what: str, ratio: float) -> str:
    return (
        f"Compare {what} with that of the rest, over the {_groups(plan)}. VALIDATE if it is at least {ratio:g} times as high, "
        f"beyond chance. REJECT if it is surely less than {ratio:g} times as high. {OTHERWISE}"
    )


def _groups(plan: Plan) -> str:
    return "single traces" if plan.cluster == "trace" else "independent groups of traces (session, user, same request)"


def _listed(parts: tuple[SliceOutcome, ...] | tuple[SliceAttribute, ...]) -> str:
    return "; ".join(part.title for part in parts)


def _blocks(statements: list[str]) -> str:
    return "".join("\n" + "\n".join(f"    {line}" for line in sql.strip().splitlines()) for sql in statements)
