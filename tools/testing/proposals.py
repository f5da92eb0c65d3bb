"""What counting can suspect of an experiment, in the order in which it matters: the hypotheses of an analysis without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..insights.models import Census, HypothesisDraft
from ..sql.service import SqlService
from .anchored import anchor_of, anchored_drafts
from .capabilities import missing_capabilities
from .matching import matching_entries
from .playbooks import Entry
from .siblings import siblings_problem, siblings_strength
from .slice_plan import slices_drafts


@dataclass(frozen=True)
class Proposed:
    """Hypotheses worth testing, and what was left out for want of data, each in a sentence with its reason."""

    drafts: tuple[HypothesisDraft, ...]
    left_out: tuple[str, ...]


def propose_counting(sql: SqlService, census: Census, playbook: Mapping[str, Entry], focus: Sequence[str] = ()) -> Proposed:
    """What the user asks for first, then what the census, the playbook, siblings and segments suggest, strengths last.

    An entry whose data the traces lack is left out. A focus that no entry matches becomes a hypothesis that is blocked: it says
    what to do, so that the report can.

    Args:
        sql: Answers queries over the snapshot; only margins are looked at, never an outcome within a segment.
        census: The census of that snapshot.
        playbook: The entries, by name.
        focus: What the user wants looked at, in their words.

    Raises:
        QueryError: the experiment's labels can't be read.
    """
    missing = missing_capabilities(census)
    fitting = {name: entry for name, entry in playbook.items() if not missing.keys() & set(entry.requires)}
    left_out = [
        f"{name}: {'; '.join(missing[each] for each in entry.requires if each in missing)}."
        for name, entry in playbook.items()
        if name not in fitting
    ]
    asked = {text: matching_entries(text, fitting) for text in focus if text.strip()}
    wanted = dict.fromkeys(entry.name for entries in asked.values() for entry in entries)
    others = sorted((entry for name, entry in fitting.items() if name not in wanted), key=lambda entry: _weight(entry, census))
    siblings = "repeated_requests" not in missing
    if not siblings:
        left_out.append(f"same request, different outcome: {missing['repeated_requests']}.")
    drafts = [
        *(_anchored(fitting[name], census).model_copy(update={"source": "user"}) for name in wanted),
        *(_blocked(text, playbook) for text, entries in asked.items() if not entries),
        *anchored_drafts(census),
        *(_anchored(entry, census) for entry in others if entry.polarity == "problem"),
        *([siblings_problem()] if siblings else []),
        *slices_drafts(sql, census),
        *(_anchored(entry, census) for entry in others if entry.polarity == "strength"),
        *([siblings_strength()] if siblings else []),
    ]
    return Proposed(tuple(drafts), tuple(left_out))


def draft_of_words(said: str, census: Census | None, playbook: Mapping[str, Entry]) -> HypothesisDraft:
    """What a person's words become while an analysis runs: the entry that fits them best, or a draft that says why it is blocked.

    Args:
        said: The person's words; they stay in the rationale.
        census: What was counted, where it is already: an entry whose data the traces lack isn't taken.
        playbook: The entries, by name.
    """
    missing = missing_capabilities(census) if census is not None else {}
    matching = matching_entries(said, playbook)
    fitting = [entry for entry in matching if not missing.keys() & set(entry.requires)]
    if fitting:
        draft = _anchored(fitting[0], census) if census is not None else fitting[0].draft()
        return draft.model_copy(
            update={"source": "user", "rationale": f"A person asked: {said.strip()} {draft.rationale}".strip()}
        )
    blocked = _blocked(said, playbook)
    if matching:
        why = "; ".join(missing[each] for each in matching[0].requires if each in missing)
        return blocked.model_copy(update={"blocked": f"The playbook's entry {matching[0].name!r} is about this, but {why}."})
    return blocked


def _weight(entry: Entry, census: Census) -> tuple[int, int, str]:
    """Figures that the census found many traces for come first, then severe kinds."""
    anchored = max((bucket.numerator or 0 for bucket in census.find(entry.anchor, segment="")), default=0) if entry.anchor else 0
    return (-anchored, -(entry.severity_floor.rank if entry.severity_floor else 0), entry.name)


def _anchored(entry: Entry, census: Census) -> HypothesisDraft:
    found = census.find(entry.anchor, segment="") if entry.anchor else []
    return entry.draft().model_copy(update={"anchor": anchor_of(found[0]) if found else None})


def _blocked(focus: str, playbook: Mapping[str, Entry]) -> HypothesisDraft:
    return HypothesisDraft(
        statement=focus.strip(),
        rationale="The user asked for it.",
        testing_plan="Step 1: Write down what would show it in the traces, as a plan; until then nothing is tested.",
        source="user",
        kind="quality",
        blocked=(
            "No entry of the playbook is about this, so counting can't test it. Say it with words that an entry knows "
            f"({', '.join(sorted({entry.keywords[0] for entry in playbook.values()}))}), write an entry of your own "
            "(docs/playbook.md), or go on with a language model (--model), which plans it."
        ),
    )
