"""What a store shows before an analysis is begun: experiments by name, and whether traces can be read. Nothing is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from .errors import UserError
from .mlflow_calls import ask
from .tracking import PAGE, Experiment, Tracking


@dataclass(frozen=True)
class SeenTraces:
    """That traces were read, without a word of what they say: nothing is linked yet to which they could be."""

    traces: int
    spans: int
    states: Mapping[str, int]
    newest: datetime | None
    """When the newest began, UTC; None where there are none."""


def experiments_named(tracking: Tracking, part: str) -> list[Experiment]:
    """The experiments whose name has this part in it, by name.

    Raises:
        UserError: the part has both kinds of quotes, which MLflow's filters can't say.
    """
    quote = "'" if "'" not in part else '"'
    if quote in part:
        raise UserError(f"{part!r} has both kinds of quotes: type a shorter part of the name.")
    search = partial(tracking.client.search_experiments, filter_string=f"name LIKE {quote}%{part}%{quote}", max_results=PAGE)
    found = ask(f"look for experiments with {part!r} in their name", search)
    return sorted((Experiment(str(each.experiment_id), str(each.name)) for each in found), key=lambda each: each.name)


def sample_traces(tracking: Tracking, experiment_id: str, *, limit: int) -> SeenTraces:
    """Reads the newest traces with their spans, and counts them.

    Raises:
        StoreError: they can't be read.
    """
    search = partial(
        tracking.client.search_traces,
        locations=[experiment_id],
        max_results=limit,
        order_by=["timestamp_ms DESC"],
        include_spans=True,
    )
    found = ask(f"read traces of experiment {experiment_id!r}", search)
    return SeenTraces(
        traces=len(found),
        spans=sum(len(each.data.spans) for each in found),
        states=Counter(str(each.info.state.value) for each in found),
        newest=max((datetime.fromtimestamp(each.info.request_time / 1000, UTC) for each in found), default=None),
    )
