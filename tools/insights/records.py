"""What an analysis writes once: snapshot, census, proposals, queries; and its report, which may be written again."""

from typing import TypeVar

from pydantic import BaseModel

from ..errors import MemoryRefused, UserError
from .identity import require_query_id
from .memory import Memory
from .models import Census, Proposals, QueryRecord, SnapshotRecord
from .yaml_documents import to_yaml

M = TypeVar("M", bound=BaseModel)

SNAPSHOT = "snapshot.yaml"
CENSUS = "baseline_census.yaml"
REPORT, PAGE = "report.md", "report.html"
QUERY = "query_"


class RecordMemory(Memory):
    """The verbs about what an analysis keeps besides its hypotheses and issues."""

    def write_snapshot(self, run_id: str, record: SnapshotRecord) -> None:
        """Keeps which traces the analysis is about.

        Raises:
            MemoryRefused: Another snapshot is kept already.
        """
        self._write_once(run_id, SNAPSHOT, record)

    def read_snapshot(self, run_id: str) -> SnapshotRecord | None:
        """Which traces the analysis is about; None before that is fixed."""
        return self._recorded(SnapshotRecord, run_id, SNAPSHOT)

    def write_census(self, run_id: str, census: Census) -> None:
        """Keeps the census.

        Raises:
            MemoryRefused: Another census is kept already.
        """
        self._write_once(run_id, CENSUS, census)

    def read_census(self, run_id: str) -> Census | None:
        """The census; None before it is taken."""
        return self._recorded(Census, run_id, CENSUS)

    def write_proposals(self, run_id: str, proposals: Proposals) -> Proposals:
        """Keeps a complete list of proposals; the list that is kept already for this step and round wins, and is returned."""
        return self._first(run_id, _proposals(proposals.step, proposals.round), proposals)

    def read_proposals(self, run_id: str, step: str, round: int) -> Proposals | None:
        """The proposals of a step and round; None before they are made."""
        return self._recorded(Proposals, run_id, _proposals(step, round))

    def write_query(self, run_id: str, record: QueryRecord) -> None:
        """Keeps an executed query. The same query on the same snapshot is the same record.

        Of several titles the first by alphabet stays: which of two hypotheses asks first is chance, what is kept isn't.
        """
        name = f"{QUERY}{require_query_id(record.query_id)}.yaml"
        with self.files.locks.hold(run_id):
            kept = self._first(run_id, name, record)
            if record.title < kept.title:
                self._replace(run_id, name, kept.model_copy(update={"title": record.title}))

    def read_query(self, run_id: str, query_id: str) -> QueryRecord:
        """One executed query.

        Raises:
            UserError: The analysis has no such query.
        """
        record = self._recorded(QueryRecord, run_id, f"{QUERY}{require_query_id(query_id)}.yaml")
        if record is None:
            raise UserError(f"Analysis {run_id!r} has no query {query_id!r}.")
        return record

    def list_queries(self, run_id: str) -> list[QueryRecord]:
        """All executed queries, by id."""
        names = [name for name in self.files.names(run_id) if name.startswith(QUERY) and name.endswith(".yaml")]
        found = [self._recorded(QueryRecord, run_id, name) for name in names]
        return [record for record in found if record is not None]

    def write_report(self, run_id: str, markdown: str, page: str) -> None:
        """Keeps the report, in markdown and as a page; an earlier one is replaced."""
        with self.files.locks.hold(run_id):
            for name, text in ((REPORT, markdown), (PAGE, page)):
                if self.files.read(run_id, name) != text:
                    self.files.write(run_id, name, text)

    def read_report(self, run_id: str) -> str | None:
        """The report in markdown; None before it is written."""
        return self.files.read(run_id, REPORT)

    def read_page(self, run_id: str) -> str | None:
        """The report as a page; None before it is written."""
        return self.files.read(run_id, PAGE)

    def _write_once(self, run_id: str, name: str, record: BaseModel) -> None:
        kept = self._first(run_id, name, record)
        if to_yaml(kept) != to_yaml(record):
            raise MemoryRefused(f"insights/{name} of run {run_id} is written once, and holds something else already.")

    def _first(self, run_id: str, name: str, record: M) -> M:
        """The record that is kept under this name: the one that is there, or else this one."""
        with self.files.locks.hold(run_id):
            kept = self._recorded(type(record), run_id, name)
            if kept is not None:
                return kept
            return self._replace(run_id, name, record)

    def _replace(self, run_id: str, name: str, record: M) -> M:
        self.files.write(run_id, name, to_yaml(record))
        self._records[run_id, name] = record
        return record

    def _recorded(self, kind: type[M], run_id: str, name: str) -> M | None:
        cached = self._records.get((run_id, name))
        if isinstance(cached, kind):
            return cached
        record = self._read(kind, run_id, name)
        if record is not None:
            self._records[run_id, name] = record
        return record


def _proposals(step: str, round: int) -> str:
    return f"proposals_{step}_{round}.yaml"
