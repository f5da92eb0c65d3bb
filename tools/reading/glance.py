"""The text of an overview, entry by entry, with the traces that each entry shows; cut at an entry, never within one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

MASKS = (
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), "<mail>"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z_])[\w-]{4,}\b"), "<id>"),
    (re.compile(r"\d[\d,.:/-]*"), "#"),
    (re.compile(r"(['\"])[^'\"\n]{1,60}\1"), "<name>"),
)


class Entry(NamedTuple):
    """One entry, and the traces that it shows something of."""

    text: str
    trace_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Glance:
    """An overview before it is cut."""

    head: str
    entries: tuple[Entry, ...]

    def cut(self, chars: int) -> tuple[str, list[str]]:
        """The text, at most about so long, and the traces that it shows."""
        kept: list[Entry] = []
        room = chars - len(self.head)
        for entry in self.entries:
            room -= len(entry.text) + 1
            if room < 0 and kept:
                break
            kept.append(entry)
        left = len(self.entries) - len(kept)
        lines = [self.head, *(entry.text for entry in kept), *([f"({left:,} more)"] if left else [])]
        if not self.entries:
            lines.append("(none)")
        return "\n".join(lines), sorted({trace_id for entry in kept for trace_id in entry.trace_ids})


def line(text: str, limit: int) -> str:
    """One line of at most so many characters: the beginning, and the end of a long one."""
    plain = " ".join(text.split())
    if len(plain) <= limit:
        return plain
    end = limit // 4
    return f"{plain[: limit - end - 3]} … {plain[-end:]}"


def masked(text: str) -> str:
    """The text with numbers, ids, addresses and quoted names taken out, so that the same message is the same text."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return " ".join(text.split())


def examples(trace_ids: Iterable[str], most: int = 2) -> tuple[str, ...]:
    """A few of the traces, each once, in a fixed order."""
    return tuple(sorted(set(trace_ids)))[:most]
