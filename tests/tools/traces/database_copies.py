"""The same MLflow store in another database: the tables made by MLflow, the rows those of a SQLite file."""

from sqlalchemy import Engine, Table, create_engine, delete, insert, select, text
from sqlalchemy.pool import NullPool

BATCH = 500


def copy_database(source_uri: str, target_uri: str) -> None:
    """Has MLflow make its tables in an empty database, and fills them with all that a SQLite store holds."""
    from mlflow import MlflowClient
    from mlflow.store.db.base_sql_model import Base

    MlflowClient(target_uri).search_experiments(max_results=1)
    source, target = (create_engine(uri, poolclass=NullPool) for uri in (source_uri, target_uri))
    with target.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))
    for table in Base.metadata.sorted_tables:
        copy_table(table, source, target)
    if target.dialect.name == "postgresql":  # the next experiment gets an id that isn't taken
        with target.begin() as connection:
            connection.execute(text("SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), 1000)"))


def copy_table(table: Table, source: Engine, target: Engine) -> None:
    """Copies the rows of one table, but for the columns that the database works out."""
    columns = [column for column in table.columns if column.computed is None]
    with source.connect() as reading, target.begin() as writing:
        if target.dialect.name == "mysql":  # 0 is an experiment's id, not a wish for the next one
            writing.execute(text("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"))
        found = reading.execution_options(yield_per=BATCH).execute(select(*columns)).mappings()
        for rows in found.partitions(BATCH):
            writing.execute(insert(table), [dict(row) for row in rows])
