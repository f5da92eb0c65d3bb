"""From a validated hypothesis to the draft of an issue: title, counts, severity, evidence; the cause comes from the analyst."""

from collections.abc import Sequence

from ..insights.affected import AffectedTrace, some_of
from ..insights.models import Aspect, Cause, Cell, Evidence, Hypothesis, Interval, IssueDraft, TestResult
from ..shares import percent
from .consequences import Flagged, consequences_in_words
from .fingerprints import fingerprint_of
from .intervals import share_at_level
from .playbooks import Entry, share_in_words
from .severity import Rating, rate_consequences, rate_severity

TITLE_WORDS = 8
SHOWN = 8
"""Affected traces that an issue of a slice is shown with; the CSV holds all."""


BY_A_JUDGE = (
    "This is the share that a judge flags: no labels drawn at random say how often it errs, and the error control is about what "
    "it flags."
)
LABELLED = "This is the share that a judge flags; what a person's labels say of it stands beside it."


def draft_issue(
    hypothesis: Hypothesis,
    affected: Sequence[AffectedTrace],
    *,
    traces: int,
    cause: Cause,
    entry: Entry | None,
    cell: Cell | None = None,
    flagged: Flagged | None = None,
) -> IssueDraft:
    """The issue that a validated hypothesis is, or that one cell of a slice search is.

    Args:
        hypothesis: What was validated.
        affected: The traces that it affects.
        traces: How many the snapshot has.
        cause: Why it occurs.
        entry: Its entry in the playbook.
        cell: The cell of a slice search.
        flagged: Of what was read: the traces that a judge flagged, and what came of it there.
    """
    result = hypothesis.result
    if result is None:
        raise ValueError(f"hypothesis {hypothesis.hypothesis_id} has no result to make an issue of")
    if cell is not None:
        return _of_cell(hypothesis, result, affected, cell, cause, traces)
    part, whole = _counts(result)
    part = part if flagged is None else len(flagged.traces)
    rating = _severity(result, part, traces, entry, flagged)
    texts = entry.issue.filled(result) if entry is not None else None
    reason = hypothesis.verdict.reason if hypothesis.verdict else ""
    described = f"{texts.description} {texts.impact} " if texts else f"{_sentence(hypothesis.statement)} "
    if result.reads is not None:
        came_of_it = f"{consequences_in_words(flagged.consequences)} " if flagged is not None else ""
        labelled = hypothesis.verdict is not None and hypothesis.verdict.by == "labels"
        described += f"{came_of_it}{LABELLED if labelled else BY_A_JUDGE} {_read_on_in_words(result)}"
    return IssueDraft(
        title=texts.title if texts else _short(hypothesis.title or hypothesis.statement),
        description=f"{described}{reason}".strip(),
        severity=rating.severity,
        severity_because=rating.because,
        kind=hypothesis.kind,
        source="hypothesis",
        hypothesis_id=hypothesis.hypothesis_id,
        affected=part,
        population=whole,
        population_title=_counted_in(hypothesis, result),
        estimand=result.estimand,
        interval=_share_interval(hypothesis, result, flagged),
        cause=cause,
        recommendation=texts.recommendation if texts else "Open the listed traces and decide what they have in common.",
        fingerprint=fingerprint_of(hypothesis),
        evidence=_told(_worst_first(flagged, hypothesis.evidence) or _first(affected), entry),
        query_ids=result.query_ids,
        consequences=flagged.consequences if flagged is not None else None,
    )


def draft_aspect(hypothesis: Hypothesis, *, traces: int, entry: Entry | None, cell: Cell | None = None) -> Aspect:
    """What a validated hypothesis, or one cell of a slice search, says of traces that an issue is about already."""
    draft = draft_issue(hypothesis, (), traces=traces, cause=_TOLD_ELSEWHERE, entry=entry, cell=cell)
    return Aspect(
        title=draft.title,
        hypothesis_id=hypothesis.hypothesis_id,
        affected=draft.affected,
        population=draft.population,
        population_title=draft.population_title,
        severity=draft.severity,
        query_ids=draft.query_ids,
    )


_TOLD_ELSEWHERE = Cause(text="the issue's", standing="suspected")


def worded(draft: IssueDraft, *, title: str, recommendation: str, left_out: str = "") -> IssueDraft:
    """The issue with the title and the recommendation of whoever explained it, where there are any, and what these leave out."""
    texts = {"title": _short(title), "recommendation": recommendation, "left_out": left_out}
    return draft.model_copy(update={name: text for name, text in texts.items() if text})


def _of_cell(
    hypothesis: Hypothesis, result: TestResult, affected: Sequence[AffectedTrace], cell: Cell, cause: Cause, traces: int
) -> IssueDraft:
    where = " and ".join(name if value == "yes" else f"{name} {value}" for name, value in sorted(cell.segment.items()))
    rest = share_in_words(cell.rest_affected, cell.rest_traces)
    rating = rate_severity(share_low=cell.affected / traces, counted=True)
    level = f"{cell.interval.level * 100:.3g}%"
    return IssueDraft(
        title=_short(f"{cell.outcome_title} {cell.ratio:.1f}x as frequent: {_segment(cell)}"),
        description=(
            f"{cell.outcome_title}: {cell.affected:,} of {cell.traces:,} traces with {where} "
            f"({share_in_words(cell.affected, cell.traces)}), against {cell.rest_affected:,} of {cell.rest_traces:,} "
            f"of the rest ({rest}). "
            f"Ratio {cell.ratio:.2f} ({level} interval {cell.interval.low:.2f} to {cell.interval.high:.2f}), adjusted p "
            f"{cell.p_adjusted:.2g} over {result.cells_tested:,} segments searched. "
            "An association: what else differs there isn't known."
        ),
        severity=rating.severity,
        severity_because=rating.because,
        kind=hypothesis.kind,
        source="hypothesis",
        hypothesis_id=hypothesis.hypothesis_id,
        affected=cell.affected,
        population=cell.traces,
        population_title=f"traces with {where}",
        estimand=result.estimand,
        interval=share_at_level(
            cell.affected, cell.traces, cell.share_interval, clusters=cell.share_clusters, level=cell.interval.level
        ),
        cause=cause,
        recommendation=f"Compare traces with {where} to the rest: open the listed ones, and look at what differs there.",
        fingerprint=fingerprint_of(hypothesis, cell),
        evidence=_first(affected),
        query_ids=result.query_ids,
    )


def _counts(result: TestResult) -> tuple[int, int]:
    """Affected and population; of a comparison those of its exposed arm, of a reading the traces read."""
    if result.reads is not None:
        on = result.reads.on
        return (on.affected, on.read) if on is not None else (result.affected or 0, result.reads.read)
    if result.arms and result.arms[0].affected is not None:
        return result.arms[0].affected, result.arms[0].traces
    return result.affected or 0, result.population


def _severity(result: TestResult, part: int, traces: int, entry: Entry | None, flagged: Flagged | None) -> Rating:
    """By the share of all traces: its lower bound where it is an estimate, the exact one where it was counted.

    Of what was read it is the share of those that ended wrongly.
    """
    if flagged is not None:
        found = flagged.consequences
        wrong, harmed = (share.low * found.population / traces for share in (found.wrong_share, found.harmed_share))
        return rate_consequences(wrong_low=wrong, harmed_low=harmed)
    floor, ceiling = (entry.severity_floor, entry.severity_ceiling) if entry else (None, None)
    if result.decision == "rate" and result.interval is not None:
        share = result.interval.low * result.population / traces
        return rate_severity(share_low=share, floor=floor, ceiling=ceiling)
    return rate_severity(share_low=part / traces, floor=floor, ceiling=ceiling, counted=True)


def _share_interval(hypothesis: Hypothesis, result: TestResult, flagged: Flagged | None) -> Interval | None:
    """The interval of the share, at the level that selection leaves; of a comparison that of its exposed arm.

    None where it was counted.
    """
    if flagged is not None and flagged.share is not None:
        return None if flagged.share.low == flagged.share.high else flagged.share
    selected = hypothesis.verdict.interval if hypothesis.verdict else None
    if result.reads is not None and (on := result.reads.on) is not None:
        return None if on.complete and not on.unclear else on.interval
    if result.decision in {"rate", "read"}:
        return selected or result.interval
    if not result.arms:
        return None
    arm, level = result.arms[0], selected.level if selected else 0.95
    return share_at_level(arm.affected or 0, arm.traces, arm.share_interval, clusters=arm.clusters, level=level)


def _counted_in(hypothesis: Hypothesis, result: TestResult) -> str:
    """What the affected are counted in: the population, the exposed arm of a comparison, or what was read."""
    if result.arms:
        return result.arms[0].title
    title = _population_title(hypothesis)
    if result.reads is not None and (on := result.reads.on) is not None:
        return title if on.complete else f"traces read, of {on.population:,} ({title})"
    if result.reads is None or result.reads.read == result.population:
        return title
    return f"traces read at random, of {result.population:,} ({title})"


def _read_on_in_words(result: TestResult) -> str:
    """What was read after the verdict, whose reason tells of the traces before it alone."""
    on = result.reads.on if result.reads is not None else None
    if on is None:
        return ""
    more = [f"{on.unclear:,} unclear"] if on.unclear else []
    more += [f"{on.unasked:,} that the judge could not be asked about"] if on.unasked else []
    found = ", ".join([f"{on.affected:,} flagged", *more])
    if on.complete:
        return f"After the verdict the rest was read too, all {on.population:,} traces: {found}. "
    why = {"budget": "the budget was spent", "limit": "more were not to be read"}.get(on.stopped, "the rest can't be read")
    bounds = f"{percent(on.interval.low)} to {percent(on.interval.high)}"
    return (
        f"After the verdict {on.read:,} of {on.population:,} traces were read: {found} ({100 * on.interval.level:.4g}% CI of all "
        f"{bounds}); {why}. "
    )


def _population_title(hypothesis: Hypothesis) -> str:
    return hypothesis.plan.population_title if hypothesis.plan else "all traces"


def _worst_first(flagged: Flagged | None, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """What supports first; of what was read the traces with the worst consequences."""
    supporting = flagged.evidence if flagged is not None else tuple(each for each in evidence if each.supports)
    return (*supporting, *(each for each in evidence if not each.supports))


def _told(evidence: Sequence[Evidence], entry: Entry | None) -> tuple[Evidence, ...]:
    """What each affected trace shows: in the entry's words where no note of the trace says it."""
    if entry is None:
        return tuple(evidence)
    said = {"rationale": entry.evidence_rationale}
    return tuple(
        each.model_copy(update=said) if each.supports and each.rationale in {"", each.step} else each for each in evidence
    )


def _first(affected: Sequence[AffectedTrace]) -> tuple[Evidence, ...]:
    """A few affected traces, in an order that has nothing to do with when they were logged."""
    return tuple(
        Evidence(trace_id=each.trace_id, span_id=each.span_id or None, rationale=each.note) for each in some_of(affected, SHOWN)
    )


def _segment(cell: Cell) -> str:
    return ", ".join(name if value == "yes" else f"{name}={value}" for name, value in sorted(cell.segment.items()))


def _sentence(text: str) -> str:
    return text if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.rstrip()}."


def _short(text: str) -> str:
    """A title of at most eight words and 120 characters."""
    words = text.split()
    title = " ".join(words[:TITLE_WORDS]) + ("…" if len(words) > TITLE_WORDS else "")
    return title if len(title) <= 120 else title[:119].rstrip() + "…"
