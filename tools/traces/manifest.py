"""What a snapshot's folder holds: its windows, in order, with the files of each; replaced whole, so it is never half new.

A window is a range of traces by time. Its files are named by their content, so an old manifest stays true while a new one is
made.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from .sources.base import BEGINNING, Key

READER_VERSION = 3
"""Raised whenever the same source rows give other relations: older copies are then left alone and made anew."""
NAME = "manifest.json"
PARTS = "parts"
INDEX = "index"
"""The file beside the relations: one row a trace with its digest, of excluded traces too; for counts and comparison."""
RETIRED_S = 2 * 24 * 3600
"""How long a file that no manifest names any more is kept for those who opened it earlier."""


@dataclass(frozen=True)
class Part:
    """One Parquet file of a window."""

    name: str
    sha256: str
    size: int

    @classmethod
    def from_json(cls, data: Mapping[str, str | int]) -> "Part":
        """As it stands in a manifest."""
        return cls(str(data["name"]), str(data["sha256"]), int(data["size"]))


@dataclass(frozen=True)
class Window:
    """The traces from `low` up to the next window's; without parts while it is only planned."""

    low: Key
    fingerprint: str = ""
    """State of its traces in the source when they were copied."""
    glance: str = ""
    """Digest of the rows that were last found to be of this state: the same rows need not be looked into again."""
    traces: int = 0
    missing: int = 0
    """Traces whose spans could not be fetched from where they are; they may be there next time."""
    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    """Relation (or `index`) -> file."""
    surveyed: bool = False
    """Whether it holds what the tables said in the survey of the whole copy (`survey.py`)."""

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Window":
        """A window as it stands in a manifest."""
        low = cast(tuple[int, str], data["low"])
        parts = cast(Mapping[str, Mapping[str, str | int]], data["parts"])
        return cls(
            low=Key(*low),
            fingerprint=str(data["fingerprint"]),
            glance=str(data.get("glance", "")),
            traces=cast(int, data["traces"]),
            missing=cast(int, data["missing"]),
            parts={name: Part.from_json(part) for name, part in parts.items()},
            surveyed=bool(data.get("surveyed")),
        )


@dataclass(frozen=True)
class Whole:
    """The copy as it was when a refresh last came to its end: what the next one tells its changes from, killed or not."""

    since_ms: int = 2**62
    horizon_ms: int = BEGINNING.timestamp_ms
    """The times that it covered, both included."""
    indexes: tuple[Part, ...] = ()
    """The files that say which traces there were, and in which state."""
    survey: str = ""
    """The name of what the store's tables said; empty where they weren't asked."""

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Whole":
        """As it stands in a manifest."""
        indexes = cast(Sequence[Mapping[str, str | int]], data["indexes"])
        since_ms, horizon_ms = cast(int, data["since_ms"]), cast(int, data["horizon_ms"])
        return cls(since_ms, horizon_ms, tuple(Part.from_json(part) for part in indexes), str(data.get("survey", "")))


@dataclass(frozen=True)
class Manifest:
    """The windows of one copy, in order; they cover all traces from the first `low` to the horizon."""

    windows: tuple[Window, ...] = ()
    horizon_ms: int = BEGINNING.timestamp_ms
    whole: Whole = Whole()

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in this folder; empty where there is none that can be read."""
        try:
            data = json.loads((folder / NAME).read_text(encoding="utf-8"))
            whole = Whole.from_json(data["whole"])
            return cls(tuple(Window.from_json(window) for window in data["windows"]), int(data["horizon_ms"]), whole)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Replaces the folder's manifest."""
        temporary = folder / f"{NAME}-{os.getpid()}.tmp"
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({"reader_version": READER_VERSION, **asdict(self)}, indent=1), encoding="utf-8")
        temporary.replace(folder / NAME)


def complete(window: Window, folder: Path) -> bool:
    """Whether the window's files are all there, of the size that they had."""
    paths = [(folder / PARTS / part.name, part.size) for part in window.parts.values()]
    return bool(paths) and all(path.is_file() and path.stat().st_size == size for path, size in paths)


def tidy(folder: Path, before: Manifest, now: Iterable[Window]) -> None:
    """Removes what no manifest has named for long, and what a killed process left; retired files begin their term.

    Only to be called with the folder locked.
    """
    named = {part.name for window in now for part in window.parts.values()} | {part.name for part in before.whole.indexes}
    retired = {part.name for window in before.windows for part in window.parts.values()} - named
    for path in sorted((folder / PARTS).iterdir()):
        if path.name in retired:
            os.utime(path)
        elif path.suffix == ".tmp" or (path.name not in named and time.time() - path.stat().st_mtime > RETIRED_S):
            path.unlink(missing_ok=True)
