"""Which traces are no part of what is analysed, and whose spans the database doesn't hold: told by their tags and metadata."""

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..columns import number_column, whole_numbers
from .base import SPAN_MARK_SCHEMA, Headers

SCORER = "mlflow.trace.sourceScorer"
SOURCE_RUN = "mlflow.sourceRun"
SPANS_LOCATION = "mlflow.trace.spansLocation"
SIZE_STATS = "mlflow.trace.sizeStats"


class Label(NamedTuple):
    """A tag, or a piece of metadata."""

    trace_id: str
    key: str
    value: str | None


def marked(headers: Headers, analysing_runs: Collection[str]) -> Headers:
    """The headers with their traces marked as `excluded` and `elsewhere`; `headers.traces` comes without these columns."""
    excluded, elsewhere = excluded_traces(headers, analysing_runs), traces_elsewhere(headers)
    traces, trace_ids = headers.traces, headers.traces.column("trace_id").to_pylist()
    for name, found in (("excluded", excluded), ("elsewhere", elsewhere)):
        traces = traces.append_column(name, number_column([int(trace_id in found) for trace_id in trace_ids], pa.int64()))
    return Headers(traces, headers.tags, headers.metadata, headers.assessments, headers.span_marks)


def marks_of(spans: pa.Table) -> pa.Table:
    """What the database's own statement about the spans' marks says, from spans that are here already."""
    ids = spans.column("trace_id").combine_chunks().dictionary_encode()
    places, starts = whole_numbers(ids.indices), whole_numbers(spans.column("start_ns").combine_chunks())
    order = np.argsort(places, kind="stable")
    counts = np.bincount(places, minlength=len(ids.dictionary))
    groups = np.cumsum(counts) - counts
    columns = (counts, *(each.reduceat(starts[order], groups) if len(starts) else starts for each in (np.minimum, np.maximum)))
    numbers = [pa.Array.from_buffers(pa.int64(), len(each), [None, pa.py_buffer(each.astype(np.int64))]) for each in columns]
    return pa.Table.from_arrays([ids.dictionary, *numbers], schema=SPAN_MARK_SCHEMA)


def excluded_traces(headers: Headers, analysing_runs: Collection[str]) -> set[str]:
    """Traces that judges made, or that were made under a run of an analysis."""
    made = {label.trace_id for table in (headers.tags, headers.metadata) for label in chosen(table, {SCORER})}
    return made | {label.trace_id for label in chosen(headers.metadata, {SOURCE_RUN}) if label.value in analysing_runs}


def traces_elsewhere(headers: Headers) -> set[str]:
    """Traces whose spans are to be had through the API only: archived, kept as an artifact, or announced but not there."""
    held = set(headers.span_marks.column("trace_id").to_pylist())
    location = {label.trace_id: label.value for label in chosen(headers.tags, {SPANS_LOCATION})}
    rows = zip(headers.traces.column("trace_id").to_pylist(), headers.traces.column("status").to_pylist(), strict=True)
    bare = {trace_id: status for trace_id, status in rows if trace_id not in held}
    old = {trace_id for trace_id, status in bare.items() if location.get(trace_id) is None and status != "IN_PROGRESS"}
    sizes = chosen(headers.metadata, {SIZE_STATS}) if bare else ()
    announced = {label.trace_id for label in sizes if label.trace_id in bare and announces_spans(label.value)}
    return {trace_id for trace_id, place in location.items() if place not in (None, "TRACKING_STORE")} | old | announced


def chosen(labels: pa.Table, keys: Collection[str]) -> Iterator[Label]:
    """The labels of these keys; only they become Python's objects, because there are many others."""
    names = labels.column("key").combine_chunks().dictionary_encode()
    wanted = [place for place, name in enumerate(names.dictionary.to_pylist()) if name in keys]
    rows = np.flatnonzero(np.isin(whole_numbers(names.indices), wanted))
    found = labels.take(number_column(rows.tolist(), pa.int64()))
    return (Label(*row) for row in zip(*(found.column(name).to_pylist() for name in Label._fields), strict=True))


def announces_spans(size_stats: str | None) -> bool:
    """Whether MLflow's statistics of a trace's size say that it has spans."""
    try:
        return json.loads(size_stats or "")["num_spans"] > 0
    except (ValueError, TypeError, KeyError):
        return False


def having(headers: Headers, flag: str) -> set[str]:
    """The traces whose flag is up."""
    rows = zip(headers.traces.column("trace_id").to_pylist(), headers.traces.column(flag).to_pylist(), strict=True)
    return {trace_id for trace_id, value in rows if value}
