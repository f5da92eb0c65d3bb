"""What each file of a copy's index adds up to, kept from one record to the next: files never change, and few are new.

The file of them is no more than a memory: what it doesn't say, or can't be read, is worked out again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

NAME = "sums.json"


class Sums(NamedTuple):
    """Of the traces of one file that are within the times of a record; excluded ones count as such alone."""

    rows: int = 0
    """Excluded ones too."""
    traces: int = 0
    spans: int = 0
    assessments: int = 0
    excluded: int = 0
    unreadable: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    earliest_ms: int = 0
    latest_ms: int = 0
    """When the first and the last of all rows began."""
    digest: str = ""
    """Over the digests of the traces, by id; empty where there are none."""

    def whole_within(self, since_ms: int, until_ms: int) -> bool:
        """Whether a record of these times is about all of the file's traces."""
        return since_ms <= self.earliest_ms and self.latest_ms <= until_ms


@dataclass(frozen=True)
class KnownSums:
    """Those of whole files, by the files' names, and the digest of all their traces together."""

    files: Mapping[str, Sums]
    digest: str = ""

    @classmethod
    def read(cls, folder: Path) -> "KnownSums":
        """Those in a copy's folder; none where they can't be read."""
        try:
            data = json.loads((folder / NAME).read_text(encoding="utf-8"))
            files = {name: Sums(*sums) for name, sums in data["files"].items()}
            return cls(files, data["digest"]) if data["check"] == check(data["files"], data["digest"]) else cls({})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls({})

    def write(self, folder: Path) -> None:
        """Replaces those in the folder, where it can be written."""
        temporary = folder / f"{NAME}-{os.getpid()}.tmp"
        text = json.dumps({"files": self.files, "digest": self.digest, "check": check(self.files, self.digest)})
        with suppress(OSError):
            temporary.touch(mode=0o600)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(folder / NAME)

    def of_whole(self, names: Iterable[str], since_ms: int, until_ms: int) -> dict[str, Sums]:
        """Those of the files that are known, and wholly within these times."""
        found = {name: self.files[name] for name in names if name in self.files}
        return {name: sums for name, sums in found.items() if sums.whole_within(since_ms, until_ms)}


def check(files: Mapping[str, Iterable[object]], digest: str) -> str:
    """Of what the file says, so that half of it, or another's, isn't believed."""
    return hashlib.sha256(json.dumps([files, digest]).encode()).hexdigest()
