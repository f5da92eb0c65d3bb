"""What an engine must know to open the relations over a snapshot."""

import json
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Catalog:
    """The Parquet files of each relation, and the window of trace times that they are cut to."""

    experiment_id: str
    files: dict[str, tuple[str, ...]]
    """Relation -> absolute paths. A relation without files is empty, not absent."""
    since_ms: int | None
    """First instant of the window, ms since the epoch, UTC; None: from the beginning."""
    until_ms: int
    """Last instant of the window, included."""
    kept: str | None = None
    """A Parquet file of the `trace_id`s that the relations are cut to; None: all of the window."""
    there: str | None = None
    """Where an engine has made the relations itself, as Parquet divided by `relation`; `files` are what came here of them."""
    intermediate: str | None = None
    """The folder of intermediate results (`intermediate.py`), which may be read as well; None: there are none."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All its files that were made of traces and are here."""
        relations = (path for paths in self.files.values() for path in paths)
        return (*relations, self.kept) if self.kept else tuple(relations)

    def with_relation(self, name: str, paths: tuple[str, ...]) -> "Catalog":
        """The same catalog with one relation more."""
        return replace(self, files={**self.files, name: paths})

    def to_json(self) -> str:
        """For the pipe to a worker."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Catalog":
        """The inverse of `to_json`."""
        data = json.loads(text)
        return cls(
            experiment_id=data["experiment_id"],
            files={name: tuple(paths) for name, paths in data["files"].items()},
            since_ms=data["since_ms"],
            until_ms=data["until_ms"],
            kept=data["kept"],
            there=data["there"],
            intermediate=data["intermediate"],
        )
