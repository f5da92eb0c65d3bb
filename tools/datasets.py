"""MLflow evaluation datasets made of traces: found by name before they are made, their records known by their inputs."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .errors import StoreError
from .mlflow_calls import ask
from .traces.views import TraceView
from .tracking import Tracking

ABSENT = {"NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND"}


def fill_dataset(
    tracking: Tracking, name: str, *, experiment_id: str, tags: Mapping[str, str], traces: Sequence[TraceView]
) -> tuple[str, int, int]:
    """Puts traces into the dataset of this name, which is made where it is missing; the same inputs are the same record.

    Returns:
        Its id, how many records were added, and how many were there and are brought up to date.

    Raises:
        StoreError: this store keeps no datasets, or doesn't answer.
    """
    from mlflow.tracing.client import TracingClient

    store = TracingClient(tracking.uri).store
    dataset_id = _dataset(tracking, name, experiment_id, tags)
    records = [_record(trace) for trace in traces]
    counts: dict[str, int] = ask(f"fill dataset {name!r}", partial(store.upsert_dataset_records, dataset_id, records))
    return dataset_id, counts.get("inserted", 0), counts.get("updated", 0)


def _dataset(tracking: Tracking, name: str, experiment_id: str, tags: Mapping[str, str]) -> str:
    client, quoted = tracking.client, name.replace("'", "''")

    def look_and_create() -> str:
        found = list(client.search_datasets(experiment_ids=[experiment_id], filter_string=f"name = '{quoted}'", max_results=1))
        made = found[0] if found else client.create_dataset(name, experiment_id=[experiment_id], tags=dict(tags))
        return str(made.dataset_id)

    try:
        return ask(f"find or make dataset {name!r}", look_and_create)
    except StoreError as error:
        if getattr(error.__cause__, "error_code", "") in ABSENT:
            raise StoreError("This store keeps no evaluation datasets: databases and MLflow servers do.") from error
        raise


def _record(trace: TraceView) -> dict[str, Any]:
    return {
        "inputs": _inputs(trace.request),
        "outputs": _decoded(trace.response),
        "source": {"source_type": "TRACE", "source_data": {"trace_id": trace.trace_id}},
        "tags": {"trace_id": trace.trace_id},
    }


def _inputs(request: str) -> dict[str, Any]:
    value = _decoded(request)
    return value if isinstance(value, dict) else {"request": value}


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
