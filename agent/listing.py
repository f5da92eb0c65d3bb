"""What `--list` and `--show-config` print."""

import re
from typing import TYPE_CHECKING, TextIO

from ..tools.links import masked_uri
from .result import print_json, print_table
from .settings import Resolved, Settings

if TYPE_CHECKING:
    from ..tools.insights.store import InsightStore


def print_config(resolved: Resolved, stream: TextIO, *, as_json: bool) -> None:
    """Prints each setting, its value and where it came from; secrets are masked."""
    values = resolved.settings.model_dump(mode="json")
    shown = {name: _masked(name, value) for name, value in values.items()}
    if as_json:
        settings = {name: {"value": value, "from": resolved.origins[name]} for name, value in shown.items()}
        print_json({"event": "settings", "settings": settings, "passed_on": sorted(resolved.passed_on)}, stream)
        return
    rows = [[name.replace("_", "-"), _text(value), resolved.origins[name]] for name, value in shown.items()]
    rows += [[key, "(hidden)", "env file, passed on"] for key in sorted(resolved.passed_on)]
    print_table(["Setting", "Value", "From"], rows, stream)


def print_list(settings: Settings, stream: TextIO, *, as_json: bool) -> None:
    """Prints the experiments of the store, and the analyses of the chosen one where one is chosen.

    Raises:
        StoreError: the store can't be read.
        UserError: there is no such experiment.
    """
    from ..tools.insights.store import InsightStore
    from ..tools.tracking import connect, find_experiment, list_experiments

    tracking = connect(settings.tracking_uri or "")
    experiments = [{"experiment_id": each.experiment_id, "name": each.name} for each in list_experiments(tracking)]
    answer: dict[str, object] = {"event": "list", "experiments": experiments}
    analyses: list[dict[str, str | int]] = []
    if settings.experiment is not None:
        chosen = find_experiment(tracking, settings.experiment)
        analyses = _analyses(InsightStore(tracking), chosen.experiment_id)
        answer |= {"experiment_id": chosen.experiment_id, "analyses": analyses}
    if as_json:
        print_json(answer, stream)
        return
    if not experiments:
        stream.write("No experiments.\n")
    print_table(["Id", "Experiment"], [list(each.values()) for each in experiments], stream)
    if settings.experiment is not None and not analyses:
        stream.write("No analyses yet.\n")
    rows = [[str(each[key]) for key in ("run_id", "status", "issues", "created", "name")] for each in analyses]
    print_table(["Analysis", "Status", "Issues", "Created", "Name"], rows, stream)


def _analyses(store: "InsightStore", experiment_id: str) -> list[dict[str, str | int]]:
    found_by = [issue.source_run_id for issue in store.list_issues(experiment_id)]
    return [
        {
            "run_id": each.run_id,
            "status": str(each.status),
            "issues": found_by.count(each.run_id),
            "created": f"{each.created_at:%Y-%m-%d}",
            "name": each.run_name,
        }
        for each in store.list_analyses(experiment_id)
    ]


def _masked(name: str, value: object) -> object:
    if not isinstance(value, str) or "://" not in value:
        return value
    if name == "notify":  # who knows the whole address of a webhook may write to it
        return re.sub(r"^(\w+://)(?:[^/?#]*@)?([^/?#]*).+", r"\1\2/***", value)
    return masked_uri(value)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "-"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
