"""From counts per cluster to the numbers of a decision: a fact where it is counted, an estimate where it is about the process."""

from typing import Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from ..insights.models import Agreement, Arm, Interval, Reads, TestResult
from .plan import Contrast, Count, Plan, Rate, Read, Role, Shift
from .rate import material_share, share_interval
from .sequential import SequentialRead, Stop
from .shift import QUANTILES
from .statistics import (
    ClusterTable,
    contrast_eligibility,
    estimate_contrast,
    estimate_rate,
    estimate_shift,
    rate_eligibility,
    shift_eligibility,
)

EMPTY = "the population holds no trace"
REST = "the rest"

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Counts(NamedTuple):
    """Traces, affected and unreadable ones, per cluster and arm."""

    cluster: Integers
    exposed: Flags
    traces: Integers
    affected: Integers
    unreadable: Integers

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Reads the rows of `compose.cluster_table`."""
        traces, affected, unreadable = (integers(table[name]) for name in ("traces", "affected", "unreadable"))
        return cls(cluster_codes(table["cluster"]), integers(table["exposed"]) > 0, traces, affected, unreadable)


class Measured(NamedTuple):
    """The measure of each trace that has one, with its arm and cluster."""

    cluster: Integers
    exposed: Flags
    value: NDArray[np.float64]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Reads the rows of `compose.measured_rows`."""
        value = table["value"].cast(pa.float64()).to_numpy()
        return cls(cluster_codes(table["cluster"]), integers(table["exposed"]) > 0, value)

    def cut(self, decision: Shift) -> float:
        """The pooled quantile, above which a trace counts as affected."""
        return float(np.quantile(self.value, QUANTILES[decision.quantile])) if self.value.size else 0.0


def integers(column: pa.ChunkedArray) -> Integers:
    """A column without gaps as numbers."""
    return column.to_numpy().astype(np.int64)


def cluster_codes(column: pa.ChunkedArray) -> Integers:
    """Clusters as numbers, in order of their first row."""
    return column.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)


def result_of_counts(plan: Plan, counts: Counts, *, cluster_key: str, seed: int) -> TestResult:
    """The numbers of a count, rate or contrast."""
    decision = plan.decision
    if isinstance(decision, Contrast):
        return _contrast(plan, decision, counts, cluster_key=cluster_key, seed=seed)
    if isinstance(decision, Rate) and plan.estimand == "process":
        return _process_rate(plan, decision, counts, cluster_key=cluster_key)
    traces, affected = int(counts.traces.sum()), int(counts.affected.sum())
    if isinstance(decision, Rate):
        threshold, material = decision.threshold, material_share(decision)
    else:
        threshold, material = float(decision.at_least) if isinstance(decision, Count) else 0.0, None
    return TestResult(
        decision=decision.kind,
        estimand="snapshot",
        family="none",
        cluster_key=cluster_key,
        population=traces,
        affected=affected,
        unreadable=int(counts.unreadable.sum()),
        clusters=_distinct(counts.cluster),
        value=affected / traces if traces else None,
        threshold=threshold,
        material=material,
        eligible=traces > 0,
        ineligible_because="" if traces else EMPTY,
    )


def result_of_measure(plan: Plan, decision: Shift, measured: Measured, *, cluster_key: str, seed: int) -> TestResult:
    """The numbers of a shift."""
    values, exposed, cluster = measured.value, measured.exposed, measured.cluster
    reason = _too_few(plan, cluster) or shift_eligibility(values, exposed, cluster, quantile=decision.quantile)
    above = exposed & (values > measured.cut(decision))
    result = TestResult(
        decision="shift",
        estimand="process",
        family="P",
        cluster_key=cluster_key,
        population=values.size,
        affected=int(above.sum()),
        clusters=_distinct(cluster),
        threshold=decision.ratio,
        eligible=not reason,
        ineligible_because=reason,
        arms=(
            _measured_arm(_title(plan, "exposed"), measured, exposed, decision),
            _measured_arm(REST, measured, ~exposed, decision),
        ),
    )
    if reason:
        return result
    found = estimate_shift(values, exposed, cluster, quantile=decision.quantile, seed=seed)
    return _with_ratio(result, found.ratio, found.low, found.high, found.p_value, found.smallest_ratio)


def result_of_reading(
    decision: Read,
    reading: SequentialRead,
    *,
    stopped: Stop | Literal["budget"],
    unasked: int = 0,
    agreement: tuple[Agreement, ...] = (),
) -> TestResult:
    """The numbers of what was read, where the reading was stopped.

    Args:
        decision: The plan's.
        reading: What was counted.
        stopped: Why no more was read.
        unasked: Traces among them that the judge could not be asked about.
        agreement: What people said of them.
    """
    counted, bound = reading.counted, reading.bound
    low, high = bound.interval(counted)
    return TestResult(
        decision="read",
        estimand="snapshot",
        family="R" if bound.population else "none",
        cluster_key="trace",
        population=bound.population,
        affected=counted.affected,
        unreadable=counted.unclear,
        clusters=bound.population,
        value=counted.affected / counted.read if counted.read else None,
        interval=Interval(low=low, high=high) if counted.read else None,
        threshold=decision.threshold,
        material=material_share(decision),
        eligible=bound.population > 0,
        ineligible_because="" if bound.population else EMPTY,
        reads=Reads(
            read=counted.read,
            cap=reading.cap,
            log_for=bound.log_for(counted),
            log_against=bound.log_against(counted),
            stopped=stopped,
            unasked=unasked,
            agreement=agreement,
        ),
    )


def _process_rate(plan: Plan, decision: Rate, counts: Counts, *, cluster_key: str) -> TestResult:
    """Unreadable traces are left out of the sample: what they are isn't known, and zero it is not."""
    sizes = counts.traces - counts.unreadable
    read = sizes > 0
    clusters = _distinct(counts.cluster[read])
    reason = rate_eligibility(clusters, min_n=plan.min_n) if sizes.sum() else EMPTY
    result = TestResult(
        decision="rate",
        estimand="process",
        family="P",
        cluster_key=cluster_key,
        population=int(sizes.sum()),
        affected=int(counts.affected.sum()),
        unreadable=int(counts.unreadable.sum()),
        clusters=clusters,
        threshold=decision.threshold,
        material=material_share(decision),
        eligible=not reason,
        ineligible_because=reason,
    )
    if not result.population:
        return result
    found = estimate_rate(counts.affected, sizes, threshold=decision.threshold, direction=decision.direction)
    interval = Interval(low=found.low, high=found.high)
    p_value = None if reason else found.p_value
    return result.model_copy(
        update={"value": found.share, "interval": interval, "effective": found.effective_n, "p_value": p_value}
    )


def _contrast(plan: Plan, decision: Contrast, counts: Counts, *, cluster_key: str, seed: int) -> TestResult:
    table = ClusterTable.of(counts.cluster, counts.exposed, counts.affected, counts.traces)
    reason = _too_few(plan, counts.cluster) or contrast_eligibility(table)
    result = TestResult(
        decision="contrast",
        estimand="process",
        family="P",
        cluster_key=cluster_key,
        population=int(counts.traces.sum()),
        affected=int(counts.affected[counts.exposed].sum()),
        clusters=_distinct(counts.cluster),
        threshold=decision.ratio,
        eligible=not reason,
        ineligible_because=reason,
        arms=(
            _counted_arm(_title(plan, "exposed"), counts, counts.exposed),
            _counted_arm(REST, counts, ~counts.exposed),
        ),
    )
    if reason:
        return result
    found = estimate_contrast(table, seed=seed)
    return _with_ratio(result, found.ratio, found.low, found.high, found.p_value, found.smallest_ratio)


def _with_ratio(result: TestResult, ratio: float, low: float, high: float, p_value: float, smallest: float) -> TestResult:
    interval = Interval(low=low, high=high)
    return result.model_copy(update={"value": ratio, "interval": interval, "p_value": p_value, "smallest_ratio": smallest})


def _too_few(plan: Plan, cluster: Integers) -> str:
    clusters = _distinct(cluster)
    return "" if clusters >= plan.min_n else f"{clusters:,} independent clusters, at least {plan.min_n:,} needed"


def _distinct(cluster: Integers) -> int:
    return int(np.count_nonzero(np.bincount(cluster)))


def _title(plan: Plan, role: Role) -> str:
    step = plan.step(role)
    return step.title if step is not None else ""


def _counted_arm(title: str, counts: Counts, arm: Flags) -> Arm:
    traces, affected = int(counts.traces[arm].sum()), int(counts.affected[arm].sum())
    return Arm(
        title=title,
        traces=traces,
        affected=affected,
        clusters=_distinct(counts.cluster[arm]),
        value=affected / traces if traces else None,
        share_interval=shown_share(counts.affected[arm], counts.traces[arm]),
    )


def _measured_arm(title: str, measured: Measured, arm: Flags, decision: Shift) -> Arm:
    values, above = measured.value[arm], measured.value[arm] > measured.cut(decision)
    clusters, codes = np.unique(measured.cluster[arm], return_inverse=True)
    return Arm(
        title=title,
        traces=values.size,
        affected=int(above.sum()),
        clusters=clusters.size,
        value=float(np.quantile(values, QUANTILES[decision.quantile])) if values.size else None,
        share_interval=shown_share(np.bincount(codes, above), np.bincount(codes)),
    )


def shown_share(affected_by_cluster: ArrayLike, size_by_cluster: ArrayLike) -> Interval | None:
    """The 95% interval of a share that is shown beside a ratio; None for no traces."""
    bounds = share_interval(affected_by_cluster, size_by_cluster)
    return None if bounds is None else Interval(low=bounds.low, high=bounds.high)
