"""What everything that goes to a terminal shares: a console that takes text as it is, and the colours of our words."""

from typing import TextIO

from rich.console import Console

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
