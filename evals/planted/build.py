"""Builds a store of an invented agent whose faults are known exactly; `run-analysis --demo` analyses one."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...tools.errors import UserError
from .ledger import Ledger
from .rows import TraceRows, write_rows
from .spans import HISTORY, Recorder, Trace, message, trace_id_of
from .store import EXPERIMENT, artifact_location, create_store, holds, write_traces
from .telling import Teller
from .traffic import MAX_TRACES, MIN_TRACES
from .truth import Truth, Variant

PAUSE_MS = 4_000
"""The least time between an answer and the next request of a conversation."""


def build(
    database: Path, *, variant: Variant = "faulty", traces: int = 600, seed: int = 0, truth_file: Path | None = None
) -> Truth:
    """Makes a new SQLite store of MLflow with the traces of the invented agent, and says what is planted in it.

    The same variant, number of traces and seed give the same rows. A store that holds exactly these traces is left alone, so a
    second call only tells the truth again.

    Args:
        database: where the new store goes, in a folder that is created where it is missing; its artifacts go beside it.
        variant: with planted faults, or without.
        traces: how many turns, from 60 to 20,000.
        seed: which store of its kind.
        truth_file: where to write the truth as JSON, if anywhere.

    Raises:
        UserError: something else is there already, or the number of traces is out of range.
        StoreError: MLflow can't create its tables there.
    """
    if not MIN_TRACES <= traces <= MAX_TRACES:
        raise UserError(
            f"A planted store has from {MIN_TRACES} to {MAX_TRACES} traces, not {traces}. Choose a number between them."
        )
    ledger = Ledger(variant, seed)
    artifacts = artifact_location(database)
    rows = tell(ledger, artifacts, traces)
    if database.exists():
        if not holds(database, rows):
            raise UserError(
                f"{str(database)!r} exists, but isn't the {variant} store of {EXPERIMENT!r} with {traces} traces and seed "
                f"{seed}. Name a file that doesn't exist yet, or remove this one."
            )
    else:
        _write(database, artifacts, rows)
    truth = ledger.close()
    if truth_file:
        truth.write(truth_file)
    return truth


def tell(ledger: Ledger, artifacts: str, traces: int) -> Iterator[TraceRows]:
    """The rows of all traces, one trace at a time; the ledger keeps account of them."""
    variant, seed = ledger.variant, ledger.seed
    for conversation in Teller(variant, traces, seed).stories():
        history: list[str] = []
        free_ms = 0
        for story in conversation:
            start_ms = max(story.slot.start_ms, free_ms)
            trace_id = trace_id_of(variant, seed, story.slot.index)
            trace = Recorder(story, trace_id, start_ms, history[-HISTORY:], faulty=variant == "faulty").record()
            free_ms = trace.root.end_ns // 1_000_000 + PAUSE_MS
            history += _said(trace)
            ledger.enter(trace)
            yield write_rows(trace, artifacts)


def _said(trace: Trace) -> list[str]:
    turn = trace.story.turn
    return [message("user", turn.request), *([message("assistant", turn.answer)] if turn.answer is not None else [])]


def _write(database: Path, artifacts: str, rows: Iterator[TraceRows]) -> None:
    """Writes into a file beside it first, so that there is never half a store under its name."""
    unfinished = database.with_name(f".{database.name}.unfinished")
    database.parent.mkdir(parents=True, exist_ok=True)
    unfinished.unlink(missing_ok=True)
    try:
        create_store(unfinished, artifacts)
        write_traces(unfinished, rows)
        unfinished.replace(database)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
