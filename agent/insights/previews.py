"""The traces behind hypotheses and issues, as far as a person wants to see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from ...tools.insights.models import Hypothesis, Issue
from ...tools.traces.views import TraceView
from ...tools.tracking import find_experiment
from .opened import Insights


@dataclass(frozen=True)
class Preview:
    """A hypothesis or an issue with some of its traces."""

    subject: Hypothesis | Issue
    traces: tuple[TraceView, ...]


def preview_hypotheses(insights: Insights, *, run_id: str, max_traces: int = 100) -> list[Preview]:
    """The hypotheses of an analysis with the traces of their evidence; `max_traces` in all, so that each gets its share.

    Raises:
        UserError: there is no such analysis.
    """
    store = insights.store
    listed = store.list_hypotheses(run_id)
    shares = _shares([[entry.trace_id for entry in each.evidence] for each in listed], max_traces)
    seen = _read(insights, store.experiment_of(run_id), {run_id: list(chain(*shares))})
    return [Preview(each, _views(share, seen)) for each, share in zip(listed, shares, strict=True)]


def preview_issues(insights: Insights, *, experiment_id: str, max_traces: int = 100) -> list[Preview]:
    """The issues of an experiment with the traces that they affect, evidence first; `max_traces` in all, each gets its share.

    A trace is linked to the analysis that found the issue before it is shown.

    Raises:
        UserError: there is no such experiment.
    """
    store, found = insights.store, find_experiment(insights.store.tracking, experiment_id)
    listed = store.list_issues(found.experiment_id)
    affected = [_affected(insights, each) for each in listed]
    shares = _shares(affected, max_traces)
    by_run: dict[str, list[str]] = {}
    for issue, share in zip(listed, shares, strict=True):
        by_run.setdefault(issue.source_run_id, []).extend(share)
    seen = _read(insights, found.experiment_id, by_run)
    return [Preview(each, _views(share, seen)) for each, share in zip(listed, shares, strict=True)]


def _affected(insights: Insights, issue: Issue) -> list[str]:
    shown = [entry.trace_id for entry in issue.evidence if entry.supports]
    return [*shown, *(each.trace_id for each in insights.store.issue_traces(issue.issue_id))]


def _shares(wanted: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Of each list the first few, each id once in it; one after the other takes one, until there are `most` distinct ids."""
    unique = [list(dict.fromkeys(each)) for each in wanted]
    taken: dict[str, None] = {}
    shares: list[list[str]] = [[] for _ in unique]
    for row in zip_longest(*unique):
        for place, trace_id in enumerate(row):
            if trace_id is not None and (trace_id in taken or len(taken) < most):
                taken[trace_id] = None
                shares[place].append(trace_id)
    return shares


def _read(insights: Insights, experiment_id: str, by_run: dict[str, list[str]]) -> dict[str, TraceView]:
    """The traces that are still there, linked to the run that each is looked at for."""
    reader = insights.store.reader
    seen: dict[str, TraceView] = {}
    for run_id, trace_ids in by_run.items():
        seen |= {each.trace_id: each for each in reader.look_up(trace_ids, run_id=run_id, experiment_id=experiment_id)}
    return seen


def _views(share: Sequence[str], seen: dict[str, TraceView]) -> tuple[TraceView, ...]:
    return tuple(seen[trace_id] for trace_id in share if trace_id in seen)
