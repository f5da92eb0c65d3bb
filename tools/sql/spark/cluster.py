"""A Spark server that reads a store's tables itself, and runs this package's own reader beside them.

The package's code goes along with the session; what it is built on (DuckDB, NumPy, Arrow) must be in the cluster's Python.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from ...errors import EngineError, QueryError
from ..engines.base import OverBatches
from ..engines.types import plain_schema
from .session import SparkSession

BATCH_ROWS = "200"
"""Traces that go to Python together: some of them are large."""
_PACKAGE = Path(__file__).parents[3]
_PACKAGE_NAME = __name__.partition(".")[0]
_NEEDED = "tools"
"""The folder that the reader is in."""


class SparkCluster:
    """One session for reading tables, opened when made."""

    def __init__(self, remote: str, files: str) -> None:
        """Opens it, and sends the code there.

        Args:
            remote: The server's address.
            files: The folder that the server is to write to, as it calls it.

        Raises:
            UserError: The address isn't one, or Spark's client isn't installed.
            EngineError: No server answers.
        """
        self.files = files
        self._session = SparkSession(remote)
        self._session.set("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH_ROWS)
        with TemporaryDirectory() as folder:
            self._session.send_code(packed(Path(folder)))

    def query(self, statement: str, address: str) -> pa.Table:
        """The rows of a SELECT over `held`, which is what was written to an address; in plain column types."""
        self._session.name(self._session.parquet([address]), "held")
        table = self._session.table(self._session.frame(statement))
        return table.cast(plain_schema(table.schema))

    def run(self, statement: str, function: OverBatches, columns: str, *, progress: Callable[[float], None]) -> pa.Table:
        """What a function makes of the rows of a statement there."""
        with _saying_what_lacks():
            table = self._session.table(self._session.mapped(statement, function, columns), progress)
        return table.cast(plain_schema(table.schema))

    def write(
        self,
        statement: str,
        function: OverBatches,
        columns: str,
        address: str,
        *,
        by: str,
        progress: Callable[[float], None],
    ) -> None:
        """Writes what a function makes of the rows of a statement as Parquet, divided `by` a column."""
        with _saying_what_lacks():
            frame = self._session.mapped(statement, function, columns)
            self._session.write(frame, address, by=by, progress=progress)

    def remove(self, address: str) -> None:
        """Removes what is at an address: by writing nothing over it, since Spark knows no other way for every store."""
        self._session.write(self._session.nothing("nothing STRING"), address)

    def close(self) -> None:
        """Gives the session back to the server."""
        self._session.close()


@contextmanager
def _saying_what_lacks() -> Generator[None]:
    try:
        yield
    except QueryError as error:
        if "ModuleNotFoundError" in str(error.__cause__) or "ImportError" in str(error.__cause__):
            raise EngineError(
                "The cluster's Python can't run the reader of traces: install duckdb, numpy and pyarrow there, in the versions "
                f"that are here. ({error})"
            ) from error
        raise


def packed(folder: Path) -> Path:
    """An archive of the package's own code, for a cluster's Python to import; named by what it holds."""
    modules = [_PACKAGE / "__init__.py", *sorted((_PACKAGE / _NEEDED).rglob("*.py"))]
    texts = {f"{_PACKAGE_NAME}/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in modules}
    digest = sha256(b"".join(texts.values())).hexdigest()[:16]
    path = folder / f"{_PACKAGE_NAME}-{digest}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return path
