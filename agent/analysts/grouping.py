"""Notes of single traces put together to failure modes; what the first attempt leaves out is grouped once more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...tools.insights.models import Consequence
from ...tools.reading.digest import CHARS_PER_TOKEN
from ..model import GivenUp
from .fitting import flexible
from .forms import Candidate, Grouping, Mode
from .inquiry import Inquiry

NOTES_TOKENS = 4_700
"""Of the notes that one question groups."""
QUOTE_CHARS = 120
CAME_OF_IT: Mapping[Consequence, str] = {"wrong": "ended wrongly", "misled": "the user was misled", "none": "no consequence"}
TESTED = 40
"""Statements that notes are grouped beside."""
EXAMPLES = 4
"""Notes of a mode that are shown to whoever plans its test."""


@dataclass(frozen=True)
class Note:
    """What went wrong in one trace, in general words, and the words of the trace that show it."""

    trace_id: str
    text: str
    quote: str = ""
    consequence: Consequence | None = None
    """What came of it for the user; None where nobody said."""

    @property
    def line(self) -> str:
        """As it is shown."""
        said = f"{self.text} [{CAME_OF_IT[self.consequence]}]" if self.consequence else self.text
        return f'{said} ("{self.quote[:QUOTE_CHARS]}")' if self.quote else said


@dataclass(frozen=True)
class Grouped:
    """A failure mode, and what it was seen in."""

    candidate: Candidate
    notes: tuple[Note, ...]

    @property
    def traces(self) -> int:
        """How many traces it was noted in."""
        return len(self.noted_in)

    @property
    def noted_in(self) -> frozenset[str]:
        """These traces."""
        return frozenset(note.trace_id for note in self.notes)

    @property
    def harmed(self) -> tuple[int, int]:
        """Traces that ended wrongly by it, and those where it is known to have misled the user."""
        ended, misled = ({note.trace_id for note in self.notes if note.consequence == kind} for kind in ("wrong", "misled"))
        return len(ended), len(misled)

    @property
    def examples(self) -> tuple[str, ...]:
        """A few of its notes, for whoever plans its test."""
        return tuple(note.line for note in self.notes[:EXAMPLES])


async def group_notes(inquiry: Inquiry, notes: Sequence[Note], tested: Sequence[str]) -> tuple[tuple[Grouped, ...], int]:
    """The failure modes, those by which most traces ended wrongly first, and how many notes are in none.

    A mode that was seen once is one all the same: what is rare among few traces need not be rare among all.

    Args:
        inquiry: Who asks.
        notes: What went wrong in single traces.
        tested: What is tested already, so that a mode is worded as that, or by what sets it apart.
    """
    modes: dict[str, Mode] = {}
    listed = flexible("\n".join(f"- {each}" for each in tested[:TESTED]) or "(nothing)")
    pending = list(enumerate(notes, start=1))
    for _ in range(2):  # what is left out of every mode is looked at once more, beside the modes that there are
        for batch in _batches(pending, inquiry.fitting(NOTES_TOKENS) * CHARS_PER_TOKEN):
            answer = await inquiry.ask(
                "group_notes",
                Grouping,
                purpose="grouping",
                tested=listed,
                modes=flexible(_listed(modes)),
                notes=flexible(_numbered(batch)),
            )
            if isinstance(answer, GivenUp):
                inquiry.note(f"Notes could not be grouped: {answer.why}")
                break
            _add(modes, answer.modes, {number for number, _ in batch})
        grouped = {number for mode in modes.values() for number in mode.notes}
        pending = [(number, note) for number, note in pending if number not in grouped]
        if not grouped:
            break  # whoever assigns no note at all would do no better the next time
    found = [Grouped(_candidate(mode), tuple(notes[number - 1] for number in mode.notes)) for mode in modes.values()]
    return tuple(sorted(found, key=lambda each: (*each.harmed, each.traces), reverse=True)), len(pending)


def _add(modes: dict[str, Mode], found: Sequence[Mode], numbers: set[int]) -> None:
    """Adds modes, or to a mode of the same title its further notes; numbers that weren't asked about are no notes."""
    for mode in found:
        key, known = " ".join(mode.title.casefold().split()), [number for number in mode.notes if number in numbers]
        base = modes.get(key, mode.model_copy(update={"notes": []}))
        modes[key] = base.model_copy(update={"notes": list(dict.fromkeys([*base.notes, *known]))})


def _batches(notes: Sequence[tuple[int, Note]], chars: int) -> list[list[tuple[int, Note]]]:
    """The notes in as few parts as are short enough to be grouped by one question."""
    batches: list[list[tuple[int, Note]]] = []
    room = 0
    for number, note in notes:
        length = len(note.line) + 6
        if not batches or length > room:
            batches.append([])
            room = chars
        batches[-1].append((number, note))
        room -= length
    return batches


def _numbered(notes: Sequence[tuple[int, Note]]) -> str:
    return "\n".join(f"{number}. {note.line}" for number, note in notes)


def _listed(modes: dict[str, Mode]) -> str:
    return "\n".join(f"- {mode.title}: {mode.statement}" for mode in modes.values()) or "(none yet)"


def _candidate(mode: Mode) -> Candidate:
    return Candidate(title=mode.title, statement=mode.statement, check=mode.check, by_sql=mode.by_sql)
