"""Where the queries of a session run: the engine that its settings name."""

from ..tools.errors import UserError
from ..tools.sql.engines.base import Engine
from ..tools.sql.process import LOCAL
from .settings import Settings


def chosen_engine(settings: Settings) -> Engine:
    """DuckDB on this machine, or the Spark Connect server that is named, which is tried at once: copying traces takes long.

    Raises:
        UserError: Spark without an address, with an address that is none, or without its client.
        EngineError: No server answers there.
    """
    if settings.engine == "duckdb" or (settings.engine is None and settings.spark_remote is None):
        return LOCAL
    if settings.spark_remote is None:
        raise UserError("--engine spark needs a server: say --spark-remote sc://host:15002.")
    from ..tools.sql.spark.engine import SparkEngine

    engine = SparkEngine(settings.spark_remote, settings.spark_files)
    engine.check()
    return engine
