"""The ways to reach MLflow, each asked for in a few lines: what it needs in the environment, or why that can't be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from ...tools.errors import UserError
from ...tools.links import masked_uri
from ...tools.tracking import WAREHOUSE
from ..environment import read_env_file

URI = "MLFLOW_TRACKING_URI"
EXAMPLES = (
    ("SQLite", "sqlite:////path/to/mlflow.db, or just the path of the file"),
    ("PostgreSQL", "postgresql://user@host:5432/database; the password is asked for"),
    ("MySQL", "mysql://user@host:3306/database; the password is asked for"),
    ("MLflow server", "http://host:5000"),
    ("file store", "/path/to/mlruns"),
)


class Asks(Protocol):
    """Asks the person for a line, and tells them something."""

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """A line; a secret isn't shown while it is typed."""
        ...

    def say(self, *lines: str) -> None:
        """Prints lines."""
        ...


@dataclass(frozen=True)
class Way:
    """How MLflow is reached."""

    values: Mapping[str, str]
    """What the environment must hold, secrets included."""
    file: Path | None = None
    """The env file that holds it already."""
    given: bool = field(default=False, kw_only=True)
    """Whether the environment holds it already."""

    @property
    def uri(self) -> str:
        """The tracking URI."""
        return self.values[URI]


def local(person: Asks, cwd: Path, environ: Mapping[str, str]) -> Way | None:
    """A local or self-hosted MLflow; None where the person goes back."""
    del environ
    person.say(*(f"  {name:<14} {example}" for name, example in EXAMPLES))
    text = person.ask("Tracking URI (Enter to go back):")
    if not text:
        return None
    if "://" in text or text.startswith(("file:", "databricks")):
        return Way({URI: _with_password(person, text)})
    return Way({URI: _of_path(cwd / Path(text).expanduser())})


def _with_password(person: Asks, uri: str) -> str:
    """The URI with the password of the user that it names, which is typed unseen; as it is where it names none, or has one."""
    parts = urlsplit(uri)
    if not parts.scheme.startswith(("postgresql", "mysql")) or not parts.username or parts.password is not None:
        return uri
    password = person.ask(f"Password of {parts.username} (it isn't shown; Enter for none):", secret=True)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl() if password else uri


def databricks(person: Asks, cwd: Path, environ: Mapping[str, str]) -> Way | None:
    """Databricks, by token or by a profile of its CLI; None where the person goes back."""
    del cwd, environ
    person.say("  1  a personal access token", "  2  a profile of ~/.databrickscfg")
    match person.ask("1 or 2 (Enter to go back):"):
        case "1":
            host = person.ask("Host, e.g. https://adb-123.azuredatabricks.net:")
            token = person.ask("Token (it isn't shown):", secret=True)
            if not host or not token:
                raise UserError("Host and token are both needed.")
            reached = {"DATABRICKS_HOST": _host(host), "DATABRICKS_TOKEN": token}
        case "2":
            profile = person.ask("Name of the profile (Enter for DEFAULT):") or "DEFAULT"
            reached = {"DATABRICKS_CONFIG_PROFILE": profile}
        case _:
            return None
    warehouse = person.ask("Id of the SQL warehouse that reads the traces (Enter where the environment names it):")
    return Way({URI: "databricks", **reached, **({WAREHOUSE: warehouse} if warehouse else {})})


def already(person: Asks, cwd: Path, environ: Mapping[str, str]) -> Way | None:
    """What the environment, or an env file, holds already; None where the person goes back."""
    text = person.ask("Path of the env file (Enter for the variables of this shell, 'back' to go back):")
    if text.lower() == "back":
        return None
    if text:
        path = cwd / Path(text).expanduser()
        values = read_env_file(path)
        if not values.get(URI):
            raise UserError(f"{str(path)!r} has no {URI}: add it, or choose another way.")
        return Way(values, path)
    if not environ.get(URI):
        raise UserError(f"{URI} isn't set in this shell: set it and start again, or choose another way.")
    person.say(f"  {URI}={masked_uri(environ[URI])}")
    return Way({URI: environ[URI]}, given=True)


Choice = Callable[[Asks, Path, Mapping[str, str]], Way | None]
WAYS: tuple[tuple[str, Choice], ...] = (
    ("local or self-hosted: SQLite, PostgreSQL, MySQL, an MLflow server, a file store", local),
    ("Databricks: a token, or a profile", databricks),
    ("already in the environment, or in an env file", already),
)


def _of_path(path: Path) -> str:
    """The URI of a path: a folder is a file store, anything else an SQLite database."""
    return path.resolve().as_uri() if path.is_dir() else f"sqlite:///{path.resolve()}"


def _host(text: str) -> str:
    return text.rstrip("/") if "://" in text else f"https://{text.rstrip('/')}"
