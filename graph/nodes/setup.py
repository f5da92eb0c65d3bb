"""Setup: which experiment, which of its traces, and a home for the analysis (workflow 1.1, 1.2, 2.1.6)."""

import hashlib
from typing import Any

from langgraph.runtime import Runtime

from ...tools.errors import UserError
from ...tools.file_store import is_file_store, migration_advice
from ...tools.insights.models import Analysis
from ...tools.links import masked_uri
from ...tools.tracking import experiments_with_traces, find_experiment
from ..context import Context, enter, in_thread
from ..mirror import heed_people
from ..naming import provisional_name
from ..ports import Event
from ..questions import pending, text_of
from ..state import Reply, State
from ..window import keep_counted, watermark


async def setup(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Chooses the experiment, copies its traces, creates the analysis run, and says what it is about."""
    context, reply = runtime.context, state.get("reply")
    enter(runtime, "setup", str(reply), reply)
    experiment_id = state.get("experiment_id") or await in_thread(lambda: _choose(context, reply))
    if experiment_id is None:
        return {**pending("experiment"), "reply": None}
    await in_thread(lambda: context.claim(experiment_id))
    context.display.show(Event("step", "Copying the traces", step="setup"))
    if is_file_store(context.tracking.uri):
        context.display.show(Event("note", migration_advice(context.tracking.uri), step="setup"))
    analysis = await in_thread(lambda: _begin(context, experiment_id, state.get("run_id")))
    return {"experiment_id": experiment_id, "run_id": analysis.run_id, "reply": None}


def _choose(context: Context, reply: Reply | None) -> str | None:
    """The experiment's id where it is known: by option, by answer, or because there is only one with traces."""
    if context.options.experiment is not None:
        return find_experiment(context.tracking, context.options.experiment).experiment_id
    if reply is not None:
        try:
            return find_experiment(context.tracking, text_of(reply, 0) or "").experiment_id
        except UserError as error:
            context.display.show(Event("note", str(error), step="setup"))
            return None
    candidates = experiments_with_traces(context.tracking)
    if not candidates:
        raise UserError(
            f"No experiment in {masked_uri(context.tracking.uri)} has traces: log some, or choose another --tracking-uri."
        )
    if len(candidates) == 1:
        context.display.show(Event("note", f"The only experiment with traces is {candidates[0].name!r}.", step="setup"))
        return candidates[0].experiment_id
    return None


def _key(context: Context, experiment_id: str) -> str:
    """The natural key of the next analysis: those that are there, so that a run left without its document is taken up again."""
    return hashlib.sha256("\n".join(context.store.analysis_ids(experiment_id)).encode()).hexdigest()[:32]


def _begin(context: Context, experiment_id: str, run_id: str | None) -> Analysis:
    """Takes the snapshot before anything is created, so that an experiment without traces leaves nothing behind."""
    recorded = context.store.read_snapshot(run_id) if run_id else None
    snapshot = context.snapshot(experiment_id, recorded)
    record, mark = snapshot.record, context.store.last_mark(experiment_id, context.options.scope)
    context.claim(experiment_id, create=True)
    if run_id is None:
        run_name, name = provisional_name(experiment_id, context.now())
        run_id = context.store.create_analysis(
            experiment_id,
            key=_key(context, experiment_id),
            name=name,
            run_name=run_name,
            analyst=context.analyst.name,
            with_model=context.analyst.judge is not None,
            seed=context.options.seed,
            focus=context.options.focus,
            since=record.since,
            until=record.until,
            scope=context.options.scope,
            unattended=context.options.unattended,
            follows=record.follows,
            watermark=watermark(context.store, context.options, experiment_id, record),
        ).run_id
    if recorded is None:
        context.store.write_snapshot(run_id, record)
    keep_counted(context.store, run_id, snapshot, mark, context.options.engine)
    context.display.show(
        Event("note", f"{record.traces:,} traces, {record.spans:,} spans; analysis run {run_id}", step="setup", subject=run_id)
    )
    context.display.show(Event("note", snapshot.freshness.in_words(record.last_trace), step="setup"))
    heed_people(context, experiment_id)
    return context.store.finish_step(run_id, "setup")
