"""A few simple traces, written through MLflow's own tracing, for tests that need a store with something in it."""

import warnings
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mlflow.entities import SpanStatus

BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When the first sample trace begins; the others follow a minute apart."""


@dataclass(frozen=True)
class SampleTrace:
    """One trace: a root span `agent`, a tool span where `tool` is named, both with inputs and outputs."""

    request: str
    response: str = "Done."
    _: KW_ONLY
    error: str = ""
    """Why the root span failed; the trace's state is ERROR then."""
    tool: str = ""
    tool_error: str = ""
    """Why the tool span failed; the trace stays OK where the root span does."""
    tool_output: str = ""
    """What the tool gave, where that isn't the usual."""
    session: str = ""
    user: str = ""
    version: str = ""
    """The value of the tag `version`."""
    start: datetime | None = None
    duration_ms: int = 1000


SIMPLE_TRACES = (
    SampleTrace("Where is order 17?", "It ships today.", tool="look_up_order", session="s1"),
    SampleTrace("And order 18?", "It is lost.", tool="look_up_order", session="s1", duration_ms=2000),
    SampleTrace(
        "Cancel order 19.", "I could not do that.", tool="cancel_order", tool_error="timeout", session="s2", duration_ms=9000
    ),
    SampleTrace("Refund order 20.", error="RefundError: no such order", tool="refund_order", session="s3", duration_ms=500),
    SampleTrace("Thanks!", "You are welcome.", session="s2", duration_ms=300),
)
"""Five traces of three sessions: one ERROR, one OK with a failed tool, one without a tool."""


@dataclass(frozen=True)
class SampleExperiment:
    """Where the sample traces are."""

    uri: str
    experiment_id: str
    name: str
    trace_ids: tuple[str, ...]
    """In the order of the samples."""


def log_traces(uri: str, name: str, samples: Iterable[SampleTrace] = SIMPLE_TRACES) -> SampleExperiment:
    """Writes the samples into the experiment `name` of an SQLite or file store; a missing one is created, artifacts beside it."""
    artifacts = Path(urlsplit(uri).path.replace("//", "/")).parent / "artifacts" / name
    with warnings.catch_warnings():
        # MLflow turns a warning that is raised while it traces into a lost trace.
        warnings.simplefilter("ignore")
        import mlflow
        from mlflow import MlflowClient

        mlflow.set_tracking_uri(uri)
        try:
            client = MlflowClient(uri)
            found = client.get_experiment_by_name(name)
            experiment_id = found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts.as_uri())
            ids = tuple(_log(experiment_id, sample, index) for index, sample in enumerate(samples))
        finally:
            mlflow.set_tracking_uri(None)  # pyright: ignore[reportArgumentType]  # None gives the setting back
    return SampleExperiment(uri=uri, experiment_id=experiment_id, name=name, trace_ids=ids)


def _log(experiment_id: str, sample: SampleTrace, index: int) -> str:
    from mlflow.tracing.fluent import start_span_no_context

    start_ns = _ns(sample.start or BEGINNING + timedelta(minutes=index))
    end_ns = start_ns + sample.duration_ms * 1_000_000
    metadata = {"mlflow.trace.session": sample.session, "mlflow.trace.user": sample.user}
    root = start_span_no_context(
        "agent",
        span_type="AGENT",
        inputs={"question": sample.request},
        metadata={key: value for key, value in metadata.items() if value},
        tags={"version": sample.version} if sample.version else None,
        experiment_id=experiment_id,
        start_time_ns=start_ns,
    )
    if sample.tool:
        tool = start_span_no_context(
            sample.tool, span_type="TOOL", parent_span=root, inputs={"text": sample.request}, start_time_ns=start_ns + 1_000_000
        )
        outputs = {"error": sample.tool_error} if sample.tool_error else sample.tool_output or {"found": True}
        tool.end(outputs=outputs, status=_status(sample.tool_error), end_time_ns=end_ns - 1_000_000)
    root.end(outputs=None if sample.error else sample.response, status=_status(sample.error), end_time_ns=end_ns)
    return root.trace_id


def _status(error: str) -> "SpanStatus":
    from mlflow.entities import SpanStatus, SpanStatusCode

    return SpanStatus(SpanStatusCode.ERROR, error) if error else SpanStatus(SpanStatusCode.OK)


def _ns(instant: datetime) -> int:
    return int(instant.timestamp() * 1000) * 1_000_000
