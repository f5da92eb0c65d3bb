"""Two findings about the same traces are one issue; what shares traces by chance, or is a lesser part, is another."""

from collections.abc import Iterable

from analyze_experiment.tools.testing.aspects import Shown, is_told_in_parts, repeats, trace_set

TRACES = 1_000


def shown(
    affected: Iterable[int], *, is_cell: bool = False, compares: Iterable[int] | None = None, any_kind: bool = False
) -> Shown:
    listed = trace_set(map(str, compares)) if compares is not None else None
    return Shown(
        trace_set(map(str, affected)),
        is_cell=is_cell,
        compare=None if listed is None else lambda: listed,
        of_any_kind=any_kind,
    )


def test_a_finding_about_the_same_traces_is_an_aspect():
    assert repeats(shown(range(0, 50)), shown(range(0, 55)), traces=TRACES)
    assert not repeats(shown(range(0, 50)), shown(range(30, 80)), traces=TRACES)


def test_two_findings_that_affect_nearly_every_trace_share_them_by_chance():
    assert not repeats(shown(range(0, 950)), shown(range(40, 1_000)), traces=TRACES)
    assert repeats(shown(range(0, 950)), shown(range(0, 950)), traces=TRACES)


def test_a_segment_that_holds_most_of_an_issue_says_where_it_is():
    assert repeats(shown(range(0, 30), is_cell=True), shown(range(0, 50)), traces=TRACES)
    assert not repeats(shown(range(0, 30)), shown(range(0, 50)), traces=TRACES)


def test_a_segment_that_holds_the_lesser_part_of_an_issue_has_one_of_its_own():
    assert not repeats(shown(range(0, 20), is_cell=True), shown(range(0, 50)), traces=TRACES)


def test_two_comparisons_of_the_same_traces_are_one_where_mostly_the_same_are_affected():
    version = range(0, 200)
    told = shown(range(0, 140), compares=version)
    assert repeats(shown(range(0, 26), is_cell=True, compares=version), told, traces=TRACES)
    assert not repeats(shown(range(0, 26), is_cell=True, compares=range(0, 400)), told, traces=TRACES)


def test_what_most_of_a_compared_group_shows_anyway_joins_no_two_findings():
    version = range(0, 200)
    told = shown(range(0, 140), compares=version)
    unrelated = [*range(0, 21), *range(191, 200)]  # 21 of 30 are among the 70% that are slow: as chance has it
    assert not repeats(shown(unrelated, is_cell=True, compares=version), told, traces=TRACES)


def test_failures_of_any_kind_are_no_issue_where_each_is_told_of_by_itself():
    told = [shown(range(0, 40)), shown(range(40, 70))]
    assert is_told_in_parts(shown(range(0, 70), any_kind=True), told)
    assert not is_told_in_parts(shown(range(0, 100), any_kind=True), told)
    assert not is_told_in_parts(shown(range(0, 70)), told)
