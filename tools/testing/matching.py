"""Which entries of the playbook a person's words are about."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from .playbooks import Entry

WORD = re.compile(r"[^\W_]+")
ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "al", "s", "e", "y")
LEAST_STEM = 4
"""Letters that an ending leaves at least."""
ALIKE = 5
"""Letters from which on a stem may begin a longer one: halluc(inated) and hallucination."""
STATED = 0.5
"""What a word of an entry's statement counts, beside one of its keywords."""


def matching_entries(focus: str, entries: Mapping[str, Entry]) -> list[Entry]:
    """The entries that a person's words ask for: problems before strengths, then the best match first.

    An entry matches by a keyword whose words stand in the focus in a row, in any inflection. Words count the more the fewer
    entries know them, so that `agent` or `tool` decides little; between entries of the same keywords those words decide that
    stand in their statements, then which kind of failure is the more severe. What matches less than half as well as the best is
    left to the rest of the playbook.
    """
    said = _stems(focus)
    rarity = _rarity(entries)
    scores = {name: _score(said, entry, rarity) for name, entry in entries.items()}
    best = max(scores.values(), default=0.0)
    matched = [entries[name] for name, score in scores.items() if score and 2 * score >= best]
    return sorted(matched, key=lambda entry: (entry.polarity, -round(scores[entry.name], 6), -_severity(entry), entry.name))


def _severity(entry: Entry) -> int:
    return entry.severity_floor.rank if entry.severity_floor else -1


def _score(said: Sequence[str], entry: Entry, rarity: Mapping[str, float]) -> float:
    keywords = {tuple(_stems(keyword)) for keyword in entry.keywords}
    matched = {word for keyword in keywords if _stands_in(said, keyword) for word in keyword}
    if not matched:
        return 0.0
    stated = {word for word in _stems(entry.statement) if any(_alike(word, each) for each in said)} - matched
    return sum(rarity[word] for word in matched) + STATED * sum(rarity[word] for word in stated)


def _rarity(entries: Mapping[str, Entry]) -> dict[str, float]:
    """How much a word tells: the logarithm of all entries over those that know it."""
    known = Counter(word for entry in entries.values() for word in set(_stems(" ".join((*entry.keywords, entry.statement)))))
    return {word: math.log((len(entries) + 1) / count) for word, count in known.items()}


def _stands_in(said: Sequence[str], keyword: Sequence[str]) -> bool:
    places = range(len(said) - len(keyword) + 1)
    return any(all(map(_alike, said[place : place + len(keyword)], keyword)) for place in places)


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= ALIKE and longer.startswith(shorter))


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in WORD.findall(text.lower())]


def _stem(word: str) -> str:
    ending = next((each for each in ENDINGS if word.endswith(each) and len(word) - len(each) >= LEAST_STEM), "")
    return word.removesuffix(ending)
