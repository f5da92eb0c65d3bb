"""Figures in what a model writes: only those that it was shown. A number of its own making is no finding, likely or not."""

import re
from collections.abc import Mapping
from typing import NamedTuple

NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def figures_in(text: str) -> set[str]:
    """The numbers of a text, without separators of thousands."""
    return {found.replace(",", "") for found in NUMBER.findall(text)}


class Grounded(NamedTuple):
    """A text that holds figures which were shown and no others."""

    text: str
    left_out: int
    """Sentences that held another."""


def grounded(text: str, shown: str) -> Grounded:
    """A text without the sentences that hold a figure which stands nowhere in what was shown."""
    known, sentences = figures_in(shown), SENTENCE_END.split(text.strip())
    kept = [sentence for sentence in sentences if figures_in(sentence) <= known]
    return Grounded(" ".join(kept), len(sentences) - len(kept))


def left_out_in_words(texts: Mapping[str, Grounded]) -> str:
    """What was left out of which text, without saying it; empty where nothing was."""
    listed = [
        f"{text.left_out} sentence{'s' if text.left_out > 1 else ''} of the {name}" if text.text else f"the {name}"
        for name, text in texts.items()
        if text.left_out
    ]
    return f"{', '.join(listed)}: figures that the model was not shown" if listed else ""
