"""How shares, durations and names are written in titles and sentences."""

import math

NAME_CHARS = 48
QUOTE_CHARS = 120


def percent(numerator: int, denominator: int) -> str:
    """A share in percent, to two digits or more; never 0% of something, nor 100% of less than all."""
    if denominator == 0:
        return "0%"
    value = 100 * numerator / denominator
    if 0 < value < 0.1:
        return "<0.1%"
    digits = 0 if value >= 10 else 1
    text = f"{value:.{digits}f}"
    if numerator < denominator and float(text) >= 100:
        text = f"{math.floor(value * 10) / 10:.1f}"
    return f"{text.removesuffix('.0')}%"


def share(numerator: int, denominator: int) -> str:
    """`12 of 340 (3.5%)`."""
    return f"{numerator:,} of {denominator:,} ({percent(numerator, denominator)})"


def duration(milliseconds: float) -> str:
    """A duration as a person says it."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes = seconds / 60
    return f"{minutes:.1f}".removesuffix(".0") + " min" if minutes < 120 else f"{minutes / 60:.1f}".removesuffix(".0") + " h"


def clip(text: str, limit: int = NAME_CHARS) -> str:
    """One line of at most so many characters, without control characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quoted(text: str) -> str:
    """A message from a trace, as one."""
    return f"“{clip(text, QUOTE_CHARS)}”"
