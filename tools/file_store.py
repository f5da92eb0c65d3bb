"""What must hold of a file store (`mlruns`) before MLflow may open it: MLflow would make a folder where there is none.

MLflow has retired file stores (3.17: "maintenance mode") and opens one only under an environment variable, which naming one as
the tracking URI sets. They keep runs, tags, artifacts and traces; they have no links between traces and runs, no issues and no
statistics, and each search reads the files of all traces.
"""

import os
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .database import scheme_of
from .errors import StoreError

ALLOW = "MLFLOW_ALLOW_FILE_STORE"


def is_file_store(uri: str) -> bool:
    """Whether a tracking URI names a file store."""
    return scheme_of(uri) == "file"


def require_file_store(uri: str) -> Path:
    """Passes a folder that is a file store of MLflow's and can be written, and lets MLflow open it.

    Args:
        uri: `file:...`, or the path of a folder.

    Raises:
        StoreError: Nothing is there, it isn't MLflow's, it can't be written, or the environment forbids it.
    """
    folder = (Path.cwd() / (_path(uri) if is_file_store(uri) else uri)).absolute()
    if not any((each / "meta.yaml").is_file() for each in (folder.iterdir() if folder.is_dir() else ())):
        raise StoreError(f"There is no MLflow file store at {str(folder)!r}. Nothing was created; check the path.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"{str(folder)!r} can't be written. The analysis is kept in this store, so it must be writable.")
    if os.environ.setdefault(ALLOW, "true").lower() not in {"true", "1"}:
        raise StoreError(f"{ALLOW} forbids opening the file store {str(folder)!r}. {migration_advice(folder.as_uri())}")
    return folder


def migration_advice(uri: str) -> str:
    """How a file store becomes a database, and why it should."""
    return (
        "MLflow has retired file stores: they show neither issues nor linked traces, and each look reads all their files. "
        f"`mlflow migrate-filestore --source {shlex.quote(_path(uri))} --target sqlite:///mlflow.db` makes a database of it "
        "and leaves it as it is."
    )


def _path(uri: str) -> str:
    return unquote(urlsplit(uri).path)
