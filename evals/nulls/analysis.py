"""A whole analysis of a made-up store in process: every test, then the families closed over them, as an analysis does it."""

from typing import NamedTuple

import numpy as np

from analyze_experiment.evals.nulls.stores import PLANTED, Fault, Store
from analyze_experiment.tools.insights.models import Arm, Cell, HypothesisStatus, Interval, TestResult
from analyze_experiment.tools.testing.contrast import ClusterTable, contrast_eligibility, contrast_p_value, ratio_interval
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import Contrast, Plan, QueryStep, Rate, SliceAttribute, SliceOutcome, Slices
from analyze_experiment.tools.testing.rate import estimate_rate, material_share, rate_eligibility
from analyze_experiment.tools.testing.slices import search_slices

FLIPS = ((199, 0.08), (999, 0.02), (9_999, 0.0))
"""Sign flips of a contrast, and the p-value from which it needs no more of them: what is as large is decided."""
SEARCH_FLIPS = 999
"""Of a slice search: max-T keeps its level with any number of them."""
SLICES = "slices"
TESTS = ("rate", "contrast", SLICES)

AFFECTED = QueryStep(role="affected", title="affected", sql="SELECT trace_id FROM traces")
EXPOSED = QueryStep(role="exposed", title="exposed", sql="SELECT trace_id FROM traces")
CONTRAST = Plan(estimand="process", steps=(EXPOSED, AFFECTED), decision=Contrast(threshold_source="playbook"))
SEARCH = Plan(
    estimand="process",
    decision=Slices(
        outcomes=(SliceOutcome(name="planted", title="planted", sql="SELECT trace_id FROM traces"),),
        attributes=(SliceAttribute(name="a0", title="a0", sql="SELECT trace_id, version AS value FROM traces"),),
        threshold_source="playbook",
    ),
)


class Found(NamedTuple):
    """What an analysis would report, by the test that found it, true and false."""

    true: dict[str, int]
    false: dict[str, int]

    @property
    def any_false(self) -> bool:
        """Whether it reports anything that isn't so."""
        return any(self.false.values())

    @property
    def false_share(self) -> float:
        """Of what it reports; none of nothing."""
        false = sum(self.false.values())
        return false / max(false + sum(self.true.values()), 1)


def analyse(store: Store, *, seed: int) -> Found:
    """Test everything, close the families, and count what would be reported."""
    entries = {f"rate {place}": _rate(store, fault) for place, fault in enumerate(store.rates)}
    entries |= {f"contrast {place}": _contrast(store, fault, seed=seed + place) for place, fault in enumerate(store.contrasts)}
    entries[SLICES] = SEARCH, _search(store, seed=seed)
    verdicts = close_families([Entry(name, *entry) for name, entry in entries.items()], batch=1)
    true: dict[str, int] = dict.fromkeys(TESTS, 0)
    false: dict[str, int] = dict.fromkeys(TESTS, 0)
    for test, faults in (("rate", store.rates), ("contrast", store.contrasts)):
        for place, fault in enumerate(faults):
            found = verdicts[f"{test} {place}"].status is HypothesisStatus.VALIDATED
            (true if fault.true else false)[test] += found
    for cell in verdicts[SLICES].cells:
        (true if _is_planted(store, cell) else false)[SLICES] += 1
    return Found(true, false)


def _is_planted(store: Store, cell: Cell) -> bool:
    """Whether a cell lies within the segment that is worse: every part of that is, and nothing else."""
    attribute, value = PLANTED
    return store.planted and cell.outcome == "planted" and cell.segment.get(f"a{attribute}") == f"v{value}"


def _rate(store: Store, fault: Fault) -> tuple[Plan, TestResult]:
    decision = Rate(threshold=fault.threshold, threshold_source="playbook")
    sizes = np.bincount(store.cluster)
    found = estimate_rate(np.bincount(store.cluster, fault.affected), sizes, threshold=fault.threshold)
    reason = rate_eligibility(sizes.size)
    result = TestResult(
        decision="rate",
        estimand="process",
        family="P",
        population=store.cluster.size,
        affected=int(fault.affected.sum()),
        clusters=sizes.size,
        value=found.share,
        interval=Interval(low=found.low, high=found.high),
        threshold=fault.threshold,
        material=material_share(decision),
        p_value=None if reason else found.p_value,
        eligible=not reason,
        ineligible_because=reason,
    )
    return Plan(estimand="process", steps=(AFFECTED,), decision=decision), result


def _contrast(store: Store, fault: Fault, *, seed: int) -> tuple[Plan, TestResult]:
    label = fault.label if fault.label is not None else np.zeros_like(fault.affected)
    table = ClusterTable.of(store.cluster, label, fault.affected)
    reason = contrast_eligibility(table)
    clusters = (table.clusters_a, table.clusters_b)
    result = TestResult(
        decision="contrast",
        estimand="process",
        family="P",
        population=store.cluster.size,
        clusters=table.traces.size,
        threshold=1.5,
        eligible=not reason,
        ineligible_because=reason,
        arms=tuple(Arm(title="", traces=1, clusters=each, value=None) for each in clusters),
    )
    if reason:
        return CONTRAST, result
    found = ratio_interval(table)
    numbers = {"value": found.ratio, "interval": Interval(low=found.low, high=found.high), "p_value": _p_value(table, seed)}
    return CONTRAST, result.model_copy(update=numbers)


def _p_value(table: ClusterTable, seed: int) -> float:
    p_value = 1.0
    for flips, enough in FLIPS:
        p_value = contrast_p_value(table, seed=seed, flips=flips)
        if p_value > enough:
            break
    return p_value


def _search(store: Store, *, seed: int) -> TestResult:
    found = search_slices(store.frame, ratio=2.0, seed=seed, flips=SEARCH_FLIPS)
    return TestResult(
        decision="slices",
        estimand="process",
        family="S",
        population=store.cluster.size,
        clusters=found.clusters,
        threshold=2.0,
        eligible=found.cells_tested > 0,
        cells=found.cells,
        cells_tested=found.cells_tested,
    )
