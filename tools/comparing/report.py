"""A comparison as markdown for a person and as one document for a program."""

from collections import Counter
from collections.abc import Iterator

from ..insights.models import Arm
from ..reporting.excerpts import excerpt
from ..reporting.words import when
from ..shares import percent
from .compare import LEVEL, ORDER, Compared, Comparison
from .sides import Extent, Side


def to_markdown(comparison: Comparison) -> str:
    """What is new, gone, worse and better, then what wasn't shown to change, then how it was decided."""
    return "\n".join(_lines(comparison)).strip() + "\n"


def to_document(comparison: Comparison) -> dict[str, object]:
    """The same under stable keys; shares are fractions, times ISO 8601 in UTC."""
    pair = comparison.pair
    counts = Counter(each.change for each in comparison.compared)
    return {
        "a": _side(pair.a, pair.extent_a),
        "b": _side(pair.b, pair.extent_b),
        "in_sequence": pair.in_sequence,
        "note": pair.note,
        "level": LEVEL,
        "tested": comparison.tested,
        "counts": {change: counts[change] for change in ORDER},
        "compared": [_entry(each) for each in comparison.compared],
    }


def _lines(comparison: Comparison) -> Iterator[str]:
    pair = comparison.pair
    counts = Counter(each.change for each in comparison.compared)
    yield f"# {excerpt(pair.a.label)} against {excerpt(pair.b.label)}\n"
    yield ", ".join(f"**{counts[change]} {change}**" for change in ORDER[:4]) + (
        f"; {counts['no change shown']} without a change that the data show, {counts['too little data']} with too little data.\n"
    )
    yield "| Side | Traces | From | To |\n|---|---|---|---|"
    for name, side, extent in (("A", pair.a, pair.extent_a), ("B", pair.b, pair.extent_b)):
        yield f"| {name}: {excerpt(side.label)} | {extent.traces:,} | {when(extent.first)} | {when(extent.last)} |"
    yield ""
    yield f"{_time(comparison)} {pair.note}".strip() + "\n"
    changed = [each for each in comparison.compared if each.change in ORDER[:4]]
    yield from _table("What changed", changed, "Nothing: no difference is larger than chance explains.")
    yield from _table("No change shown", comparison.having("no change shown"), "")
    yield from _too_little(comparison)
    yield _method(comparison)


def _time(comparison: Comparison) -> str:
    if comparison.pair.in_sequence:
        return (
            "The sides don't overlap in time: whatever else changed between them changed too. A difference is one *since* then, "
            "never one *because of* it."
        )
    return "The sides overlap in time. A difference is an association; what causes it isn't known from this."


def _table(title: str, rows: list[Compared], otherwise: str) -> Iterator[str]:
    if not rows:
        if otherwise:
            yield f"## {title}\n\n{otherwise}\n"
        return
    yield f"## {title}\n"
    yield "| Change | Severity | What | A | B | B against A | Adjusted p |\n|---|---|---|---|---|---|---|"
    for each in rows:
        what = (
            f"{excerpt(each.measure.title)} `{each.measure.name}`"
            if each.measure.kind == "issue"
            else excerpt(each.measure.title)
        )
        p = "" if each.p_adjusted is None else f"{each.p_adjusted:.2g}" if each.p_adjusted >= 1e-4 else "below 0.0001"
        shown = (each.change, each.severity, what, _arm(each, each.a), _arm(each, each.b), _ratio(each), p)
        yield f"| {' | '.join(map(str, shown))} |"
    yield ""


def _too_little(comparison: Comparison) -> Iterator[str]:
    rows = [each for each in comparison.having("too little data") if each.a.affected or each.b.affected]
    unseen = len(comparison.having("too little data")) - len(rows)
    if unseen:
        yield f"{unseen} more were looked at, and nobody is affected on either side.\n"
    if rows:
        yield "## Too little data\n"
        for each in rows:
            yield f"- {excerpt(each.measure.title)}: A {_arm(each, each.a)}, B {_arm(each, each.b)}; {each.why}"
        yield ""


def _arm(compared: Compared, arm: Arm) -> str:
    if compared.measure.plan.decision.kind == "shift":
        return (
            f"{arm.value or 0:,.0f} ms ({arm.traces:,} traces)" if arm.value is not None else f"no value ({arm.traces:,} traces)"
        )
    if not arm.traces:
        return "no traces"
    bounds = arm.share_interval
    interval = f", {100 * bounds.level:.3g}% interval {percent(bounds.low)} to {percent(bounds.high)}" if bounds else ""
    return f"{arm.affected or 0:,} of {arm.traces:,} ({percent((arm.affected or 0) / arm.traces)}{interval})"


def _ratio(compared: Compared) -> str:
    if compared.ratio is None or compared.interval is None:
        return ""
    low, high, level = compared.interval.low, compared.interval.high, compared.interval.level
    text = f"{compared.ratio:.3g} times ({100 * level:.4g}% interval {low:.3g} to {high:.3g})"
    if compared.change == "no change shown" and compared.smallest_ratio is not None:
        return f"{text}; {compared.smallest_ratio:.3g} times would have shown"
    return text


def _method(comparison: Comparison) -> str:
    return (
        "*How*: the share of B against that of A, by independent groups of traces (session, user, same request): the ratio with "
        f"its interval, p by sign flips in both directions. {comparison.tested} tested together, adjusted by Benjamini and "
        f"Hochberg at {100 * LEVEL:g}%; intervals of what changed are widened for the selection, so that one may hold 1. "
        "*new*: none in A; *gone*: none in B."
    )


def _side(side: Side, extent: Extent) -> dict[str, object]:
    first, last = (at.isoformat() if at is not None else None for at in (extent.first, extent.last))
    return {"label": side.label, "traces": extent.traces, "first": first, "last": last}


def _entry(each: Compared) -> dict[str, object]:
    return {
        "change": each.change,
        "kind": each.measure.kind,
        "name": each.measure.name,
        "title": each.measure.title,
        "severity": each.severity,
        "found_by": sorted(each.measure.found_by),
        "a": each.a.model_dump(mode="json"),
        "b": each.b.model_dump(mode="json"),
        "ratio": each.ratio,
        "interval": None if each.interval is None else each.interval.model_dump(mode="json"),
        "p_adjusted": each.p_adjusted,
        "smallest_ratio": each.smallest_ratio,
        "why": each.why,
    }
