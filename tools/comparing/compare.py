"""What is new, gone, worse or better on one side against the other, with the error of the whole comparison kept at 5%.

Each measure is a contrast of the two sides by cluster (`tools/testing/contrast.py`): the ratio of the shares with its interval,
and a p-value for either direction by sign flips of clusters, doubled for both. Benjamini and Hochberg at 5% over all measures
that have enough data; intervals of what is called a change are widened for the selection (Benjamini and Yekutieli 2005).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from ..insights.models import Arm, Interval, Severity, TestResult
from ..sql.intermediate import nested
from ..sql.service import SqlService
from ..testing import compose
from ..testing.intervals import at_level
from ..testing.plan import Plan, QueryStep, Shift
from ..testing.queries import PlanQueries
from ..testing.results import Counts, Measured, result_of_counts, result_of_measure
from ..testing.severity import rate_severity
from .measures import Measure
from .sides import OWNER, Pair, Side

LEVEL = 0.05
"""Expected share of false ones among the changes that are reported."""

Change = Literal["new", "worse", "better", "gone", "no change shown", "too little data"]
"""new: worse, and on side A nobody was affected. gone: better, and on side B nobody is."""
ORDER: tuple[Change, ...] = ("new", "worse", "gone", "better", "no change shown", "too little data")


@dataclass(frozen=True)
class Compared:
    """One measure on both sides."""

    measure: Measure
    change: Change
    severity: Severity
    a: Arm
    b: Arm
    ratio: float | None
    """Side B against side A."""
    interval: Interval | None
    p_adjusted: float | None
    smallest_ratio: float | None
    """What this much data would have shown."""
    why: str
    """Why nothing can be said, where nothing can."""

    @property
    def is_regression(self) -> bool:
        """Whether side B is worse."""
        return self.change in {"new", "worse"}


@dataclass(frozen=True)
class Comparison:
    """All measures on both sides, most telling first."""

    pair: Pair
    compared: tuple[Compared, ...]

    def having(self, change: Change) -> list[Compared]:
        """The measures that changed so."""
        return [each for each in self.compared if each.change == change]

    @property
    def tested(self) -> int:
        """Measures that had enough data to be tested."""
        return sum(each.p_adjusted is not None for each in self.compared)

    def regressions(self, least: Severity) -> list[Compared]:
        """What is worse on side B, and at least so severe."""
        return [each for each in self.compared if each.is_regression and each.severity.rank >= least.rank]


class _Tested(NamedTuple):
    measure: Measure
    result: TestResult
    """Side B as the exposed arm, side A as the rest."""
    p_value: float | None
    """Two-sided."""
    to_worse: bool = False
    """Whether it is the direction of `worse` that the p-value speaks for."""


def compare(
    sql: SqlService, pair: Pair, measures: Sequence[Measure], *, cluster_key: str, seed: int, progress: Callable[[int, int], None]
) -> Comparison:
    """Compares every measure.

    Args:
        sql: Over a snapshot that holds both sides, with the relation `clusters`.
        pair: The sides.
        measures: What is compared.
        cluster_key: What joins traces in `clusters`; `trace` where each stands by itself.
        seed: Of the sign flips.
        progress: Is told how many measures of how many are compared.

    Raises:
        QueryError: a measure's queries fail.
    """
    tested: list[_Tested] = []
    for done, measure in enumerate(measures, start=1):
        tested.append(_test(sql, pair, measure, cluster_key=cluster_key, seed=seed))
        progress(done, len(measures))
    return Comparison(pair, tuple(sorted(_decide(tested, pair), key=_rank)))


def _test(sql: SqlService, pair: Pair, measure: Measure, *, cluster_key: str, seed: int) -> _Tested:
    plan = _between(measure.plan, pair)
    queries, by_trace = PlanQueries(sql, plan, OWNER), cluster_key == "trace"
    if isinstance(plan.decision, Shift):
        values = Measured.of(queries.measured(by_trace=by_trace))
        both = [values, values._replace(exposed=~values.exposed)]
        results = [result_of_measure(plan, plan.decision, each, cluster_key=cluster_key, seed=seed) for each in both]
    else:
        counts = Counts.of(queries.ask(compose.cluster_table(plan, by_trace=by_trace), measure.title))
        sides = [counts, counts._replace(exposed=~counts.exposed)]
        results = [result_of_counts(plan, each, cluster_key=cluster_key, seed=seed) for each in sides]
    worse, better = results
    if worse.p_value is None or better.p_value is None:
        return _Tested(measure, worse, None)
    p_value = min(1.0, 2 * min(worse.p_value, better.p_value))
    return _Tested(measure, worse, p_value, to_worse=worse.p_value <= better.p_value)


def _between(plan: Plan, pair: Pair) -> Plan:
    """The plan over the traces of both sides, with side B as the exposed arm."""
    sides = "\nUNION ALL\n".join(f"SELECT s.trace_id FROM {nested(side.sql)} AS s" for side in (pair.a, pair.b))
    about = f"SELECT p.trace_id FROM {nested(plan.population)} AS p"
    population = f"{about}\nJOIN {nested(sides)} AS b ON b.trace_id = p.trace_id"
    steps = tuple(step for step in plan.steps if step.role != "exposed")
    return plan.model_copy(update={"population": population, "steps": (*steps, _exposed(pair.b))})


def _exposed(side: Side) -> QueryStep:
    return QueryStep(role="exposed", title=side.label[:200], sql=side.sql)


def _decide(tested: Sequence[_Tested], pair: Pair) -> list[Compared]:
    inside = [each for each in tested if each.p_value is not None]
    adjusted = stats.false_discovery_control(np.array([each.p_value for each in inside]), method="bh") if inside else np.zeros(0)
    p_adjusted = {each.measure.name: float(p) for each, p in zip(inside, adjusted, strict=True)}
    changed = sum(p <= LEVEL for p in p_adjusted.values())
    widened = 1 - LEVEL * changed / max(len(inside), 1)
    return [_compared(each, p_adjusted.get(each.measure.name), widened, pair) for each in tested]


def _compared(tested: _Tested, p_adjusted: float | None, widened: float, pair: Pair) -> Compared:
    result = tested.result
    b, a = result.arms
    significant = p_adjusted is not None and p_adjusted <= LEVEL
    return Compared(
        measure=tested.measure,
        change=_change(tested, a, b, p_adjusted),
        severity=tested.measure.severity or _severity(a, b, pair, result.decision),
        a=a.model_copy(update={"title": pair.a.label}),
        b=b.model_copy(update={"title": pair.b.label}),
        ratio=result.value,
        interval=at_level(result, widened) if significant else result.interval,
        p_adjusted=p_adjusted,
        smallest_ratio=result.smallest_ratio,
        why="" if p_adjusted is not None else result.ineligible_because,
    )


def _change(tested: _Tested, a: Arm, b: Arm, p_adjusted: float | None) -> Change:
    """What is said of a measure: a change where it is shown and the ratio agrees; quantiles may be equal."""
    ratio, quantiles = tested.result.value, tested.result.decision == "shift"
    if p_adjusted is None or ratio is None:
        return "too little data"
    if p_adjusted > LEVEL or (ratio <= 1 if tested.to_worse else ratio >= 1):
        return "no change shown"
    if tested.to_worse:
        return "worse" if a.affected or quantiles else "new"
    return "better" if b.affected or quantiles else "gone"


def _severity(a: Arm, b: Arm, pair: Pair, decision: str) -> Severity:
    """Of a figure: by the affected share of B's traces; of a latency by how many more are above the quantile, at most HIGH."""
    affected, ceiling = float(b.affected or 0), None
    if decision == "shift":
        affected -= b.traces * ((a.affected or 0) / a.traces if a.traces else 0.0)
        ceiling = Severity.HIGH
    return rate_severity(share_low=max(affected, 0.0) / max(pair.extent_b.traces, 1), counted=True, ceiling=ceiling).severity


def _rank(compared: Compared) -> tuple[int, int, int, str]:
    figure = int(compared.measure.kind == "figure")
    return ORDER.index(compared.change), figure, -compared.severity.rank, compared.measure.name
