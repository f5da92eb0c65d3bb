"""The traces of one experiment through `MlflowClient`, for stores whose tables can't be reached: an MLflow server, a file store.

Traces are listed by time (`by_time.py`). What is seen of a change is what a trace's information shows: its state,
times, previews, tags, metadata with the number of spans, and assessments; not spans written over without any of it.

A store of this kind is waited for. So traces are listed once, as long as what was listed can be held; spans are asked for by as
many threads as MLflow's own client keeps connections; and those of the next range are on their way while one is worked on.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, Self

import pyarrow as pa

from ...errors import StoreError, UserError
from ...file_store import is_file_store
from ...links import masked_uri
from ...mlflow_calls import ask
from ...tracking import import_mlflow, page_token
from ..by_time import ORDER, by_time
from ..columns import batch_of
from .api import span_rows
from .base import SPAN_SCHEMA, Bound, Headers, Key, Oversized, RawWindow
from .client_rows import bytes_of, headers_of, key_of
from .marks import SPANS_LOCATION, having, marked
from .served import served_rows

if TYPE_CHECKING:
    from mlflow.entities import Trace, TraceInfo

PAGE = 500
"""Traces a request; servers give no more."""
WHOLE = 50_000
"""Traces a request where each reads all that there are."""
SPANS_AT_ONCE = 10
"""Traces whose spans are asked for together, as MLflow does it: servers take longer for each of more."""
HELD = 20_000
"""Traces whose information is held between listing and copying, some 100 MB; what is beyond is listed again."""
SERVED = ("TRACKING_STORE", "ARCHIVE_REPO")
"""Where spans are that the store gives several traces of at once; others are artifacts, one trace each."""
UNDECODABLE = (StoreError, LookupError, TypeError, ValueError, AttributeError, OSError, RuntimeError)
"""What comes of spans that aren't there or can't be decoded."""


class Range(NamedTuple):
    """A range of keys."""

    low: Key
    high: Key


class Fetch(NamedTuple):
    """A range whose spans are on their way."""

    headers: Headers
    trace_ids: set[str]
    rows: "list[Future[list[Sequence[object]]]]"


class ClientSource:
    """A `TraceSource` over MLflow's client."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        import_mlflow()
        from mlflow import MlflowClient
        from mlflow.environment_variables import MLFLOW_HTTP_POOL_MAXSIZE, MLFLOW_SEARCH_TRACES_MAX_THREADS
        from mlflow.tracing.client import TracingClient

        self.uri = uri
        self.experiment_id = experiment_id
        self.client = MlflowClient(uri)
        self.store = TracingClient(uri).store
        # More would each open a connection for a single request, and urllib3 would complain of it.
        at_once = min(MLFLOW_SEARCH_TRACES_MAX_THREADS.get(), MLFLOW_HTTP_POOL_MAXSIZE.get())
        self.threads = ThreadPoolExecutor(at_once, thread_name_prefix="spans")
        self.reads_all = is_file_store(uri)
        """Whether every search reads all traces, however few are asked for."""
        self.listed: dict[Range, list[TraceInfo]] = {}
        """Ranges that were listed and are not copied yet."""
        self.begun: dict[Range, Fetch] = {}

    @property
    def tables(self) -> None:
        """None: they can't be reached."""
        return

    @property
    def identity(self) -> str:
        """The store, and the experiment with its time of creation."""
        call = partial(self.client.get_experiment, self.experiment_id)
        try:
            found = ask(f"look up experiment {self.experiment_id!r}", call) if self.experiment_id.isdecimal() else None
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            found = None
        if found is None:
            raise UserError(f"There is no experiment {self.experiment_id!r} in {masked_uri(self.uri)!r}. Name one that is there.")
        return json.dumps([masked_uri(self.uri), self.experiment_id, found.creation_time, "client"])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order."""
        keys: list[Key] = []
        held: dict[Key, TraceInfo] = {}
        room = self._room()
        for info in self._infos(low, high):
            keys.append(key_of(info))
            if len(held) < room:
                held[keys[-1]] = info
        keys.sort()
        groups = [keys[start : start + size] for start in range(0, len(keys), size)]
        starts = [group[0] for group in groups]
        for group, end in zip(groups, [*starts[1:], high], strict=False):
            if all(key in held for key in group):
                self.listed[Range(group[0], end)] = [held[key] for key in group]
        return [Bound(group[0], len(group)) for group in groups]

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, as MLflow has counted them, in order of key."""
        return sorted((key_of(info), bytes_of(info)) for info in self._taken(Range(low, high)))

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        infos = list(self._infos(low, high))
        if len(infos) <= self._room():
            self.listed[Range(low, high)] = infos
        return self._headers(infos)

    def count(self, until_ms: int) -> int | None:
        """How many traces the server counts in its database; None where it doesn't count."""
        from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
        from mlflow.exceptions import MlflowException

        count = [MetricAggregation(AggregationType.COUNT)]
        ask_for = partial(self.store.query_trace_metrics, [self.experiment_id], MetricViewType.TRACES, "trace_count", count)
        try:
            points = ask_for(start_time_ms=0, end_time_ms=until_ms)
        except (MlflowException, NotImplementedError, OSError):
            return None  # an older server, or a file store: it is only a second opinion
        return sum(int(value) for point in points for value in point.values.values())

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range; a trace whose spans are announced and don't come is unreadable."""
        place = Range(low, high)
        fetch = self.begun.pop(place, None) or self._begin(place, self._taken(place), most_bytes)
        self._begin_next(most_bytes)
        rows = [row for future in fetch.rows for row in future.result()]
        spans = pa.Table.from_batches([batch_of(rows, SPAN_SCHEMA)], SPAN_SCHEMA)
        missing = having(fetch.headers, "elsewhere") & fetch.trace_ids - set(spans.column("trace_id").to_pylist())
        return RawWindow(fetch.headers, spans, tuple(sorted(missing)))

    def stop(self) -> None:
        """Lets what is asked for come, and asks for no more."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Waits for what was asked for."""
        self.threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, place: Range, infos: "Sequence[TraceInfo]", most_bytes: int | None) -> Fetch:
        """Asks for the spans of a range.

        Raises:
            Oversized: They are more than `most_bytes`; the range stays listed.
        """
        if most_bytes is not None and sum(bytes_of(info) for info in infos) > most_bytes:
            self.listed[place] = list(infos)
            raise Oversized
        headers = self._headers(infos)
        excluded = having(headers, "excluded")
        wanted = [info for info in infos if str(info.trace_id) not in excluded]
        served = [str(info.trace_id) for info in wanted if info.tags.get(SPANS_LOCATION) in SERVED]
        batches = [served[start : start + SPANS_AT_ONCE] for start in range(0, len(served), SPANS_AT_ONCE)]
        alone = [str(info.trace_id) for info in wanted if info.tags.get(SPANS_LOCATION) not in SERVED]
        asked = [self.threads.submit(self._served, batch) for batch in batches]
        asked += [self.threads.submit(self._rows, partial(self._artifact, trace_id)) for trace_id in alone]
        return Fetch(headers, {str(info.trace_id) for info in wanted}, asked)

    def _begin_next(self, most_bytes: int | None) -> None:
        """Asks for the spans of one further range that is listed, if they may be held beside those at work."""
        if self.begun or not self.listed:
            return
        place = min(self.listed)
        infos = self.listed[place]
        if most_bytes is not None and sum(bytes_of(info) for info in infos) <= most_bytes:
            del self.listed[place]
            self.begun[place] = self._begin(place, infos, most_bytes)

    def _taken(self, place: Range) -> "Sequence[TraceInfo]":
        """The traces of a range: as they were listed, or listed now."""
        infos = self.listed.pop(place, None)
        return list(self._infos(*place)) if infos is None else infos

    def _room(self) -> int:
        """For how many traces there is room yet."""
        return WHOLE * WHOLE if self.reads_all else HELD - sum(len(infos) for infos in self.listed.values())

    def _infos(self, low: Key, high: Key) -> "Iterator[TraceInfo]":
        """The range's traces without spans."""
        for info in by_time(self._page, max(low.timestamp_ms, 0), high.timestamp_ms):
            if low <= key_of(info) < high:
                yield info

    def _page(self, filter_string: str, token: str | None) -> "tuple[list[TraceInfo], str | None]":
        call = partial(
            self.client.search_traces,
            locations=[self.experiment_id],
            filter_string=filter_string,
            order_by=list(ORDER),
            max_results=WHOLE if self.reads_all else PAGE,
            page_token=token,
            include_spans=False,
        )
        found = ask(f"list the traces of experiment {self.experiment_id!r}", call)
        return [trace.info for trace in found], page_token(found.token)

    def _headers(self, infos: "Sequence[TraceInfo]") -> Headers:
        return marked(headers_of(infos, self.experiment_id), self._analysing_runs if infos else set())

    @cached_property
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

    def _served(self, trace_ids: Sequence[str]) -> list[Sequence[object]]:
        """The span rows of traces that the store gives together: of a server by its JSON, where that is as we know it."""
        if hasattr(self.store, "get_host_creds"):
            try:
                return ask(f"read {len(trace_ids)} traces", partial(served_rows, self.store, trace_ids))
            except UNDECODABLE as error:
                if is_gone(error):
                    raise
        return self._rows(partial(self._whole, trace_ids))

    def _rows(self, read: "partial[list[Trace]]") -> list[Sequence[object]]:
        """The span rows of some traces."""
        rows = (row for trace in read() for row in span_rows(str(trace.info.trace_id), trace.data.spans))
        return [[row[name] for name in SPAN_SCHEMA.names] for row in rows]

    def _artifact(self, trace_id: str) -> "list[Trace]":
        """A trace whose spans are an artifact; nothing where they can't be read."""
        try:
            return [ask(f"read trace {trace_id}", partial(self.client.get_trace, trace_id, display=False))]
        except UNDECODABLE as error:
            if is_gone(error):
                raise
            return []

    def _whole(self, trace_ids: Sequence[str]) -> "list[Trace]":
        """The traces whose spans can be read; one that can't be doesn't take the others along."""
        try:
            return ask(f"read {len(trace_ids)} traces", partial(self.store.batch_get_traces, list(trace_ids)))
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
