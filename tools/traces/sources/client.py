"""The traces of one experiment through `MlflowClient`, for stores whose tables can't be reached: an MLflow server, a file store.

MLflow's pages are offsets, which cost more the further they go and shift when traces arrive, so time is what is followed: each
request asks for the traces from the last time seen on. What is seen of a change is what a trace's information shows: its state,
times, previews, tags, metadata with the number of spans, and assessments; not spans written over without any of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from ...errors import StoreError, UserError
from ...links import masked_uri
from ...mlflow_calls import ask
from ...tracking import import_mlflow, page_token
from ..columns import batch_of
from .api import span_rows
from .base import (
    ASSESSMENT_SCHEMA,
    LABEL_SCHEMA,
    OUR_SOURCE_ID,
    SPAN_MARK_SCHEMA,
    SPAN_SCHEMA,
    TRACE_ROW_SCHEMA,
    Bound,
    Headers,
    Key,
    Oversized,
    RawWindow,
)
from .marks import SIZE_STATS, having, marked

if TYPE_CHECKING:
    from mlflow.entities import Assessment, Trace, TraceInfo

PAGE = 500
"""Traces a request; servers give no more."""
SPANS_AT_ONCE = 200
"""Traces whose spans are fetched together; MLflow divides them among its own threads."""
NAME = "mlflow.traceName"
SESSION = "mlflow.trace.session"
TOKENS = "mlflow.trace.tokenUsage"
COST = "mlflow.trace.cost"
IN_COLUMNS = frozenset({SESSION, TOKENS, COST})
"""Metadata that a database keeps in columns, and MLflow shows among the metadata."""
UNDECODABLE = (StoreError, LookupError, TypeError, ValueError, AttributeError, OSError, RuntimeError)
"""What comes of spans that aren't there or can't be decoded."""


class ClientSource:
    """A `TraceSource` over MLflow's client."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        import_mlflow()
        from mlflow import MlflowClient
        from mlflow.tracing.client import TracingClient

        self.uri = uri
        self.experiment_id = experiment_id
        self.client = MlflowClient(uri)
        self.tracing = TracingClient(uri)

    @property
    def identity(self) -> str:
        """The store, and the experiment with its time of creation."""
        filter_string = f"experiment_id = '{self.experiment_id}'"
        search = partial(self.client.search_experiments, filter_string=filter_string)
        found = ask(f"look up experiment {self.experiment_id!r}", search) if self.experiment_id.isdecimal() else []
        if not found:
            raise UserError(f"There is no experiment {self.experiment_id!r} in {masked_uri(self.uri)!r}. Name one that is there.")
        return json.dumps([masked_uri(self.uri), self.experiment_id, found[0].creation_time, "client"])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order."""
        keys = sorted(key_of(info) for info in self._infos(low, high))
        groups = [keys[start : start + size] for start in range(0, len(keys), size)]
        return [Bound(group[0], len(group)) for group in groups]

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, as MLflow has counted them, in order of key."""
        return sorted((key_of(info), bytes_of(info)) for info in self._infos(low, high))

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        return self._headers(list(self._infos(low, high)))

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range; a trace whose spans are announced and don't come is unreadable."""
        infos = list(self._infos(low, high))
        if most_bytes is not None and sum(bytes_of(info) for info in infos) > most_bytes:
            raise Oversized
        headers = self._headers(infos)
        wanted = sorted({str(info.trace_id) for info in infos} - having(headers, "excluded"))
        batches = [self._spans(wanted[start : start + SPANS_AT_ONCE]) for start in range(0, len(wanted), SPANS_AT_ONCE)]
        spans = pa.Table.from_batches(batches, SPAN_SCHEMA)
        missing = having(headers, "elsewhere") & set(wanted) - set(spans.column("trace_id").to_pylist())
        return RawWindow(headers, spans, tuple(sorted(missing)))

    def stop(self) -> None:
        """Nothing yet."""

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _infos(self, low: Key, high: Key) -> "Iterator[TraceInfo]":
        """The range's traces without spans."""
        for info in self._between(max(low.timestamp_ms, 0), high.timestamp_ms):
            if low <= key_of(info) < high:
                yield info

    def _between(self, first_ms: int, last_ms: int) -> "Iterator[TraceInfo]":
        """The traces of these times, both included."""
        while first_ms <= last_ms:
            found, more = self._page(f"timestamp_ms >= {first_ms} AND timestamp_ms <= {last_ms}", None)
            if more is None:
                yield from found
                return
            end_ms = found[-1].request_time
            yield from (info for info in found if info.request_time < end_ms)
            if end_ms == first_ms:  # more traces of one millisecond than a page holds
                yield from self._of_moment(first_ms)
                end_ms += 1
            first_ms = end_ms

    def _of_moment(self, timestamp_ms: int) -> "Iterator[TraceInfo]":
        token: str | None = None
        while True:
            found, token = self._page(f"timestamp_ms = {timestamp_ms}", token)
            yield from found
            if token is None:
                return

    def _page(self, filter_string: str, token: str | None) -> "tuple[list[TraceInfo], str | None]":
        call = partial(
            self.client.search_traces,
            locations=[self.experiment_id],
            filter_string=filter_string,
            order_by=["timestamp_ms ASC", "request_id ASC"],
            max_results=PAGE,
            page_token=token,
            include_spans=False,
        )
        found = ask(f"list the traces of experiment {self.experiment_id!r}", call)
        return [trace.info for trace in found], page_token(found.token)

    def _headers(self, infos: "Sequence[TraceInfo]") -> Headers:
        tags = (label for info in infos for label in labels(info, info.tags, {NAME}))
        metadata = (label for info in infos for label in labels(info, info.trace_metadata, IN_COLUMNS))
        assessments = (row for info in infos for row in assessment_rows(info))
        headers = Headers(
            traces=table([trace_row(info, self.experiment_id) for info in infos], TRACE_ROW_SCHEMA),
            tags=table(tags, LABEL_SCHEMA),
            metadata=table(metadata, LABEL_SCHEMA),
            assessments=table(assessments, ASSESSMENT_SCHEMA),
            span_marks=table([], SPAN_MARK_SCHEMA),
        )
        return marked(headers, self._analysing_runs() if infos else set())

    def _analysing_runs(self) -> set[str]:
        """The runs of analyses, ours and MLflow's."""
        kinds = ("tags.`mlflow.insights.type` LIKE '%'", "tags.`mlflow.runType` = 'issue_detection'")
        return {run_id for kind in kinds for run_id in self._runs(kind)}

    def _runs(self, filter_string: str) -> Iterator[str]:
        token: str | None = None
        while True:
            call = partial(
                self.client.search_runs, [self.experiment_id], filter_string=filter_string, max_results=PAGE, page_token=token
            )
            found = ask(f"list the analyses of experiment {self.experiment_id!r}", call)
            yield from (str(run.info.run_id) for run in found)
            token = page_token(found.token)
            if token is None:
                return

    def _spans(self, trace_ids: Sequence[str]) -> pa.RecordBatch:
        rows = [row for trace in self._whole(trace_ids) for row in span_rows(str(trace.info.trace_id), trace.data.spans)]
        return batch_of([[row[name] for name in SPAN_SCHEMA.names] for row in rows], SPAN_SCHEMA)

    def _whole(self, trace_ids: Sequence[str]) -> "list[Trace]":
        """The traces whose spans can be read; one that can't be doesn't take the others along."""
        call = partial(self.tracing.batch_get_traces, list(trace_ids))
        try:
            return ask(f"read {len(trace_ids)} traces", call)
        except UNDECODABLE as error:
            if is_gone(error):
                raise
            if len(trace_ids) == 1:
                return []
            half = len(trace_ids) // 2
            return self._whole(trace_ids[:half]) + self._whole(trace_ids[half:])


def is_gone(error: BaseException) -> bool:
    """Whether the store itself doesn't answer, rather than for one trace."""
    from requests import RequestException

    causes = (error, error.__cause__, getattr(error.__cause__, "__cause__", None), getattr(error.__cause__, "__context__", None))
    return any(isinstance(cause, RequestException) for cause in causes)


def key_of(info: "TraceInfo") -> Key:
    """Where a trace stands in its experiment."""
    return Key(int(info.request_time), str(info.trace_id))


def bytes_of(info: "TraceInfo") -> int:
    """What MLflow has counted of a trace's size; 0 where it hasn't."""
    counted = decoded(info.trace_metadata.get(SIZE_STATS)).get("total_size_bytes")
    return int(counted) if isinstance(counted, int | float) else 0


def trace_row(info: "TraceInfo", experiment_id: str) -> Sequence[object]:
    """The columns of a database, from what the client shows."""
    tokens, cost = (decoded(info.trace_metadata.get(name)) for name in (TOKENS, COST))
    values: Mapping[str, object] = {
        "trace_id": str(info.trace_id),
        "experiment_id": experiment_id,
        "timestamp_ms": info.request_time,
        "execution_time_ms": info.execution_duration,
        "status": info.state.value,
        "client_request_id": info.client_request_id,
        "request_preview": info.request_preview,
        "response_preview": info.response_preview,
        "trace_name": info.tags.get(NAME),
        "session_id": info.trace_metadata.get(SESSION),
        "input_tokens": tokens.get("input_tokens"),
        "output_tokens": tokens.get("output_tokens"),
        "total_tokens": tokens.get("total_tokens"),
        "total_cost": cost.get("total_cost"),
        "generation": 0,
    }
    return [values[name] for name in TRACE_ROW_SCHEMA.names]


def labels(info: "TraceInfo", values: Mapping[str, str], left_out: Iterable[str]) -> Iterator[Sequence[object]]:
    """Tags or metadata, without what has a column of its own."""
    return ((str(info.trace_id), key, value) for key, value in values.items() if key not in left_out)


def assessment_rows(info: "TraceInfo") -> Iterator[Sequence[object]]:
    """Feedback and expectations that are valid and not ours."""
    for given in info.assessments:
        kind = "feedback" if given.feedback else "expectation" if given.expectation else None
        source = given.source
        if kind is None or given.valid is False or source.source_id == OUR_SOURCE_ID:
            continue
        values: Mapping[str, object] = {
            "assessment_id": given.assessment_id,
            "trace_id": str(info.trace_id),
            "span_id": given.span_id,
            "name": given.name,
            "kind": kind,
            "value": json.dumps(shortened(value_of(given)), ensure_ascii=False),
            "created_ms": given.create_time_ms,
            "updated_ms": given.last_update_time_ms,
            "source_type": source.source_type,
            "source_id": source.source_id,
            "rationale": given.rationale,
        }
        yield [values[name] for name in ASSESSMENT_SCHEMA.names]


def value_of(given: "Assessment") -> object:
    """What an assessment says."""
    said = given.feedback or given.expectation
    return None if said is None else said.value


def shortened(value: object) -> object:
    """Whole numbers as such: what goes over the wire makes fractions of them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def decoded(text: str | None) -> Mapping[str, object]:
    """A JSON object; an empty one where there is none."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def table(rows: Iterable[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_batches([batch_of(list(rows), schema)], schema)
