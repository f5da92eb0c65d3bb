"""How shares, durations and names are written in titles and sentences."""

from ..clipping import clip
from ..shares import part_of

QUOTE_CHARS = 120


def share(numerator: int, denominator: int) -> str:
    """`12 of 340 (3.5%)`."""
    return f"{numerator:,} of {denominator:,} ({part_of(numerator, denominator)})"


def duration(milliseconds: float) -> str:
    """A duration as a person says it."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes = seconds / 60
    return f"{minutes:.1f}".removesuffix(".0") + " min" if minutes < 120 else f"{minutes / 60:.1f}".removesuffix(".0") + " h"


def quoted(text: str) -> str:
    """A message from a trace, as one."""
    return f"“{clip(text, QUOTE_CHARS)}”"
