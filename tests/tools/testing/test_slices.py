"""The slice search against brute force, and on stores of known truth."""

from itertools import combinations, product

import numpy as np
import pytest

from analyze_experiment.evals.bench import calibration
from analyze_experiment.tools.testing import slices
from analyze_experiment.tools.testing.contrast import ClusterTable, contrast_eligibility, estimate_contrast
from analyze_experiment.tools.testing.frame import MAX_VALUES
from analyze_experiment.tools.testing.slices import Attribute, Cell, Outcome, SliceFrame, search_slices

FLIPS = 999
REGIONS = ("eu", "us", "asia")
MODELS = ("mini", "large")


def frame_of(
    columns: dict[str, list[str | None]],
    affected: np.ndarray,
    *,
    cluster: np.ndarray | None = None,
    eligible: np.ndarray | None = None,
) -> SliceFrame:
    """One outcome, `failed`, and the attributes given; each trace its own cluster where none are given."""
    outcome = Outcome("failed", "failed answers", affected, np.ones(affected.size, dtype=bool) if eligible is None else eligible)
    attributes = tuple(Attribute.of_values(name, values) for name, values in columns.items())
    return SliceFrame(np.arange(affected.size) if cluster is None else cluster, (outcome,), attributes)


def store(seed: int, *, sessions: int = 300, shares: dict[tuple[str, str], float] | None = None) -> SliceFrame:
    """Sessions of 1 to 6 traces with a region and a model; affected at 5% but where `shares` says otherwise."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(sessions), rng.integers(1, 7, sessions))
    region, model = rng.choice(REGIONS, sessions)[cluster], rng.choice(MODELS, sessions)[cluster]
    share = np.array([(shares or {}).get((r, m), 0.05) for r, m in zip(region, model, strict=True)])
    columns: dict[str, list[str | None]] = {"region": list(region), "model": list(model)}
    return frame_of(columns, rng.random(cluster.size) < share, cluster=cluster)


def everywhere(region: str, share: float) -> dict[tuple[str, str], float]:
    return {(region, model): share for model in MODELS}


def segments(cells: tuple[Cell, ...]) -> list[dict[str, str]]:
    return [cell.segment for cell in cells]


def brute_force_cells(frame: SliceFrame) -> dict[tuple[tuple[str, str], ...], np.ndarray]:
    """The members of every cell of one or two attributes that a contrast could be made of."""
    outcome = frame.outcomes[0]
    found: dict[tuple[tuple[str, str], ...], np.ndarray] = {}
    for size in (1, 2):
        for chosen in combinations(frame.attributes, size):
            for values in product(*(attribute.values for attribute in chosen)):
                inside = outcome.eligible.copy()
                for attribute, value in zip(chosen, values, strict=True):
                    inside &= attribute.codes == attribute.values.index(value)
                rows = outcome.eligible
                table = ClusterTable.of(frame.cluster[rows], inside[rows], outcome.affected[rows])
                if not contrast_eligibility(table):
                    found[tuple(zip((attribute.name for attribute in chosen), values, strict=True))] = inside
    return found


def with_gaps(seed: int) -> SliceFrame:
    """A store in which some traces have no value, and some aren't eligible."""
    made = store(seed, sessions=120, shares=everywhere("eu", 0.2))
    rng = np.random.default_rng(seed)
    gaps = made.attributes[0].codes.copy()
    gaps[rng.random(gaps.size) < 0.2] = -1
    attributes = (Attribute("region", made.attributes[0].values, gaps), made.attributes[1])
    eligible = rng.random(gaps.size) < 0.9
    return SliceFrame(made.cluster, (Outcome("failed", "failed", made.outcomes[0].affected, eligible),), attributes)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_cell_that_a_contrast_could_be_made_of_is_tested_and_no_other(seed: int):
    frame = with_gaps(seed)
    expected = brute_force_cells(frame)
    assert 3 <= len(expected) < 11
    assert search_slices(frame, ratio=2.0, seed=0, flips=9).cells_tested == len(expected)


def test_adjusted_p_is_that_of_the_largest_statistic_over_all_cells():
    frame = with_gaps(3)
    outcome, cells = frame.outcomes[0], brute_force_cells(frame)
    rows = np.flatnonzero(outcome.eligible)
    clusters, cluster = np.unique(frame.cluster[rows], return_inverse=True)
    residual = outcome.affected[rows] - outcome.affected[rows].mean()
    scores = np.zeros((clusters.size, len(cells)))
    for column, inside in enumerate(cells.values()):
        np.add.at(scores[:, column], cluster, (inside[rows] - inside[rows].mean()) * residual)
    lengths = np.sqrt((scores**2).sum(axis=0))
    signs = np.random.default_rng(5).choice([-1.0, 1.0], size=(4_000, clusters.size))
    largest = (signs @ scores / lengths).max(axis=1)
    found = search_slices(frame, ratio=1.01, seed=8, flips=9_999)
    [best] = [cell for cell in found.cells if cell.segment == {"region": "eu"}]
    column = list(cells).index((("region", "eu"),))
    # Region eu is the smaller arm, where the scores' own squares are the larger variance.
    statistic = scores[:, column].sum() / lengths[column]
    assert best.p_adjusted == pytest.approx(np.mean(largest >= statistic), abs=0.01)
    assert found.best_missed is not None
    missed = scores[:, list(cells).index(tuple(found.best_missed.segment.items()))]
    assert found.best_missed.p_adjusted == pytest.approx(np.mean(largest >= missed.sum() / np.sqrt((missed**2).sum())), abs=0.03)


def test_a_cell_is_estimated_as_the_contrast_with_the_rest():
    frame = store(4, shares=everywhere("eu", 0.25))
    [cell] = search_slices(frame, ratio=2.0, seed=0, flips=FLIPS).cells
    inside = frame.attributes[0].codes == frame.attributes[0].values.index("eu")
    affected = frame.outcomes[0].affected
    contrast = estimate_contrast(ClusterTable.of(frame.cluster, inside, affected), seed=0)
    assert cell.segment == {"region": "eu"}
    assert (cell.ratio, cell.interval.low, cell.interval.high) == pytest.approx(contrast[:3])
    assert (cell.traces, cell.affected) == (inside.sum(), affected[inside].sum())
    assert (cell.rest_traces, cell.rest_affected) == ((~inside).sum(), affected[~inside].sum())
    assert (cell.outcome, cell.outcome_title) == ("failed", "failed answers")


def test_a_fault_of_one_value_is_not_said_again_for_its_parts():
    cells = search_slices(store(5, sessions=900, shares=everywhere("eu", 0.25)), ratio=2.0, seed=0, flips=FLIPS).cells
    assert segments(cells) == [{"region": "eu"}]


def test_a_fault_of_a_pair_is_not_said_again_for_what_contains_it():
    cells = search_slices(store(6, sessions=900, shares={("eu", "mini"): 0.4}), ratio=2.0, seed=0, flips=FLIPS).cells
    assert segments(cells) == [{"region": "eu", "model": "mini"}]


def test_a_part_that_is_worse_than_the_rest_of_its_whole_stands_beside_it():
    shares = {("eu", "large"): 0.2, ("eu", "mini"): 0.8}
    cells = search_slices(store(7, sessions=900, shares=shares), ratio=2.0, seed=0, flips=FLIPS).cells
    assert {"region": "eu"} in segments(cells)
    assert {"region": "eu", "model": "mini"} in segments(cells)
    assert len(cells) == 2


def test_of_two_names_for_the_same_traces_the_simpler_and_first_stays():
    made = store(8, shares=everywhere("eu", 0.25))
    region = made.attributes[0]
    zone = Attribute("zone", tuple(f"zone {value}" for value in region.values), region.codes)
    cells = search_slices(SliceFrame(made.cluster, made.outcomes, (zone, region)), ratio=2.0, seed=0, flips=FLIPS).cells
    assert segments(cells) == [{"zone": "zone eu"}]


def test_a_value_that_only_overlaps_with_the_faulty_one_is_not_said():
    made = store(9, sessions=900, shares=everywhere("eu", 0.3))
    rng = np.random.default_rng(1)
    # Version 2 runs in nine of ten European traces and nearly nowhere else.
    europe = made.attributes[0].codes == made.attributes[0].values.index("eu")
    version = Attribute.of_values(
        "version", [str(1 + int(flag)) for flag in rng.random(europe.size) < np.where(europe, 0.9, 0.05)]
    )
    cells = search_slices(
        SliceFrame(made.cluster, made.outcomes, (version, made.attributes[0])), ratio=2.0, seed=0, flips=FLIPS
    ).cells
    assert segments(cells) == [{"region": "eu"}]


def test_outcomes_are_searched_together_and_reported_apart():
    made = store(10, sessions=900, shares=everywhere("eu", 0.25))
    us = made.attributes[0].codes == made.attributes[0].values.index("us")
    rng = np.random.default_rng(2)
    duration = rng.lognormal(size=us.size) * np.where(us, 6, 1)
    duration[rng.random(us.size) < 0.1] = np.nan
    slow = Outcome.of_numbers("slow", "slow answers", duration, "p95")
    found = search_slices(SliceFrame(made.cluster, (*made.outcomes, slow), made.attributes), ratio=2.0, seed=0, flips=FLIPS)
    assert {(cell.outcome, cell.segment.get("region")) for cell in found.cells} == {("failed", "eu"), ("slow", "us")}
    [cell] = [cell for cell in found.cells if cell.outcome == "slow"]
    assert cell.traces + cell.rest_traces == np.count_nonzero(~np.isnan(duration))
    assert cell.affected + cell.rest_affected == pytest.approx(0.05 * (cell.traces + cell.rest_traces), abs=1)


def test_an_effect_that_is_too_small_is_the_best_missed():
    found = search_slices(store(11, sessions=3_000, shares=everywhere("eu", 0.09)), ratio=2.5, seed=0, flips=FLIPS)
    assert found.cells == ()
    assert found.best_missed is not None
    assert found.best_missed.segment == {"region": "eu"}
    assert found.best_missed.p_adjusted <= 0.05


@pytest.mark.parametrize("affected", [0, 7], ids=["none", "in too few clusters"])
def test_nothing_is_tested_where_too_little_is_affected(affected: int):
    flags = np.arange(200) < affected
    found = search_slices(frame_of({"half": ["a", "b"] * 100}, flags), ratio=2.0, seed=0, flips=9)
    assert (found.cells, found.cells_tested, found.best_missed) == ((), 0, None)


@pytest.mark.parametrize(("clusters_of_rest", "tested"), [(9, 0), (10, 2)])
def test_a_cell_and_its_rest_both_need_ten_clusters(clusters_of_rest: int, tested: int):
    cluster = np.concatenate([np.arange(300) % 60, 60 + np.arange(300) % clusters_of_rest])
    frame = frame_of({"half": [*["a"] * 300, *["b"] * 300]}, np.arange(600) % 4 == 0, cluster=cluster)
    assert search_slices(frame, ratio=2.0, seed=0, flips=9).cells_tested == tested


def test_an_empty_frame_has_nothing_to_test():
    found = search_slices(frame_of({"half": []}, np.zeros(0, dtype=bool)), ratio=2.0, seed=0, flips=9)
    assert (found.cells_tested, found.clusters) == (0, 0)


def test_of_many_values_the_commonest_make_cells_and_the_others_are_named():
    values: list[str | None] = [f"v{place:03}" for place in range(60) for _ in range(2)] + ["v059", "v058", None]
    attribute = Attribute.of_values("tool", values)
    assert len(attribute.values) == MAX_VALUES
    assert attribute.left_out == 10
    assert {"v000", "v059", "v058"} <= set(attribute.values)
    assert "v048" not in attribute.values
    assert attribute.codes[-1] == -1
    assert [attribute.values[code] for code in attribute.codes[:2]] == ["v000", "v000"]
    frame = SliceFrame(np.arange(len(values)), (Outcome.of_traces("o", "o", np.zeros(len(values))),), (attribute,))
    assert search_slices(frame, ratio=2.0, seed=0).notes == ("10 rarer values of tool make no cell; the 50 commonest do.",)


def test_more_clusters_than_fit_are_joined_and_the_fault_is_still_found(monkeypatch: pytest.MonkeyPatch):
    frame = store(12, sessions=900, shares=everywhere("eu", 0.25))
    whole = search_slices(frame, ratio=2.0, seed=0, flips=FLIPS)
    monkeypatch.setattr(slices, "MAX_UNITS", 100)
    joined = search_slices(frame, ratio=2.0, seed=0, flips=FLIPS)
    assert joined.cells == whole.cells
    assert joined.clusters == 900


def test_more_cells_than_are_tested_are_counted(monkeypatch: pytest.MonkeyPatch):
    frame = store(13, sessions=900, shares=everywhere("eu", 0.25))
    monkeypatch.setattr(slices, "MAX_CELLS", 6)
    found = search_slices(frame, ratio=2.0, seed=0, flips=FLIPS)
    assert found.cells_tested == 6
    assert found.notes == ("5 cells had enough data and were left out; the 6 that expect most were tested.",)
    # Those of one attribute come first.
    assert segments(found.cells) == [{"region": "eu"}]


def test_a_search_repeats_with_its_seed_and_names_of_clusters_mean_nothing():
    frame = store(14, shares=everywhere("eu", 0.12))
    renamed = SliceFrame(frame.cluster * 7 + 3, frame.outcomes, frame.attributes)
    first = search_slices(frame, ratio=1.5, seed=4, flips=FLIPS)
    assert search_slices(frame, ratio=1.5, seed=4, flips=FLIPS) == first
    assert search_slices(renamed, ratio=1.5, seed=4, flips=FLIPS) == first


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_where_nothing_depends_on_anything_a_search_rarely_finds(icc: float):
    assert calibration.false_finds(30, sessions=120, icc=icc, seed=21) <= 0.1


def test_a_large_segment_is_not_blamed_for_a_small_rest_without_faults():
    rng = np.random.default_rng(22)
    found = 0
    for seed in range(50):
        cluster = np.repeat(np.arange(400), 5)
        columns: dict[str, list[str | None]] = {
            f"a{place}": [str(flag) for flag in (rng.random(400) < 0.9)[cluster]] for place in range(3)
        }
        affected = rng.random(2_000) < rng.beta(0.05 * 7 / 3, 0.95 * 7 / 3, 400)[cluster]
        found += bool(search_slices(frame_of(columns, affected, cluster=cluster), ratio=1.5, seed=seed, flips=FLIPS).cells)
    assert found / 50 <= 0.08


def test_a_segment_three_times_as_affected_is_found_in_200_sessions():
    assert calibration.true_finds(20, sessions=200, ratio=3, icc=0.03, seed=23) >= 0.85
