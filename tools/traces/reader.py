"""The only way to a trace's text: a trace is linked to the analysis before it is returned; ids that don't exist are refused."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ..errors import MemoryRefused, StoreError, TraceReadError, UserError
from ..file_store import is_file_store
from ..insights.artifacts import RunFiles
from ..mlflow_calls import ask, may_pass
from ..tracking import Tracking, page_token
from .by_time import ORDER, by_time
from .views import UNDECODABLE, TraceView, preview, whole_view

if TYPE_CHECKING:
    from mlflow.entities import Trace, TraceInfo

LINK_BATCH = 100
"""MLflow links no more traces in one call."""
PAGE = 500
SAMPLE_OF_UNKNOWN = 3

_ID = re.compile(r"[\w:/.\-]{1,200}")
"""What a trace id may look like; anything else isn't put into a filter."""
_NOT_JUDGED = "tags.`mlflow.trace.sourceScorer` IS NULL"
"""Leaves out the traces that judges made."""


class TraceReader:
    """Finds, links and reads the traces of an experiment."""

    def __init__(self, tracking: Tracking, *, files: RunFiles | None = None) -> None:
        """`files` writes the links; the insight store passes its own, so that all its writes go one way."""
        from mlflow.tracing.client import TracingClient

        self._uri, self._client = tracking.uri, tracking.client
        self._tracing = TracingClient(tracking.uri)
        self._files = files or RunFiles(tracking)
        self._linked: dict[str, set[str]] = {}

    def existing(self, trace_ids: Iterable[str], *, experiment_id: str) -> set[str]:
        """Those of the ids that are traces of the experiment; one query for 500 of them."""
        wanted = sorted({trace_id for trace_id in trace_ids if _ID.fullmatch(trace_id)})
        return {
            str(info.trace_id)
            for batch in _batches(wanted, PAGE)
            for info in self._infos(experiment_id, _one_of(batch), limit=PAGE)
        }

    def link(self, run_id: str, trace_ids: Iterable[str], *, experiment_id: str) -> int:
        """Links traces to the run, and returns how many of them were not linked before.

        Raises:
            MemoryRefused: Some of the ids are no traces of the experiment; nothing is linked then.
        """
        known = self._known_links(run_id, experiment_id)
        wanted = set(trace_ids) - known
        self.require_existing(wanted, experiment_id=experiment_id)
        return self._link(run_id, sorted(wanted), known)

    def link_existing(self, run_id: str, trace_ids: Iterable[str]) -> None:
        """Links traces that are known to exist; which of them are linked isn't asked, since linking again changes nothing."""
        known = self._linked.get(run_id, set())
        self._link(run_id, sorted(set(trace_ids) - known), known)

    def require_existing(self, trace_ids: Iterable[str], *, experiment_id: str) -> None:
        """Passes ids that are all traces of the experiment.

        Raises:
            MemoryRefused: Some are not.
        """
        wanted = set(trace_ids)
        unknown = sorted(wanted - self.existing(wanted, experiment_id=experiment_id))
        if unknown:
            names = ", ".join(repr(trace_id) for trace_id in unknown[:SAMPLE_OF_UNKNOWN])
            more = ", ..." if len(unknown) > SAMPLE_OF_UNKNOWN else ""
            raise MemoryRefused(
                f"Experiment {experiment_id!r} has no trace {names}{more}: {len(unknown)} of {len(wanted)} ids given."
            )

    def linked(self, run_id: str, *, experiment_id: str) -> list[str]:
        """The ids of all traces that are linked to the run, sorted."""
        kept = self._files.links_in_file(run_id)
        if kept is not None:
            return kept

        def page(times: str, token: str | None) -> "tuple[list[TraceInfo], str | None]":
            return self._page(experiment_id, f"run_id = '{run_id}' AND {times}", order=ORDER, size=PAGE, token=token)

        infos = by_time(page)
        # MLflow counts the traces that were logged under a run among its own, linked or not.
        return sorted(str(info.trace_id) for info in infos if info.trace_metadata.get("mlflow.sourceRun") != run_id)

    def search(
        self,
        experiment_id: str,
        *,
        run_id: str | None,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        with_spans: bool = True,
    ) -> list[TraceView]:
        """The traces that match a filter of MLflow's grammar, linked to the run, newest first where no order is given.

        Args:
            experiment_id: Where they are looked for.
            run_id: The analysis that looks at them; None: nobody's, and they are linked to nothing.
            filter_string: MLflow's grammar: AND, no OR.
            order_by: As `timestamp_ms DESC`.
            max_results: How many at most.
            with_spans: Whether they are read whole; else with MLflow's previews and metadata alone, which is much faster.

        Raises:
            UserError: MLflow doesn't understand the filter or the order.
        """
        wanted = f"{filter_string} AND {_NOT_JUDGED}" if filter_string.strip() else _NOT_JUDGED
        try:
            infos = self._infos(experiment_id, wanted, limit=max_results, order_by=order_by or ("timestamp_ms DESC",))
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") == "INVALID_PARAMETER_VALUE":
                raise UserError(f"The filter {filter_string!r} or the order {list(order_by)} is wrong. {error}") from error
            raise
        trace_ids = [str(info.trace_id) for info in infos]
        if run_id is not None:
            self.link_existing(run_id, trace_ids)
        whole = self._whole(trace_ids) if with_spans else {}
        return [whole.get(str(info.trace_id)) or preview(info) for info in infos]

    def look_up(self, trace_ids: Iterable[str], *, run_id: str, experiment_id: str) -> list[TraceView]:
        """Those of the ids that are traces of the experiment, by id, without spans; linked to the run."""
        wanted = sorted({trace_id for trace_id in trace_ids if _ID.fullmatch(trace_id)})
        infos = [info for batch in _batches(wanted, PAGE) for info in self._infos(experiment_id, _one_of(batch), limit=PAGE)]
        self.link_existing(run_id, [str(info.trace_id) for info in infos])
        return [preview(info) for info in infos]

    def experiment_of(self, trace_id: str) -> str:
        """The experiment of a trace.

        Raises:
            UserError: There is no such trace.
        """
        try:
            return str(ask(f"look up trace {trace_id!r}", partial(self._tracing.get_trace_info, trace_id)).experiment_id)
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}:
                raise UserError(f"There is no trace {trace_id!r} in this store: search lists those that there are.") from error
            raise

    def get(self, trace_id: str, *, run_id: str | None, experiment_id: str) -> TraceView:
        """One trace with its spans, linked to the run; None links it to nothing.

        Raises:
            MemoryRefused: The experiment has no such trace.
            TraceReadError: Its spans are missing, incomplete or damaged.
            StoreError: The store doesn't answer: that says nothing about the trace.
        """
        if run_id is not None:
            self.link(run_id, [trace_id], experiment_id=experiment_id)
        whole = self._whole([trace_id])
        if trace_id not in whole:
            raise TraceReadError(f"Trace {trace_id!r} can't be read: its spans are missing, not yet complete, or damaged.")
        return whole[trace_id]

    def for_checks(self, trace_ids: Iterable[str]) -> dict[str, TraceView]:
        """These traces by id, so that code can look up what is claimed of them; nothing of them may be shown.

        A trace whose spans can't be read is not in it.

        Raises:
            StoreError: The store doesn't answer.
        """
        return self._whole(sorted(set(trace_ids)))

    def assessed(self, trace_ids: Iterable[str], *, name: str, source_id: str, experiment_id: str) -> set[str]:
        """Those of the traces that have a valid assessment of this name from this source; one query for 500 of them."""
        wanted = sorted({trace_id for trace_id in trace_ids if _ID.fullmatch(trace_id)})
        infos = (info for batch in _batches(wanted, PAGE) for info in self._infos(experiment_id, _one_of(batch), limit=PAGE))
        return {
            str(info.trace_id)
            for info in infos
            if any(each.name == name and each.source.source_id == source_id for each in info.assessments)
        }

    def _known_links(self, run_id: str, experiment_id: str) -> set[str]:
        if run_id not in self._linked:
            self._linked[run_id] = set(self.linked(run_id, experiment_id=experiment_id))
        return self._linked[run_id]

    def _link(self, run_id: str, trace_ids: Sequence[str], known: set[str]) -> int:
        for batch in _batches(trace_ids, LINK_BATCH):
            self._files.link(run_id, batch)
            known.update(batch)
        return len(trace_ids)

    def _infos(
        self, experiment_id: str, filter_string: str, *, limit: int, order_by: Sequence[str] = ("request_id ASC",)
    ) -> "list[TraceInfo]":
        """Pages of traces without their spans; the order is total, because MLflow's pages are offsets."""
        found: list[TraceInfo] = []
        token: str | None = None
        order = [*order_by, *([] if any("request_id" in key for key in order_by) else ["request_id ASC"])]
        while len(found) < limit:
            size = min(PAGE, limit - len(found))
            infos, token = self._page(experiment_id, filter_string, order=order, size=size, token=token)
            found += infos
            if token is None:
                break
        return found

    def _page(
        self, experiment_id: str, filter_string: str, *, order: Sequence[str], size: int, token: str | None
    ) -> "tuple[list[TraceInfo], str | None]":
        call = partial(
            self._client.search_traces,
            locations=[experiment_id],
            filter_string=filter_string,
            order_by=list(order),
            max_results=size,
            page_token=token,
            include_spans=False,
        )
        found = ask(f"search traces of experiment {experiment_id!r} with {filter_string[:200]!r}", call)
        return [trace.info for trace in found], page_token(found.token)

    def _whole(self, trace_ids: Sequence[str]) -> dict[str, TraceView]:
        """The traces that can be read, whole. One that can't be is left out, and doesn't take the others along."""
        read: dict[str, TraceView] = {}
        at_once = 1 if is_file_store(self._uri) else LINK_BATCH
        for batch in _batches(trace_ids, at_once):
            read |= self._batch(batch)
        return read

    def _batch(self, trace_ids: Sequence[str]) -> dict[str, TraceView]:
        def call() -> "list[Trace]":
            if is_file_store(self._uri):  # it has no call for several
                return [self._client.get_trace(trace_id, display=False) for trace_id in trace_ids]
            return self._tracing.batch_get_traces(list(trace_ids))

        try:
            traces = ask(f"read {len(trace_ids)} traces", call)
        except (StoreError, *UNDECODABLE) as error:
            if may_pass(error.__cause__):
                raise
            if len(trace_ids) == 1:
                return {}
            return {key: view for trace_id in trace_ids for key, view in self._batch([trace_id]).items()}
        views = ((str(trace.info.trace_id), whole_view(trace)) for trace in traces)
        return {trace_id: view for trace_id, view in views if view is not None}


def _batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _one_of(trace_ids: Sequence[str]) -> str:
    quoted = ", ".join(f"'{trace_id}'" for trace_id in trace_ids)
    return f"request_id IN ({quoted})"
