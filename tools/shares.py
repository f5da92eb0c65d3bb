"""How a share is written, everywhere: in titles, sentences, tables and plots."""


def percent(share: float) -> str:
    """A share in percent to one decimal, below 1% to two digits: 41.0%, 12.9%, 0.42%; never 0% of some, nor 100% of less."""
    value = 100 * share
    if 0 < value < 0.01:
        return "<0.01%"
    if 99.95 <= value < 100:
        return "99.9%"
    return f"{value:.1f}%" if value >= 1 or value == 0 else f"{value:.2g}%"


def part_of(numerator: int, denominator: int) -> str:
    """A part of a whole in percent; of nothing it is none."""
    return percent(numerator / denominator) if denominator else percent(0)


def threshold(share: float) -> str:
    """A share that somebody chose, as they chose it."""
    return f"{100 * share:.6g}%"
