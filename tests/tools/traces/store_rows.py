"""Traces written straight into an MLflow store, so that a test says what is in every column, and changes it."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from analyze_experiment.tests.tools.traces.raw_rows import START_MS, content

EXPERIMENT = "0"
TAGS = {"mlflow.trace.spansLocation": "TRACKING_STORE", "release": "1"}


@dataclass(frozen=True)
class StoreRows:
    """An MLflow store in SQLite; its experiment `Default` is written to."""

    uri: str

    @property
    def path(self) -> Path:
        """The database."""
        return Path(self.uri.removeprefix("sqlite:///"))

    def change(self, statement: str, *parameters: object) -> None:
        """Runs one statement."""
        self.insert(statement, [parameters])

    def insert(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Runs one statement for each of the rows."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.executemany(statement, rows)

    def add_trace(
        self,
        name: str,
        minute: float = 0,
        *,
        question: str = "q",
        spans: int = 2,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        **columns: object,
    ) -> None:
        """A trace that began in that minute; a root that answers, then tool spans."""
        row = {"request_id": name, "experiment_id": EXPERIMENT, "timestamp_ms": START_MS + int(minute * 60_000), "status": "OK"}
        row |= {"execution_time_ms": 10, "trace_name": "agent", **columns}
        places = ", ".join("?" for _ in row)
        self.insert(f"INSERT INTO trace_info ({', '.join(row)}) VALUES ({places})", [tuple(row.values())])
        for table, labels in (
            ("trace_tags", tags or TAGS),
            ("trace_request_metadata", metadata or {}),
        ):
            self.insert(
                f"INSERT INTO {table} (request_id, key, value) VALUES (?, ?, ?)", [(name, *label) for label in labels.items()]
            )
        for place in range(spans):
            self.add_span(name, place, START_MS + int(minute * 60_000), question)

    def add_span(self, trace_id: str, place: int, start_ms: int, question: str = "q") -> None:
        """A span of a trace; the one in place 0 is its root."""
        kind, text = ("TOOL", content(outputs=f"found {place}")) if place else ("AGENT", content(inputs=question, outputs="a"))
        start = start_ms * 10**6 + place * 1000
        values = (
            trace_id,
            EXPERIMENT,
            f"s{place}",
            None if place == 0 else "s0",
            kind.lower(),
            kind,
            "OK",
            start,
            start + 500,
            text,
        )
        self.insert(
            """INSERT INTO spans (trace_id, experiment_id, span_id, parent_span_id, name, type, status, start_time_unix_nano,
                end_time_unix_nano, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [values],
        )

    def add_assessment(self, assessment_id: str, trace_id: str, **columns: object) -> None:
        """Feedback on a trace."""
        row = {
            "assessment_id": assessment_id,
            "trace_id": trace_id,
            "name": "good",
            "assessment_type": "feedback",
            "value": "true",
        }
        row |= {
            "created_timestamp": START_MS,
            "last_updated_timestamp": START_MS,
            "source_type": "HUMAN",
            "valid": 1,
            "is_numeric_value": 0,
        }
        row |= {"source_id": "ann", **columns}
        places = ", ".join("?" for _ in row)
        self.insert(f"INSERT INTO assessments ({', '.join(row)}) VALUES ({places})", [tuple(row.values())])
