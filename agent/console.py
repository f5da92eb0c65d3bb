"""What everything that goes to a terminal shares: a console that takes text as it is, and the colours of our words."""

import io
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, RenderableType

STYLES = {
    "VALIDATED": "bold green",
    "REJECTED": "red",
    "INCONCLUSIVE": "yellow",
    "CRITICAL": "bold white on red",
    "HIGH": "bold red",
    "MEDIUM": "yellow",
    "LOW": "cyan",
}
"""Of verdicts and severities; the word is always there too, so nothing is said by colour alone."""


def plain_console(stream: TextIO) -> Console:
    """A console that takes text as it is: trace text may hold what rich would read as markup, emoji names or highlights."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def as_lines(renderables: Iterable[RenderableType], *, width: int) -> list[str]:
    """What a console of this width would print, without colour, line by line."""
    stream = io.StringIO()
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=width, color_system=None)
    for renderable in renderables:
        console.print(renderable)
    return [line.rstrip() for line in stream.getvalue().splitlines()]
