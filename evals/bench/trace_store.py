"""Stores of invented traces, of any size: schema by MLflow, rows written straight, so that a million traces take minutes.

Five to ten spans a trace, 7.5 on average: a root, model calls and tool calls in turn. Some tools fail, openly or silently, the
last of four versions is slow, each fifth trace has feedback. Texts are cut from a buffer of random words; at a payload of 1 they
are as long as those of the real agents in ../shared/data (about 2 kB a span with its JSON), and scale with it. The same number
gives the same trace, whatever is written beside it.
"""

import json
import random
import sqlite3
from base64 import b64encode
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from pathlib import Path

from analyze_experiment.evals.command_line import command_line

START_MS = 1_767_225_600_000  # 2026-01-01
STEP_MS = 4_000
SPANS_A_TRACE = 7.5
BATCH = 1_000
CACHE_KB = 1_500_000
"""Of the database while it is filled: ids are random, so a key goes anywhere into its index."""
TOOLS = ("refund_order", "search_orders", "get_customer", "find_article")
"""The first fails openly in a tenth of its calls, the second silently."""
ORDINARY_QUESTIONS = 500
VERSIONS = 4

Row = tuple[object, ...]
INSERTS = {
    "trace_info": "request_id experiment_id timestamp_ms execution_time_ms status request_preview response_preview trace_name "
    "session_id input_tokens output_tokens total_tokens",
    "trace_tags": "key value request_id",
    "trace_request_metadata": "key value request_id",
    "spans": "trace_id experiment_id span_id parent_span_id name type status start_time_unix_nano end_time_unix_nano content "
    "model_name",
    "assessments": "assessment_id trace_id experiment_id trace_timestamp_ms name assessment_type value created_timestamp "
    "last_updated_timestamp source_type source_id valid is_numeric_value",
}
"""Table -> the columns that are written, as MLflow fills them."""


@dataclass(frozen=True)
class Store:
    """A store under measurement."""

    uri: str
    database: Path
    experiment_id: str
    payload: float = 1.0

    @property
    def traces(self) -> int:
        """How many there are."""
        with closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute("SELECT count(*) FROM trace_info").fetchone()[0])


@cache
def word_buffer() -> str:
    """A long text of random words."""
    draw = random.Random(0)
    vocabulary = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(4_000)]
    return " ".join(draw.choices(vocabulary, k=400_000))


class Words:
    """Deterministic prose: slices of one long buffer of random words."""

    def __init__(self, seed: int, payload: float) -> None:
        self.random, self.payload = random.Random(seed), payload
        self.prompt = word_buffer()[: int(800 * payload)]

    def some(self, low: int, high: int) -> str:
        """Between `low` and `high` characters, times the payload."""
        length = int(self.random.randint(low, high) * self.payload)
        start = self.random.randrange(len(word_buffer()) - length)
        return word_buffer()[start : start + length]

    def chance(self, share: float) -> bool:
        """Whether something of this probability happens."""
        return self.random.random() < share


def create_store(folder: Path, payload: float = 1.0) -> Store:
    """An empty MLflow store with one experiment; MLflow makes the schema."""
    from mlflow import MlflowClient

    database = folder / "mlflow.db"
    uri = f"sqlite:///{database}"
    experiment_id = MlflowClient(tracking_uri=uri).create_experiment("bench", artifact_location=(folder / "artifacts").as_uri())
    return Store(uri, database, experiment_id, payload)


def open_store(folder: Path, payload: float = 1.0) -> Store | None:
    """The store that `create_store` made in this folder; None where there is none."""
    database = folder / "mlflow.db"
    return Store(f"sqlite:///{database}", database, "1", payload) if database.exists() else None


def trace_id(number: int) -> str:
    """The id of a trace: random to look at, as MLflow's are."""
    return f"tr-{md5(str(number).encode()).hexdigest()}"


def add_traces(store: Store, first: int, count: int) -> None:
    """Writes traces number `first` .. `first + count - 1`."""
    with closing(sqlite3.connect(store.database)) as connection, filling(connection, anew=first == 0):
        for begin in range(first, first + count, BATCH):
            rows: dict[str, list[Row]] = {table: [] for table in INSERTS}
            for number in range(begin, min(begin + BATCH, first + count)):
                add_trace(rows, store, number)
            with connection:
                for table, columns in INSERTS.items():
                    insert(connection, table, columns.split(), rows[table])


@contextmanager
def filling(connection: sqlite3.Connection, *, anew: bool) -> Generator[None]:
    """Fast and careless settings; of a store that is filled anew the indices are made in the end, by sorting."""
    for setting in (f"cache_size = -{CACHE_KB}", "synchronous = OFF", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {setting}")
    tables = ", ".join(f"'{table}'" for table in INSERTS)
    find = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
    indices = connection.execute(find).fetchall() if anew else []
    for name, _ in indices:
        connection.execute(f'DROP INDEX "{name}"')
    yield
    for _, statement in indices:
        connection.execute(statement)


def insert(connection: sqlite3.Connection, table: str, columns: list[str], rows: Iterable[Row]) -> None:
    """Writes rows of these columns."""
    places = ", ".join("?" for _ in columns)
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def add_trace(rows: dict[str, list[Row]], store: Store, number: int) -> None:
    """One trace in all tables."""
    made = Trace(store, number)
    rows["spans"] += made.spans
    rows["trace_info"].append(made.info)
    rows["trace_tags"] += made.labels(made.tags)
    rows["trace_request_metadata"] += made.labels(made.metadata)
    if number % 5 == 0:
        rows["assessments"].append(feedback(store, number, f"as-{number}", helpful=not made.failed and made.words.chance(0.8)))


class Trace:
    """One trace, as rows."""

    def __init__(self, store: Store, number: int) -> None:
        self.store, self.number, self.id = store, number, trace_id(number)
        self.words, self.began = Words(number, store.payload), START_MS + number * STEP_MS
        ordinary = Words(-1 - self.words.random.randrange(ORDINARY_QUESTIONS), store.payload)
        self.question = (ordinary if self.words.chance(0.1) else self.words).some(60, 300)
        self.answer = "" if self.words.chance(0.01) else self.words.some(200, 900)
        self.version = number // 20 % VERSIONS
        self.tool_failed = False
        self.spans = list(self._spans())
        self.failed = self.tool_failed and self.words.chance(0.4)

    @property
    def info(self) -> Row:
        """The row of the trace itself."""
        said = (self.question[:1_000], self.answer[:1_000], "agent", f"session-{self.number // 4}")
        tokens = (len(self.question), len(self.answer), len(self.question) + len(self.answer))
        state = "ERROR" if self.failed else "OK"
        return (self.id, self.store.experiment_id, self.began, self._offset(len(self.spans)), state, *said, *tokens)

    @property
    def tags(self) -> dict[str, str]:
        """What the agent says of it."""
        env = "dev" if self.number % 5 == 0 else "prod"
        return {"mlflow.trace.spansLocation": "TRACKING_STORE", "version": f"1.{self.version}", "env": env}

    @property
    def metadata(self) -> dict[str, str]:
        """What MLflow says of it."""
        size = 10 * (len(self.question) + len(self.answer))
        return {
            "mlflow.source.name": "agent.py",
            "mlflow.source.type": "LOCAL",
            "mlflow.trace.infoFinalized": "true",
            "mlflow.trace.sizeStats": json.dumps({"total_size_bytes": size, "num_spans": len(self.spans)}),
            "mlflow.traceInputs": self.question[:250],
            "mlflow.traceOutputs": self.answer[:250],
            "mlflow.trace.user": f"user-{self.number % 977}",
            "mlflow.trace_schema.version": "3",
        }

    def labels(self, texts: dict[str, str]) -> list[Row]:
        """Tags or metadata as rows."""
        return [(key, value, self.id) for key, value in texts.items()]

    def _spans(self) -> Iterator[Row]:
        """The root, then models and tools in turn, the last of all a model that answers."""
        asked: list[object] = [{"role": "user", "content": self.question}]
        count = 5 + self.number % 6
        root = self._span_id()
        answered = {"role": "assistant", "content": self.answer}
        yield self._span(0, root, None, ("agent", "AGENT"), {"messages": list(asked)}, answered, count)
        asked.insert(0, {"role": "system", "content": self.words.prompt})
        for place in range(1, count):
            if place % 2 and place < count - 1:
                said = {"role": "assistant", "content": self.words.some(50, 200)}
                yield self._span(place, self._span_id(), root, ("chat", "CHAT_MODEL"), {"messages": asked}, said, count)
            elif place < count - 1:
                tool = self.words.random.randrange(len(TOOLS))
                found, error = self._found(tool)
                query = {"query": self.words.some(10, 60), "limit": 3}
                yield self._span(place, self._span_id(), root, (TOOLS[tool], "TOOL"), query, found, count, error)
                asked = [*asked, {"role": "tool", "content": json.dumps(found)}] if len(asked) < 4 else asked
            else:
                yield self._span(place, self._span_id(), root, ("chat", "CHAT_MODEL"), {"messages": asked}, answered, count)

    def _found(self, tool: int) -> tuple[object, str | None]:
        """What a tool gives, and the error that it raises."""
        fails = tool < 2 and self.words.chance(0.1)
        self.tool_failed = self.tool_failed or fails
        message = f"Error: order W{self.words.random.randrange(10**6)} not found"
        if fails:
            return (None, message) if tool == 0 else ({"error": message}, None)
        entries = [{"id": self.words.random.randrange(10**6), "title": self.words.some(20, 60)} for _ in range(3)]
        return {"results": entries, "body": self.words.some(150, 700)}, None

    def _span_id(self) -> str:
        return f"{self.words.random.getrandbits(64):016x}"

    def _offset(self, place: int) -> int:
        """Milliseconds from the beginning to a place; the last version is slow."""
        return place * 400 * (3 if self.version == VERSIONS - 1 else 1)

    def _span(
        self, place: int, span_id: str, root: str | None, kind: tuple[str, str], inputs: object, outputs: object, count: int,
        error: str | None = None,
    ) -> Row:  # fmt: skip
        name, span_type = kind
        first, last = self._offset(place), self._offset(place + 1 if root else count)
        start, end = ((self.began + offset) * 1_000_000 for offset in (first, last))
        model = "gpt-4o" if span_type == "CHAT_MODEL" else None
        attributes: dict[str, object] = {
            "mlflow.traceRequestId": self.id,
            "mlflow.spanType": span_type,
            "mlflow.spanInputs": inputs,
        }
        if outputs is not None:
            attributes["mlflow.spanOutputs"] = outputs
        if model:
            usage = {"input_tokens": 900, "output_tokens": 120, "total_tokens": 1_020}
            attributes |= {"mlflow.llm.model": model, "mlflow.chat.tokenUsage": usage}
        raised = {"exception.type": "LookupError", "exception.message": error, "exception.stacktrace": "..."}
        content = {
            "trace_id": b64encode(bytes.fromhex(self.id[3:])).decode(),
            "span_id": b64encode(bytes.fromhex(span_id)).decode(),
            "parent_span_id": b64encode(bytes.fromhex(root)).decode() if root else None,
            "name": name,
            "start_time_unix_nano": start,
            "end_time_unix_nano": end,
            "events": [{"name": "exception", "time_unix_nano": end, "attributes": raised}] if error else [],
            "status": {"code": "STATUS_CODE_ERROR" if error else "STATUS_CODE_OK", "message": error or ""},
            "attributes": {key: json.dumps(value) for key, value in attributes.items()},
            "links": [],
        }
        row = (self.id, self.store.experiment_id, span_id, root, name, span_type, "ERROR" if error else "OK", start, end)
        return (*row, json.dumps(content, ensure_ascii=False), model)


def feedback(store: Store, number: int, assessment_id: str, *, helpful: bool) -> Row:
    """A person's word on a trace."""
    began = START_MS + number * STEP_MS
    verdict = ("helpful", "feedback", json.dumps(helpful), began + 60_000, began + 60_000, "HUMAN", "ann", 1, 0)
    return (assessment_id, trace_id(number), store.experiment_id, began, *verdict)


def change_traces(store: Store, numbers: Iterable[int]) -> None:
    """Gives each of these traces feedback, and another value of a tag."""
    changed = list(numbers)
    with closing(sqlite3.connect(store.database)) as connection, connection:
        rows = [feedback(store, number, f"late-{number}", helpful=False) for number in changed]
        insert(connection, "assessments", INSERTS["assessments"].split(), rows)
        ids = [(trace_id(number),) for number in changed]
        connection.executemany("UPDATE trace_tags SET value = 'staging' WHERE key = 'env' AND request_id = ?", ids)


def main() -> None:
    """Builds a store."""
    parser = command_line("bench.trace_store", __doc__, takes="minutes for a million traces")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the store is built")
    parser.add_argument("--traces", type=int, default=1_000_000, help="default: 1,000,000")
    parser.add_argument(
        "--payload", type=float, default=0.25, help="length of texts, as a share of those of real agents (default: 0.25)"
    )
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    store = create_store(arguments.folder, arguments.payload)
    add_traces(store, 0, arguments.traces)
    print(f"{store.uri}, experiment {store.experiment_id}: {store.database.stat().st_size / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
