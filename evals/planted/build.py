"""Builds a store of an invented agent whose faults are known exactly; `run-analysis --demo` analyses one."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...tools.errors import UserError
from .agents import AGENTS
from .conditions import Conditions
from .ledger import Ledger
from .rows import TraceRows, write_rows
from .spans import HISTORY, Recorder, Trace, message, trace_id_of
from .store import artifact_location, create_store, holds, write_traces
from .traffic import MAX_TRACES, MIN_TRACES
from .truth import Truth, Variant

PAUSE_MS = 4_000
"""The least time between an answer and the next request of a conversation."""


def build(
    database: Path,
    *,
    agent: str = "concierge",
    variant: Variant = "faulty",
    traces: int = 600,
    seed: int = 0,
    icc: float = 0.0,
    truth_file: Path | None = None,
) -> Truth:
    """Makes a new SQLite store of MLflow with the traces of an invented agent, and says what is planted in it.

    The same arguments give the same rows. A store that holds exactly these traces is left alone, so a second call only tells the
    truth again.

    Args:
        database: where the new store goes, in a folder that is created where it is missing; its artifacts go beside it.
        agent: which of `AGENTS`.
        variant: with planted faults, without, at the boundary, or with its segments shuffled; the concierge has the first two.
        traces: how many turns, from 60 to 20,000.
        seed: which store of its kind.
        icc: how alike the traces of one session are in what goes wrong; of the concierge they aren't.
        truth_file: where to write the truth as JSON, if anywhere.

    Raises:
        UserError: something else is there already, or the number of traces is out of range.
        StoreError: MLflow can't create its tables there.
    """
    if not MIN_TRACES <= traces <= MAX_TRACES:
        raise UserError(
            f"A planted store has from {MIN_TRACES} to {MAX_TRACES} traces, not {traces}. Choose a number between them."
        )
    ledger = Ledger(AGENTS[agent], Conditions(variant, traces, seed, icc))
    artifacts = artifact_location(database)
    rows, experiment = tell(ledger, artifacts), ledger.agent.profile.experiment
    if database.exists():
        if not holds(database, rows, experiment):
            raise UserError(
                f"{str(database)!r} exists, but isn't the {variant} store of {experiment!r} with {traces} traces and seed "
                f"{seed}. Name a file that doesn't exist yet, or remove this one."
            )
    else:
        _write(database, artifacts, rows, experiment)
    truth = ledger.close()
    if truth_file:
        truth.write(truth_file)
    return truth


def tell(ledger: Ledger, artifacts: str) -> Iterator[TraceRows]:
    """The rows of all traces, one trace at a time; the ledger keeps account of them."""
    agent, conditions = ledger.agent, ledger.conditions
    profile = agent.profile
    name = conditions.variant if profile.name == "concierge" else f"{profile.name}/{conditions.variant}"
    for conversation in agent.tell(conditions):
        history: list[str] = []
        free_ms = 0
        for story in conversation:
            start_ms = max(story.slot.start_ms, free_ms)
            trace_id = trace_id_of(name, conditions.seed, story.slot.index)
            trace = Recorder(profile, story, trace_id, start_ms, history[-HISTORY:]).record()
            free_ms = trace.root.end_ns // 1_000_000 + PAUSE_MS
            history += _said(trace)
            ledger.enter(trace)
            yield write_rows(trace, artifacts)


def _said(trace: Trace) -> list[str]:
    turn = trace.story.turn
    return [message("user", turn.request), *([message("assistant", turn.answer)] if turn.answer is not None else [])]


def _write(database: Path, artifacts: str, rows: Iterator[TraceRows], experiment: str) -> None:
    """Writes into a file beside it first, so that there is never half a store under its name."""
    unfinished = database.with_name(f".{database.name}.unfinished")
    database.parent.mkdir(parents=True, exist_ok=True)
    unfinished.unlink(missing_ok=True)
    try:
        create_store(unfinished, artifacts, experiment)
        write_traces(unfinished, rows)
        unfinished.replace(database)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
