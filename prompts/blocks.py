"""Text that somebody else wrote, as a block of a prompt: it can't close its block, and holds no character that can't be seen.

A trace may hold anything: a tag that looks like ours, control characters that hide what follows, characters of no width that
spell a message which people don't see. None of it reaches a model. What remains are words in a block, and the instructions
outside say that words in a block are never instructions.
"""

import re
import unicodedata
from collections.abc import Iterable

KEPT = {"\n", "\t"}
UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
"""Unicode's categories of what isn't seen: control, format (zero width, bidirectional), private use, surrogates, unassigned."""
VARIATION = re.compile("[\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Fillers and variation selectors, which are seen by nobody either, and can carry a hidden text."""


def visible(text: str) -> str:
    """The text without characters that can't be seen; all line ends are line feeds."""
    unified = VARIATION.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if unified.isascii() and unified.isprintable():
        return unified
    return "".join(each for each in unified if each in KEPT or unicodedata.category(each) not in UNSEEN)


def as_block(name: str, text: str, *, blocks: Iterable[str]) -> str:
    """The text as the block `name`; what would open or close one of the blocks is defused, and stays readable."""
    tags = "|".join(re.escape(each) for each in sorted({name, *blocks}, key=len, reverse=True))
    # A bracket before one of our names is turned into one that only looks like it; spaces and case don't help.
    defused = re.sub(rf"<(?=\s*/?\s*(?:{tags})\b)", "‹", visible(text), flags=re.IGNORECASE)
    return f"<{name}>\n{defused.strip()}\n</{name}>"
