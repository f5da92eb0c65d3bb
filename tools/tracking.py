"""Opens an MLflow store without letting MLflow create, migrate or guess anything, and finds experiments in it."""

import difflib
import importlib
import logging
import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .database import PORTS, require_database, scheme_of
from .errors import StoreError, UserError
from .file_store import require_file_store
from .mlflow_calls import ask
from .sqlite_file import require_schema, require_writable, schema_version, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment as MlflowExperiment

SCHEMES = ("sqlite", "postgresql", "mysql", "http", "https", "file", "databricks")
WAREHOUSE = "MLFLOW_TRACING_SQL_WAREHOUSE_ID"
"""MLflow's own variable for the SQL warehouse that reads traces in Databricks."""
PROBE_TIMEOUT_S = 5
PAGE = 500

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What keeps MLflow from phoning home and from printing; it reads these when it is imported."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
"""MLflow's own defaults would wait for a dead server for many minutes; what a user has set stays."""


@dataclass(frozen=True)
class Experiment:
    """An MLflow experiment, as far as an analysis needs to know it."""

    experiment_id: str
    name: str


@dataclass(frozen=True)
class Tracking:
    """An opened MLflow store."""

    uri: str
    """With an absolute path where it is an SQLite file, so that a change of folder changes nothing."""
    client: "MlflowClient"


def connect(uri: str) -> Tracking:
    """Opens the store at `uri`; everything is checked before MLflow may touch it.

    Raises:
        UserError: The URI is empty, or isn't one.
        StoreError: Nothing is there, it isn't MLflow's, it has another schema, it can't be written, or it doesn't answer.
    """
    scheme = _required_scheme(uri)
    if scheme == "sqlite":
        path = sqlite_path(uri)
        found = schema_version(path)
        import_mlflow()
        require_schema(path, found)
        require_writable(path)
        return _open(f"sqlite:///{path}")
    if scheme == "file":
        folder = require_file_store(uri)
        import_mlflow()
        return _open(folder.as_uri())
    import_mlflow()
    if scheme in PORTS:
        require_database(uri)
        return _open(uri)
    if scheme == "databricks" and not os.environ.get(WAREHOUSE, "").strip():
        raise UserError(f"No SQL warehouse is named: set {WAREHOUSE} to the id of one that may read the traces' tables.")
    return _open_server(uri)


def _required_scheme(uri: str) -> str:
    if not uri.strip():
        raise UserError(
            "No MLflow tracking URI is given. Name the store, e.g. sqlite:////srv/mlflow.db or http://localhost:5000."
        )
    name = scheme_of(uri)
    if not name and Path(uri).is_dir():
        return "file"
    if not name:
        raise UserError(f"{uri!r} is no tracking URI. For an SQLite file, say sqlite:///{uri}.")
    if name not in SCHEMES:
        # The URI itself stays out of the message: it may hold a password.
        raise StoreError(
            f"This version analyses SQLite, PostgreSQL, MySQL and file stores, MLflow servers and Databricks; this is {name!r}. "
            "A further kind of store is a further file in tools/traces/sources."
        )
    return name


def import_mlflow() -> None:
    """Imports MLflow with its telemetry, its log lines and its libraries' warnings off; again does nothing."""
    for name, value in (QUIET | PATIENCE).items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("mlflow", "mlflow.tracing.client", "mlflow.store.tracking.sqlalchemy_store"):
            importlib.import_module(name)
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _open(uri: str) -> Tracking:
    from mlflow import MlflowClient

    def open_and_look() -> MlflowClient:
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
        return client

    return Tracking(uri=uri, client=ask("open the store", open_and_look))


def _open_server(uri: str) -> Tracking:
    """Asks the server one short question first: whether it is there is known within seconds."""
    patience = os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(PROBE_TIMEOUT_S)
    try:
        return _open(uri)
    finally:
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = patience


def list_experiments(tracking: Tracking) -> list[Experiment]:
    """All experiments that aren't deleted, by name."""
    found: list[Experiment] = []
    token: str | None = None
    while True:
        page = ask("list its experiments", partial(tracking.client.search_experiments, max_results=PAGE, page_token=token))
        found += [Experiment(str(item.experiment_id), str(item.name)) for item in page]
        token = page_token(page.token)
        if token is None:
            return sorted(found, key=lambda item: (item.name, item.experiment_id))


def search_experiments(tracking: Tracking, filter_string: str, *, max_results: int) -> list[Experiment]:
    """The experiments that match a filter of MLflow's grammar, by name.

    Raises:
        UserError: MLflow doesn't understand the filter.
    """
    call = partial(
        tracking.client.search_experiments, filter_string=filter_string or None, max_results=max_results, order_by=["name ASC"]
    )
    try:
        found = ask("list its experiments", call)
    except StoreError as error:
        if getattr(error.__cause__, "error_code", "") == "INVALID_PARAMETER_VALUE":
            raise UserError(f"The filter {filter_string!r} is wrong; one looks like \"name LIKE '%retail%'\". {error}") from error
        raise
    return [Experiment(str(item.experiment_id), str(item.name)) for item in found]


def experiments_with_traces(tracking: Tracking) -> list[Experiment]:
    """The experiments that hold at least one trace, by name."""
    return [each for each in list_experiments(tracking) if _has_traces(tracking, each.experiment_id)]


def _has_traces(tracking: Tracking, experiment_id: str) -> bool:
    search = partial(tracking.client.search_traces, locations=[experiment_id], max_results=1, include_spans=False)
    return bool(ask(f"look for traces in experiment {experiment_id!r}", search))


def page_token(token: object) -> str | None:
    """The token of the next page as text: stores on a database give bytes, servers text, and the last page nothing."""
    if isinstance(token, bytes):
        return token.decode()
    return str(token) if token else None


def find_experiment(tracking: Tracking, id_or_name: str) -> Experiment:
    """The experiment with this id or exactly this name.

    Raises:
        UserError: There is none, it is deleted, or the id of one is the name of another.
    """
    found = {str(item.experiment_id): item for item in _candidates(tracking, id_or_name)}
    if not found:
        raise UserError(_unknown(id_or_name, list_experiments(tracking)))
    if len(found) > 1:
        ids = " and ".join(sorted(found))
        raise UserError(f"{id_or_name!r} is the id of one experiment and the name of another ({ids}). Rename one of them.")
    experiment_id, item = found.popitem()
    if item.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {experiment_id}"
        raise UserError(f"Experiment {item.name!r} (id {experiment_id}) is deleted. Bring it back with `{restore}`.")
    return Experiment(experiment_id, str(item.name))


def _candidates(tracking: Tracking, id_or_name: str) -> "list[MlflowExperiment]":
    from mlflow.entities import ViewType

    client = tracking.client
    found = [ask(f"look up experiment {id_or_name!r}", lambda: client.get_experiment_by_name(id_or_name))]
    if id_or_name.isdecimal():
        # Asked as a search, because a missing id is an error like any other to `get_experiment`.
        found += ask(
            f"look up experiment {id_or_name!r}",
            lambda: client.search_experiments(view_type=ViewType.ALL, filter_string=f"experiment_id = '{int(id_or_name)}'"),
        )
    return [item for item in found if item is not None]


def _unknown(wanted: str, experiments: list[Experiment]) -> str:
    lowered = {item.name.lower(): item for item in reversed(experiments)}
    near = difflib.get_close_matches(wanted.lower(), lowered, n=5, cutoff=0.5)
    near += [name for name in sorted(lowered) if wanted.lower() in name and name not in near][:5]
    names = ", ".join(f"{lowered[name].name!r} (id {lowered[name].experiment_id})" for name in near)
    hint = f" Near: {names}." if names else ""
    return f"There is no experiment {wanted!r} among the {len(experiments)} here.{hint} List them with `run-analysis --list`."
