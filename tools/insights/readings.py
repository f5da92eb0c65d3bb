"""What was read in the memory: a document for each trace and set of questions, and one of all claims that were refused."""

import hashlib
from collections.abc import Sequence

from .memory import Memory
from .models import Refusal, Refusals, TraceReading
from .yaml_documents import to_yaml

FOLDER = "readings"
REFUSALS = "refusals.yaml"
MOST_REFUSALS = 1000
"""Refusals that are kept: what comes after a thousand tells nothing new."""


class ReadingMemory(Memory):
    """The verbs about what a judge read."""

    def write_reading(self, run_id: str, reading: TraceReading) -> None:
        """Keeps what was judged of a trace; for the same trace and questions the first that was kept stays."""
        name = _name(reading)
        with self.files.locks.hold(run_id):
            kept = self._read(TraceReading, run_id, name)
            if kept is None:
                self.files.write(run_id, name, to_yaml(reading))
            self._records[run_id, name] = kept or reading

    def list_readings(self, run_id: str) -> list[TraceReading]:
        """All that was read, in a fixed order; what is known isn't read again."""
        names = [f"{FOLDER}/{name}" for name in self.files.names(run_id, FOLDER)]
        found: list[TraceReading] = []
        for name in names:
            known = self._records.get((run_id, name))
            reading = known if isinstance(known, TraceReading) else self._read(TraceReading, run_id, name)
            if reading is not None:
                self._records[run_id, name] = reading
                found.append(reading)
        return found

    def record_refusals(self, run_id: str, refusals: Sequence[Refusal]) -> None:
        """Keeps claims that were refused, each once."""
        with self.files.locks.hold(run_id):
            kept = self.list_refusals(run_id)
            together = tuple(dict.fromkeys((*kept, *refusals)))[:MOST_REFUSALS]
            if together != tuple(kept):
                self.files.write(run_id, REFUSALS, to_yaml(Refusals(refusals=together)))

    def list_refusals(self, run_id: str) -> list[Refusal]:
        """The claims that were refused, oldest first."""
        kept = self._read(Refusals, run_id, REFUSALS)
        return list(kept.refusals) if kept else []


def _name(reading: TraceReading) -> str:
    asked = "\n".join((reading.trace_id, *sorted(each.hypothesis_id for each in reading.judgements)))
    return f"{FOLDER}/{hashlib.sha256(asked.encode()).hexdigest()[:16]}.yaml"
