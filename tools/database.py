"""What must hold of a PostgreSQL or MySQL database before MLflow may open it: MLflow would create its tables in an empty one.

Only SQLAlchemy looks at it, until it is known to be an MLflow store of the installed version's schema. The address holds a
password: it is in no message, nor is anything of a driver's message that repeats it.
"""

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from .errors import StoreError, UserError
from .sqlite_file import TABLES, installed_schema_version

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PORTS = {"postgresql": 5432, "mysql": 3306}


class Driver(NamedTuple):
    """What a kind of database needs."""

    extra: str
    """The extra of our package that brings it."""
    spelling: str
    """How an address begins that uses it."""


DRIVERS = {"postgresql": Driver("postgres", "postgresql://"), "mysql": Driver("mysql", "mysql+pymysql://")}
CONNECT_S = 10
OF_THE_PLACE = ("dbname", "host", "hostaddr", "options", "port", "service", "unix_socket")
"""Options of an address that say which store it is; none of them is secret."""


def scheme_of(uri: str) -> str:
    """The kind of store that a URI names: sqlite, postgresql, http, ...; '' where it is no URI."""
    return "databricks" if uri == "databricks" else urlsplit(uri).scheme.split("+")[0]


def place_of(uri: str) -> str:
    """The store without user, password and whatever else isn't part of where it is: the same for everybody who may read it."""
    parts = urlsplit(uri)
    kind = scheme_of(uri)
    options = "&".join(f"{key}={value}" for key, value in sorted(parse_qsl(parts.query)) if key in OF_THE_PLACE)
    where = f"{parts.hostname or ''}:{parts.port or PORTS[kind]}{parts.path}"
    return f"{kind}://{where}{'?' if options else ''}{options}"


def without_secrets(text: str, uri: str) -> str:
    """A message with the password struck out, and the address where it stands whole."""
    parts = urlsplit(uri)
    secrets = {uri, parts.password or "", unquote(parts.password or "")}
    secrets |= {value for key, value in parse_qsl(parts.query) if "password" in key}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def require_database(uri: str) -> None:
    """Passes a database that is an MLflow store of the schema that the installed MLflow reads, and that can be written.

    Raises:
        UserError: The address can't be understood, or what it needs isn't installed.
        StoreError: It can't be reached, isn't MLflow's, has another schema, or may not be written.
    """
    from sqlalchemy.exc import SQLAlchemyError

    engine, place = _engine(uri), place_of(uri)
    try:
        with engine.connect() as connection:
            _require_schema(place, _schema_version(connection, place))
            _require_writable(connection, place)
    except SQLAlchemyError as error:
        reason = without_secrets(str(getattr(error, "orig", None) or error), uri)
        raise StoreError(refusal_of(place, reason)) from error


REFUSALS = (
    (
        r"password authentication failed|\(1045,|no password supplied|role \S+ does not exist",
        "refuses this user or password. Check both in the address; special characters of a password are written as %XX",
    ),
    (
        r"database \S+ does not exist|\(1049,|\(1044,",
        "names a database that isn't there, or that this user may not use. Check the name at the end of the address",
    ),
    (r"pg_hba.conf|\(1130,", "doesn't let this user in from this host. Ask whoever runs it to allow it"),
    (r"relation \S+ does not exist|\(1146,", "has not the schema of MLflow 3.17. Bring it there with `mlflow db upgrade`"),
    (r"permission denied|\(1142,|\(1143,", "may not be read by this user. Ask for permission to read its tables"),
    (r"SSL|TLS|certificate", "can't be reached this way. Check the address's options about SSL, and the certificates"),
)
"""What databases say when they refuse, in PostgreSQL's words or by MySQL's number, and what that means."""


def refusal_of(place: str, reason: str) -> str:
    """What a database's refusal means, and what to change.

    Args:
        place: The store without what is secret.
        reason: What its driver says, without what is secret.
    """
    said = " ".join(reason.split())
    meant = (meaning for pattern, meaning in REFUSALS if re.search(pattern, said))
    unknown = "can't be opened. Check that it is running, its host and its port; then run again, and it goes on where it stopped"
    return f"The store {place!r} {next(meant, unknown)}. ({said})"


def driver_missing(uri: str, error: Exception) -> UserError:
    """What to say where the driver of a kind of database isn't there."""
    kind = scheme_of(uri)
    extra, spelling = DRIVERS[kind]
    return UserError(
        f"A {kind} store needs a driver that isn't installed here: pip install 'analyze-experiment[{extra}]', and begin its "
        f"address with {spelling}. ({error})"
    )


def _engine(uri: str) -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    try:
        place_of(uri)
        return create_engine(uri, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_S})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise driver_missing(uri, error) from error
    except (ArgumentError, ValueError) as error:
        kind = scheme_of(uri)
        raise UserError(
            f"The address of the {kind} store can't be understood. Say {DRIVERS[kind].spelling}user:password@host:{PORTS[kind]}/"
            "database, with special characters of the password as %XX."
        ) from error


def _schema_version(connection: "Connection", place: str) -> str:
    from sqlalchemy import inspect, text

    tables = set(inspect(connection).get_table_names())
    if not tables >= {"alembic_version", "experiments"}:
        raise StoreError(
            f"{place!r} is no MLflow store: it has no tables of experiments. Nothing was created; check the database."
        )
    if not tables >= TABLES:
        missing = ", ".join(sorted(TABLES - tables))
        raise StoreError(f"{place!r} is an MLflow store without traces (no table {missing}): an MLflow before 3.17 made it.")
    return ", ".join(sorted(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()))


def _require_schema(place: str, found: str) -> None:
    expected = installed_schema_version()
    if found != expected:
        raise StoreError(
            f"{place!r} has the MLflow schema {found!r}, and the MLflow that is installed here reads {expected!r}. We never "
            "migrate a store: use the MLflow version that made it, or back it up and run `mlflow db upgrade`."
        )


def _require_writable(connection: "Connection", place: str) -> None:
    """A change of no rows needs what a real one needs: the permission, and a database that isn't a read-only copy."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    try:
        connection.execute(text("UPDATE runs SET name = name WHERE 1 = 0"))
        connection.rollback()
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise StoreError(
            f"{place!r} can't be written: {reason}. The analysis is kept in this store, so it must be writable."
        ) from error
