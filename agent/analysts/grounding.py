"""Figures in what a model writes: only those that it was shown. A number of its own making is no finding, likely or not."""

import re

NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def figures_in(text: str) -> set[str]:
    """The numbers of a text, without separators of thousands."""
    return {found.replace(",", "") for found in NUMBER.findall(text)}


def grounded(text: str, shown: str) -> str:
    """A text without the sentences that hold a figure which stands nowhere in what was shown."""
    known = figures_in(shown)
    return " ".join(sentence for sentence in SENTENCE_END.split(text.strip()) if figures_in(sentence) <= known)
