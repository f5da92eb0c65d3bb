import pytest

from analyze_experiment.tools.shares import part_of, percent, threshold


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (12, 100, "12.0%"),
        (1, 8, "12.5%"),
        (35, 1000, "3.5%"),
        (9, 1000, "0.9%"),
        (7, 16_000, "0.044%"),
        (1, 1_000_000, "<0.01%"),
        (0, 7, "0.0%"),
        (7, 7, "100.0%"),
        (9_999, 10_000, "99.9%"),
        (996, 1000, "99.6%"),
        (0, 0, "0.0%"),
    ],
)
def test_some_is_never_0_percent_and_less_than_all_never_100(numerator: int, denominator: int, text: str) -> None:
    assert part_of(numerator, denominator) == text


def test_a_threshold_is_written_as_it_was_chosen() -> None:
    assert [threshold(share) for share in (0.02, 0.125, 0.00005)] == ["2%", "12.5%", "0.005%"]


def test_a_share_needs_no_denominator() -> None:
    assert percent(0.128919) == "12.9%"
