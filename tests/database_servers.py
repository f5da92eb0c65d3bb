"""PostgreSQL and MariaDB as a test starts them: on this machine alone, in a folder of their own, ended by who started them."""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from analyze_experiment.tests.mlflow_servers import free_port

UNPRIVILEGED = "nobody"
"""Who runs them where the tests run as root, which both refuse."""
PASSWORD = "ge%3Ah%2Feim%40"
"""`ge:h/eim@`, as an address spells it."""


@contextmanager
def postgres(folder: Path) -> Generator[str]:
    """The address of an empty PostgreSQL database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    initdb = shutil.which("initdb") or (str(programs[0]) if programs else None)
    if initdb is None:
        pytest.skip("needs PostgreSQL's programs: apt-get install postgresql")
    server, port, data = Path(initdb).with_name("postgres"), free_port(), own_folder(folder)
    (data / "password").write_text(unquote(PASSWORD), encoding="utf-8")
    asked = ["-A", "scram-sha-256", f"--pwfile={data / 'password'}"]
    run([initdb, "-D", str(data / "data"), *asked, "-U", "ana", "-E", "UTF8", "--locale=C", "--no-sync"])
    options = ["-D", str(data / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(data), "-F"]
    address = f"postgresql://ana:{PASSWORD}@127.0.0.1:{port}"
    with started([str(server), *options], data / "log"):
        ask(f"{address}/postgres", "CREATE DATABASE mlflow ENCODING 'UTF8' TEMPLATE template0")
        yield f"{address}/mlflow"


@contextmanager
def mariadb(folder: Path) -> Generator[str]:
    """The address of an empty MariaDB database."""
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if install is None or server is None:
        pytest.skip("needs MariaDB's programs: apt-get install mariadb-server")
    port, data = free_port(), own_folder(folder)
    where = ["--no-defaults", f"--datadir={data / 'data'}"]
    run([install, *where, "--auth-root-authentication-method=normal", "--skip-test-db"])
    hasty = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--sync-frm=0"]
    reached = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={data / 'socket'}", f"--pid-file={data / 'pid'}"]
    address = f"127.0.0.1:{port}"
    with started([server, *where, *hasty, *reached], data / "log"):
        root = f"mysql+pymysql://root@{address}/mysql"
        ask(root, "CREATE DATABASE mlflow CHARACTER SET utf8mb4")
        for host in ("127.0.0.1", "localhost"):
            ask(root, f"CREATE USER ana@'{host}' IDENTIFIED BY 'ge:h/eim@'")
            ask(root, f"GRANT ALL ON mlflow.* TO ana@'{host}'")
        yield f"mysql+pymysql://ana:{PASSWORD}@{address}/mlflow"


def own_folder(folder: Path) -> Path:
    """The folder, given to who runs the server; those above it are opened to be walked through."""
    folder.mkdir(parents=True)
    if os.getuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
        for above in folder.parents:
            if above.owner() == "root" and above.stat().st_mode & 0o077 == 0:
                above.chmod(0o711)
    return folder


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as somebody who isn't root."""
    return ["runuser", "-u", UNPRIVILEGED, "--", *command] if os.getuid() == 0 else list(command)


def run(command: Sequence[str]) -> None:
    """Runs a program to its end."""
    subprocess.run(unprivileged(command), check=True, capture_output=True, cwd="/", stdin=subprocess.DEVNULL)


@contextmanager
def started(command: Sequence[str], log: Path) -> Generator[None]:
    """Runs a server meanwhile."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            unprivileged(command), stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.1), retry=retry_if_exception_type(OperationalError), reraise=True)
def ask(address: str, statement: str) -> None:
    """Runs one statement, as soon as the server answers."""
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
