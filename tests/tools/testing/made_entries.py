"""Tested hypotheses of each kind, as families are closed over."""

from analyze_experiment.tools.insights.models import Arm, Cell, HypothesisStatus, Interval, TestResult
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import (
    Contrast,
    Count,
    Decision,
    Plan,
    QueryStep,
    Rate,
    Role,
    Shift,
    SliceAttribute,
    SliceOutcome,
    Slices,
)
from analyze_experiment.tools.testing.statistics import estimate_rate

VALIDATED, REJECTED, INCONCLUSIVE = HypothesisStatus.VALIDATED, HypothesisStatus.REJECTED, HypothesisStatus.INCONCLUSIVE
ROLES: dict[str, tuple[Role, ...]] = {"contrast": ("affected", "exposed"), "shift": ("measure", "exposed"), "slices": ()}


def plan_of(decision: Decision, *, estimand: str = "process", min_n: int = 20) -> Plan:
    steps = tuple(QueryStep(role=role, title=role, sql="SELECT 1") for role in ROLES.get(decision.kind, ("affected",)))
    return Plan.model_validate({"estimand": estimand, "steps": steps, "decision": decision, "min_n": min_n})


def rate_entry(
    affected: int,
    traces: int,
    *,
    name: str = "h",
    p: float | None = None,
    clusters: int | None = None,
    asks: dict[str, object] | None = None,
) -> Entry:
    """A rate of single traces, as it is estimated; `p` replaces its p-value."""
    rate = Rate.model_validate({"threshold": 0.02, "threshold_source": "playbook"} | (asks or {}))
    found = estimate_rate(
        [1] * affected + [0] * (traces - affected), [1] * traces, threshold=rate.threshold, direction=rate.direction
    )
    result = TestResult(
        decision="rate",
        estimand="process",
        family="P",
        population=traces,
        affected=affected,
        clusters=traces if clusters is None else clusters,
        value=found.share,
        interval=Interval(low=found.low, high=found.high),
        threshold=rate.threshold,
        p_value=found.p_value if p is None else p,
    )
    return Entry(name, plan_of(rate), result)


def contrast_entry(
    ratio: float, low: float, high: float, p: float, *, name: str = "h", decision: Contrast | Shift | None = None
) -> Entry:
    asked = decision or Contrast(ratio=1.5, threshold_source="playbook")
    shares = (0.12, 0.03) if asked.kind == "contrast" else (812.0, 406.0)
    result = TestResult(
        decision=asked.kind,
        estimand="process",
        family="P",
        population=1_100,
        affected=12,
        clusters=90,
        value=ratio,
        interval=Interval(low=low, high=high),
        threshold=asked.ratio,
        p_value=p,
        arms=(
            Arm(title="version 2", traces=100, affected=12, clusters=30, value=shares[0]),
            Arm(title="the rest", traces=1_000, affected=30, clusters=60, value=shares[1]),
        ),
        smallest_ratio=1.9,
    )
    return Entry(name, plan_of(asked), result)


def exact_entry(decision: Count | Rate, affected: int, population: int, unreadable: int = 0) -> Entry:
    result = TestResult(
        decision=decision.kind,
        estimand="snapshot",
        family="none",
        population=population,
        affected=affected,
        unreadable=unreadable,
        clusters=3,
        value=affected / population if population else None,
        threshold=0.0,
    )
    return Entry("h", plan_of(decision, estimand="snapshot"), result)


def cell_of(p: float, *, ratio: float = 3.0, region: str = "eu") -> Cell:
    return Cell(
        outcome="failed",
        outcome_title="failed answers",
        segment={"region": region},
        traces=100,
        affected=12,
        rest_traces=1_000,
        rest_affected=40,
        clusters=60,
        ratio=ratio,
        interval=Interval(low=ratio / 1.5, high=ratio * 1.5),
        p_adjusted=p,
    )


def slices_entry(*cells: Cell, name: str = "h", tested: int = 412) -> Entry:
    decision = Slices(
        outcomes=(SliceOutcome(name="failed", title="failed answers", sql="SELECT 1"),),
        attributes=(SliceAttribute(name="region", title="region", sql="SELECT 1"),),
        threshold_source="configuration",
    )
    result = TestResult(
        decision="slices",
        estimand="process",
        family="S",
        population=1_100,
        clusters=90,
        value=1.8,
        p_value=min((cell.p_adjusted for cell in cells), default=0.3),
        threshold=decision.ratio,
        cells=cells,
        cells_tested=tested,
    )
    return Entry(name, plan_of(decision), result)


def only(entry: Entry, *, batch: int = 1):
    return close_families([entry], batch=batch)[entry.hypothesis_id]
