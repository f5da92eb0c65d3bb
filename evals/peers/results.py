"""What came of the contestants: a line of JSON each, in a file that grows, so that a broken comparison goes on where it was."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ...tools.errors import UserError


class Result(BaseModel):
    """What one contestant made of one store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contestant: str
    agent: str
    """Whose traces these are."""
    traces: int
    store: int
    """The store's seed."""
    budget_tokens: int
    """What it might spend."""
    model: str
    faults: dict[str, int]
    """Each planted fault, and in how many traces it shows."""
    titles: tuple[str, ...]
    """Of what it reports."""
    found: tuple[str, ...] = ()
    """The planted faults that an issue is about."""
    false: tuple[str, ...] = ()
    """Its issues that match nothing planted, and why."""
    calls: int
    refused: int = 0
    """Calls that the budget didn't allow any more."""
    tokens: int
    seconds: float
    failed: str = ""
    """Why it came to no end."""

    @property
    def issues(self) -> int:
        """How many it reports."""
        return len(self.titles)

    @property
    def recall(self) -> float:
        """Share of the planted faults that an issue is about."""
        return len(self.found) / max(len(self.faults), 1)

    @property
    def precision(self) -> float | None:
        """Share of its issues that match something planted; None where it reports none."""
        return 1 - len(self.false) / self.issues if self.issues else None

    @property
    def key(self) -> tuple[object, ...]:
        """What it is a result of."""
        return self.contestant, self.agent, self.traces, self.store, self.budget_tokens, self.model


class Results:
    """All results so far; in a file, where one is named."""

    def __init__(self, file: Path | None) -> None:
        """Reads what is there.

        Raises:
            UserError: the file holds something else.
        """
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
        try:
            self.all = [Result.model_validate_json(line) for line in lines]
        except ValidationError:
            raise UserError(f"{str(file)!r} holds something else than results of this comparison: name another file.") from None

    def holds(self, key: tuple[object, ...]) -> bool:
        """Whether this was measured, and came to an end."""
        return any(each.key == key and not each.failed for each in self.all)

    def add(self, result: Result) -> None:
        """Keeps one, in place of an earlier one that came to no end."""
        self.all = [each for each in self.all if each.key != result.key] + [result]
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_name(f".{self._file.name}.part")
            part.write_text("".join(f"{each.model_dump_json()}\n" for each in self.all), encoding="utf-8")
            part.replace(self._file)
