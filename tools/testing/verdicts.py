"""What one result says about its statement, given what its family says about its p-value: a status, and why in plain words."""

from typing import NamedTuple

from ..insights.models import Arm, Cell, HypothesisStatus, Interval, Reads, TestResult
from ..shares import percent, threshold
from .plan import Contrast, Count, Rate, Read, Shift, Slices
from .rate import MIN_AFFECTED, material_share

NAMED_CELLS = 3
"""Cells that a reason spells out."""


class Tested(NamedTuple):
    """What the family says about one test."""

    p_adjusted: float
    level: float
    tests: int

    @property
    def survives(self) -> bool:
        """Whether it is significant within its family."""
        return self.p_adjusted <= self.level


class Decided(NamedTuple):
    """A status, and the sentence that gives the reason."""

    status: HypothesisStatus
    reason: str


def decide_count(decision: Count, result: TestResult) -> Decided:
    """Counted, so exact: unreadable traces could be affected or not, and only they leave it open."""
    seen = f"{_of(result.affected or 0, result.population)} traces"
    needed = f"at least {decision.at_least:,} asked for"
    if (result.affected or 0) >= decision.at_least:
        return Decided(HypothesisStatus.VALIDATED, f"{seen}, {needed}.")
    if (result.affected or 0) + result.unreadable < decision.at_least:
        return Decided(HypothesisStatus.REJECTED, f"{seen}{_unreadable(result)}, {needed}.")
    return Decided(HypothesisStatus.INCONCLUSIVE, f"{seen}{_unreadable(result)} that could be affected, {needed}.")


def decide_snapshot_rate(decision: Rate, result: TestResult) -> Decided:
    """The share in this snapshot, so exact: between none and all of the unreadable traces affected."""
    if not result.population:
        return Decided(HypothesisStatus.INCONCLUSIVE, "There is no trace to count.")
    lowest = (result.affected or 0) / result.population
    highest = lowest + result.unreadable / result.population
    seen = f"{_of(result.affected or 0, result.population)} traces ({percent(lowest)}, exact here){_unreadable(result)}"
    return Decided(
        _between(decision, lowest, highest),
        f"{seen} against a threshold of {threshold(decision.threshold)}.",
    )


def _between(decision: Rate, lowest: float, highest: float) -> HypothesisStatus:
    if decision.direction == "above":
        holds, fails = lowest > decision.threshold, highest <= decision.threshold
    else:
        holds, fails = highest < decision.threshold, lowest >= decision.threshold
    if holds:
        return HypothesisStatus.VALIDATED
    return HypothesisStatus.REJECTED if fails else HypothesisStatus.INCONCLUSIVE


def decide_rate(decision: Rate, result: TestResult, interval: Interval, tested: Tested) -> Decided:
    """A share of the process against its threshold.

    Above: rejected where the whole interval is at most the share from which it would matter. Below, a strength: rejected where
    the whole interval is at least the threshold, or the lower share that the plan names.
    """
    above = decision.direction == "above"
    material = material_share(decision)
    enough = not above or (result.affected or 0) >= MIN_AFFECTED
    reason = f"{_share_seen(result, interval)} against a threshold of {threshold(decision.threshold)}; {_p(tested)}."
    if tested.survives and enough:
        return Decided(HypothesisStatus.VALIDATED, reason)
    if interval.high <= material if above else interval.low >= material:
        return Decided(HypothesisStatus.REJECTED, f"{reason} {_where(decision, interval, material)}")
    if not enough:
        needed = f"It takes {MIN_AFFECTED} affected traces to validate a rate, and {threshold(material)} isn't ruled out."
        return Decided(HypothesisStatus.INCONCLUSIVE, f"{reason} {needed}")
    return Decided(
        HypothesisStatus.INCONCLUSIVE, f"{reason} The data neither show it nor rule out {threshold(material)} or {_more(above)}."
    )


def decide_ratio(decision: Contrast | Shift, result: TestResult, ratio: float, interval: Interval, tested: Tested) -> Decided:
    """A ratio of shares or of quantiles against the ratio that the plan asks for."""
    shown = _shares(result) if isinstance(decision, Contrast) else _quantiles(result, decision)
    unit = "times as often" if isinstance(decision, Contrast) else "times as high"
    reason = (
        f"{shown}: {ratio:.3g} {unit} ({_ci(interval)} {interval.low:.3g} to {interval.high:.3g}) "
        f"against a threshold of {decision.ratio:g} times; {_p(tested)}."
    )
    if tested.survives and ratio >= decision.ratio:
        return Decided(HypothesisStatus.VALIDATED, reason)
    if interval.high < decision.ratio:
        return Decided(HypothesisStatus.REJECTED, f"{reason} The whole interval is below {decision.ratio:g} times.")
    return Decided(HypothesisStatus.INCONCLUSIVE, f"{reason} {_would_have_shown(result)}")


def decide_slices(decision: Slices, result: TestResult, found: tuple[Cell, ...], level: float) -> Decided:
    """The cells of a slice search that stand out. What isn't found isn't ruled out, so it is never rejected."""
    tested = f"{result.cells_tested:,} cells tested"
    if found:
        named = "; ".join(_cell(cell) for cell in found[:NAMED_CELLS])
        more = f"; and {len(found) - NAMED_CELLS:,} more" if len(found) > NAMED_CELLS else ""
        return Decided(HypothesisStatus.VALIDATED, f"{named}{more}. {tested} together at level {level:.3g}.")
    reason = f"No cell is at least {decision.ratio:g} times as affected as the rest at level {level:.3g}, {tested}."
    return Decided(HypothesisStatus.INCONCLUSIVE, f"{reason}{_nearest(result)}")


def decide_read(decision: Read, result: TestResult, tested: Tested) -> Decided:
    """What a judge flags of the traces read, in random order, for as long as it took."""
    reads = result.reads
    if reads is None or not reads.read:
        return Decided(HypothesisStatus.INCONCLUSIVE, "No trace was read.")
    of = f" of {result.population:,}" if reads.read < result.population else ", which are all,"
    seen = f"{reads.read:,} traces{of} read in random order: {result.affected or 0:,} flagged{_unclear(result)}"
    share = f" ({_share_of(result)})" if result.interval else ""
    reason = f"{seen}{share} against a threshold of {threshold(decision.threshold)}; {_p(tested)}.{_agreement(reads)}"
    if tested.survives:
        return Decided(HypothesisStatus.VALIDATED, reason)
    material = threshold(material_share(decision))
    if reads.stopped == "rejected":
        return Decided(HypothesisStatus.REJECTED, f"{reason} Surely fewer than {material} of them would be flagged.")
    because = {"cap": "As many were read as the plan allows", "budget": "The budget was spent"}.get(
        reads.stopped, "All were read"
    )
    return Decided(HypothesisStatus.INCONCLUSIVE, f"{reason} {because}; they neither show it nor rule out {material}.")


def _agreement(reads: Reads) -> str:
    """How what people said of the same traces goes with what the judge says."""
    return "".join(
        f" Feedback of people ({each.name}) on {each.traces:,} of these traces goes with the judge in {each.agreeing:,}: "
        f"{each.flagged_bad:,} flagged and bad, {each.unflagged_good:,} neither; {each.flagged_good:,} flagged and good, "
        f"{each.unflagged_bad:,} bad and not flagged."
        for each in reads.agreement
    )


def _unclear(result: TestResult) -> str:
    unasked = result.reads.unasked if result.reads is not None else 0
    unclear = result.unreadable - unasked
    said = f", {unclear:,} unclear" if unclear else ""
    return f"{said}, {unasked:,} that the judge could not be asked about" if unasked else said


def _share_of(result: TestResult) -> str:
    interval = result.interval
    assert interval is not None, "asked for where there is one"
    return f"{percent(result.value or 0)}, {_ci(interval)} at any stop {percent(interval.low)} to {percent(interval.high)}"


def _of(affected: int, population: int) -> str:
    return f"{affected:,} of {population:,}"


def _unreadable(result: TestResult) -> str:
    return f" and {result.unreadable:,} unreadable" if result.unreadable else ""


def _where(decision: Rate, interval: Interval, material: float) -> str:
    """Where the interval of a rejected rate lies: beyond its threshold, or around it and short of what would matter."""
    side, limit = ("at or below", interval.high) if decision.direction == "above" else ("at or above", interval.low)
    if limit <= decision.threshold if decision.direction == "above" else limit >= decision.threshold:
        return f"The whole interval is {side} {threshold(decision.threshold)}."
    more = _more(decision.direction == "above")
    return f"The share may be near the threshold; {threshold(material)} or {more}, where it would matter, is ruled out."


def _more(above: bool) -> str:
    return "more" if above else "less"


def _ci(interval: Interval) -> str:
    return f"{100 * interval.level:.4g}% CI"


def _p(tested: Tested) -> str:
    value = f"{tested.p_adjusted:.2g}" if tested.p_adjusted >= 1e-4 else "below 0.0001"
    return f"adjusted p {value} at level {tested.level:.3g} ({tested.tests:,} {'test' if tested.tests == 1 else 'tests'})"


def _share_seen(result: TestResult, interval: Interval) -> str:
    seen = f"{_of(result.affected or 0, result.population)} traces"
    return f"{seen} ({percent(result.value or 0)}, {_ci(interval)} {percent(interval.low)} to {percent(interval.high)})"


def _shares(result: TestResult) -> str:
    return ", ".join(f"{arm.title} {_of(arm.affected or 0, arm.traces)} ({percent(arm.value or 0)})" for arm in result.arms)


def _quantiles(result: TestResult, decision: Shift) -> str:
    return ", ".join(f"{decision.quantile} {_number(arm)} ({arm.title}, {arm.traces:,} traces)" for arm in result.arms)


def _number(arm: Arm) -> str:
    return "unknown" if arm.value is None else f"{arm.value:,.4g}"


def _cell(cell: Cell) -> str:
    segment = ", ".join(f"{name} = {value}" for name, value in cell.segment.items())
    inside, rest = _of(cell.affected, cell.traces), _of(cell.rest_affected, cell.rest_traces)
    p = f"{cell.p_adjusted:.2g}"
    return f"{cell.outcome_title} where {segment}: {inside} against {rest}, {cell.ratio:.3g} times as often (adjusted p {p})"


def _nearest(result: TestResult) -> str:
    if result.cells:
        return f" The nearest: {_cell(result.cells[0])}."
    if result.value is None or result.p_value is None:
        return ""
    return f" The nearest is {result.value:.3g} times as affected (adjusted p {result.p_value:.2g})."


def _would_have_shown(result: TestResult) -> str:
    if result.smallest_ratio is None:
        return "The data neither show it nor rule it out."
    return f"This much data would have shown a ratio of {result.smallest_ratio:.3g}."
