"""Traces by hand: found, read and linked; a trace is linked to the analysis before it is shown."""

from collections.abc import Sequence

from ...tools.errors import UserError
from ...tools.traces.views import TraceView
from ...tools.tracking import Experiment, find_experiment, search_experiments
from .opened import Insights


def experiments(insights: Insights, *, filter_string: str = "", max_results: int = 100) -> list[Experiment]:
    """The experiments of the store that match a filter, by name.

    Args:
        insights: The memory.
        filter_string: As `name LIKE '%retail%'`; all where it is empty.
        max_results: How many at most.

    Raises:
        UserError: MLflow doesn't understand the filter.
    """
    return search_experiments(insights.store.tracking, filter_string, max_results=max_results)


def search(
    insights: Insights,
    *,
    experiment_id: str | None = None,
    link_to: str | None = None,
    filter_string: str = "",
    order_by: Sequence[str] = (),
    max_results: int = 100,
    run_id: str | None = None,
    with_spans: bool = True,
) -> list[TraceView]:
    """Traces that match a filter, newest first where no order is given.

    Args:
        insights: The memory.
        experiment_id: Where they are looked for, by id or name; that of the analysis where it isn't given.
        link_to: The analysis that they are linked to before they are returned; None links them to nothing.
        filter_string: MLflow's grammar, as `trace.status = 'ERROR' AND span.name = 'search'`: AND, no OR.
        order_by: As `timestamp_ms DESC`.
        max_results: How many at most.
        run_id: Only traces of this run: logged under it, or linked to it.
        with_spans: Whether they are read whole.

    Raises:
        UserError: no experiment, no such analysis, or a wrong filter.
    """
    reader = insights.store.reader
    wanted = " AND ".join(filter(None, (filter_string.strip(), f"run_id = '{run_id}'" if run_id else "")))
    return reader.search(
        place_of(insights, experiment_id, link_to),
        run_id=link_to,
        filter_string=wanted,
        order_by=order_by,
        max_results=max_results,
        with_spans=with_spans,
    )


def get(insights: Insights, *, trace_id: str, link_to: str | None = None) -> TraceView:
    """One trace with its spans, linked to the analysis before it is returned.

    Raises:
        UserError: there is no such trace, or no such analysis.
        MemoryRefused: it is a trace of another experiment than the analysis.
        TraceReadError: its spans are missing, incomplete or damaged.
    """
    store = insights.store
    experiment_id = store.experiment_of(link_to) if link_to else store.reader.experiment_of(trace_id)
    return store.reader.get(trace_id, run_id=link_to, experiment_id=experiment_id)


def link_traces(insights: Insights, *, run_id: str, trace_ids: Sequence[str]) -> int:
    """Links traces to an analysis, however many, and returns how many weren't linked before.

    Raises:
        UserError: there is no such analysis.
        MemoryRefused: some ids are no traces of its experiment; nothing is linked then.
    """
    store = insights.store
    return store.reader.link(run_id, trace_ids, experiment_id=store.experiment_of(run_id))


def place_of(insights: Insights, experiment: str | None, link_to: str | None) -> str:
    """The id of the experiment that was named, or of the analysis.

    Raises:
        UserError: neither is named, or the analysis is one of another experiment.
    """
    if link_to is None and experiment is None:
        raise UserError("No experiment is given: say --experiment-id (or set MLFLOW_EXPERIMENT_ID), or --link-to an analysis.")
    named = find_experiment(insights.store.tracking, experiment).experiment_id if experiment else None
    linked = insights.store.experiment_of(link_to) if link_to else None
    if named and linked and named != linked:
        raise UserError(
            f"Analysis {link_to!r} is one of experiment {linked!r}, not of {named!r}: link to another, or leave one out."
        )
    return str(linked or named)
