"""The playbook: known failure modes and strengths of agents, one YAML file each; docs/playbook.md tells how to write one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..errors import UserError
from ..insights.models import HypothesisDraft, Kind, Polarity, Severity, TestResult
from ..shares import percent
from .plan import Plan
from .render import render_plan
from .yaml_places import read_model

PACKAGED = Path(__file__).parent / "playbook"
"""The entries that come with the product."""

FIELDS = ("affected", "population", "share", "ratio")
"""What the texts of an issue may name in braces."""

Capability = Literal[
    "feedback", "measured_durations", "models", "repeated_requests", "sessions", "tokens", "tools", "users", "versions"
]
"""What traces must hold for an entry to make sense."""


class EntryPart(BaseModel):
    """What all parts of an entry share: closed to unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IssueTexts(EntryPart):
    """What an issue says that comes of the entry; `{share}`, `{affected}`, `{population}` and `{ratio}` are filled in."""

    title: str = Field(min_length=1, max_length=120)
    """5 to 8 words, specific."""
    description: str = Field(min_length=1)
    cause: str = Field(min_length=1)
    """What usually lies behind it: a suspicion, until the spans say more."""
    recommendation: str = Field(min_length=1)
    impact: str = Field(min_length=1)
    """What it does to users, or costs."""

    @model_validator(mode="after")
    def _names_known_figures(self) -> Self:
        for text in (self.title, self.description, self.cause, self.recommendation, self.impact):
            unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(FIELDS)
            if unknown:
                raise ValueError(f"unknown figures {sorted(unknown)}; known are {', '.join(FIELDS)}")
        return self

    def filled(self, result: TestResult) -> Self:
        """The same texts with the figures of a result."""
        figures = _figures(result)
        return type(self)(**{name: getattr(self, name).format(**figures) for name in type(self).model_fields})


class Entry(EntryPart):
    """One known failure mode or strength, with the plan that tells whether an agent has it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """The name of its file, without `.yaml`."""
    kind: Kind
    polarity: Polarity = "problem"
    source: str = ""
    """Where it is known from: a published taxonomy and its name there, documentation, or what users report."""
    statement: str = Field(min_length=1)
    """What is claimed, so that the plan's numbers can refute it."""
    rationale: str = Field(min_length=1)
    keywords: tuple[str, ...] = Field(min_length=1)
    """Words, lower case, by which a person's focus finds the entry."""
    requires: tuple[Capability, ...] = ()
    anchor: str = ""
    """The figure of the census that it starts from, by name, where there is one."""
    plan: Plan
    severity_floor: Severity | None = None
    """The least severity, however few are affected."""
    severity_ceiling: Severity | None = None
    issue: IssueTexts
    evidence_rationale: str = Field(min_length=1)
    """What an affected trace shows, where the step has no note of its own."""

    @field_validator("keywords")
    @classmethod
    def _are_lower_case(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [word for word in keywords if word != word.lower().strip()]:
            raise ValueError(f"keywords are lower case and trimmed; these aren't: {wrong}")
        return keywords

    @model_validator(mode="after")
    def _is_tested_as_stated(self) -> Self:
        if self.plan.decision.threshold_source != "playbook":
            raise ValueError("the decision's threshold_source is 'playbook' in an entry")
        floor, ceiling = self.severity_floor, self.severity_ceiling
        if floor and ceiling and floor.rank > ceiling.rank:
            raise ValueError(f"severity_floor {floor} is above severity_ceiling {ceiling}")
        return self

    def draft(self) -> HypothesisDraft:
        """The hypothesis that this agent has it."""
        return HypothesisDraft(
            statement=self.statement,
            rationale=self.rationale,
            testing_plan=render_plan(self.plan),
            plan=self.plan,
            source="playbook",
            kind=self.kind,
            polarity=self.polarity,
            playbook=self.name,
        )


def load_playbook(folders: Sequence[Path] = ()) -> dict[str, Entry]:
    """The packaged entries and those of the folders, by name; an entry of a folder replaces a packaged one of its name.

    Raises:
        UserError: a folder isn't there, or an entry isn't valid; the message names file, line and key.
    """
    entries = {entry.name: entry for entry in _read_folder(PACKAGED)}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"There is no playbook folder {str(folder)!r}. Create it, or correct --playbook.")
        entries |= {entry.name: entry for entry in _read_folder(folder)}
    return dict(sorted(entries.items()))


def _read_folder(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.glob("*.yaml")):
        yield read_entry(path)


def read_entry(path: Path) -> Entry:
    """One entry.

    Raises:
        UserError: the file isn't valid YAML, an entry or named as the entry.
    """
    entry = read_model(Entry, path, empty="docs/playbook.md shows what an entry holds")
    if entry.name != path.stem:
        raise UserError(
            f"{path}: the entry is named {entry.name!r}; name the file {entry.name}.yaml, or the entry {path.stem!r}."
        )
    return entry


def _figures(result: TestResult) -> dict[str, str]:
    """Figures as they stand in a text; of a comparison `affected` and `population` are those of its exposed arm."""
    affected, population = result.affected or 0, result.population
    if result.arms:
        affected, population = result.arms[0].affected or affected, result.arms[0].traces
    return {
        "affected": f"{affected:,}",
        "population": f"{population:,}",
        "share": share_in_words(affected, population),
        "ratio": "–" if result.value is None else f"{result.value:.1f}",
    }


def share_in_words(part: int, whole: int) -> str:
    """A share on paper; of nothing there is none."""
    return percent(part / whole) if whole else "none"
