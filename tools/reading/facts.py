"""What overviews are made of: of a seeded sample of traces what was asked, done and answered, in the order it happened."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..census.literals import quote
from ..traces.texts import answered, conversation, parsed
from ..traces.views import MODEL_TYPES
from ..workbench import Workbench
from .transcript import SAYS_ERROR, TOOL_TYPES, canonical

Half = Literal["discovery", "all"]
"""`discovery` wherever what is seen may suggest something to a model or a person that is then tested."""

MOST_TRACES = 400
"""Traces that an overview is made of at most: drawn by the seed, and said so."""

READS = re.compile(
    r"^(get|list|search|find|look|fetch|read|query|check|calc|compute|think|retrieve|describe|show|count|view|verify|validate|estimate"
    r"|browse|open|scroll|grep|cat|ls|plan|reason|transfer|load|select|rank|rerank|embed|classify|parse|format)",
    re.IGNORECASE,
)
"""Names of tools that change nothing, or hand over."""

TRACES = """
SELECT t.trace_id AS trace_id, t.state AS state, t.request_hash AS request_hash, t.request_text AS request,
       t.response_text AS response
FROM traces AS t{which}
ORDER BY md5(concat('{seed}:', t.trace_id)), t.trace_id LIMIT {most}
"""
SPANS = """
SELECT s.trace_id AS trace_id, s.span_id AS span_id, s.position AS position, s.name AS name, s.span_type AS span_type,
       s.status_code AS status_code, s.silent_error AS silent_error, s.inputs AS inputs, s.outputs AS outputs
FROM spans AS s WHERE s.trace_id IN ({ids}) AND s.span_type IN ({types}) ORDER BY 1, 3
"""
DISCOVERY = "\nJOIN clusters AS h ON h.trace_id = t.trace_id AND h.half = 'discovery'"
COUNT = "SELECT count(*) AS traces FROM traces AS t{half}"


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    position: int
    name: str
    given: str
    gave: str
    failed: bool

    @property
    def writes(self) -> bool:
        """Whether it changes something, by its name."""
        return READS.match(self.name.split(".")[-1].split("__")[-1]) is None


@dataclass(frozen=True)
class Said:
    """One message of a conversation, once."""

    position: int
    role: str
    text: str


@dataclass(frozen=True)
class TraceFacts:
    """What happened in one trace."""

    trace_id: str
    state: str
    request_hash: str
    request: str
    response: str
    calls: list[Call] = field(default_factory=lambda: list[Call]())
    said: list[Said] = field(default_factory=lambda: list[Said]())

    @property
    def writes(self) -> list[Call]:
        """The calls that changed something, or tried to."""
        return [call for call in self.calls if call.writes]

    def asked_before(self, position: int) -> str:
        """What the user said last before this span."""
        earlier = [each.text for each in self.said if each.role in {"user", "human"} and each.position <= position]
        return earlier[-1] if earlier else self.request


@dataclass(frozen=True)
class Facts:
    """A sample of traces, and how many it was drawn from."""

    traces: tuple[TraceFacts, ...]
    population: int
    half: Half

    @property
    def of_what(self) -> str:
        """`98 traces of the discovery half`, `400 traces drawn from 12,000`."""
        where = " of the discovery half" if self.half == "discovery" else ""
        if len(self.traces) == self.population:
            return f"{self.population:,} traces{where}"
        return f"{len(self.traces):,} traces drawn from {self.population:,}{where}"


def gather(bench: Workbench, *, half: Half = "discovery", most: int = MOST_TRACES) -> Facts:
    """Reads what overviews need of a seeded random sample; nothing is shown yet, so nothing is linked."""
    join = DISCOVERY if half == "discovery" else ""
    population = int(bench.query(COUNT.format(half=join), title="Traces that overviews are drawn from")["traces"][0].as_py())
    return Facts(tuple(_facts(bench, join, most)), population, half)


def gather_these(bench: Workbench, trace_ids: Iterable[str], *, most: int = MOST_TRACES) -> list[TraceFacts]:
    """The same of given traces, at most so many of them, drawn by the seed; nothing is linked."""
    listed = ", ".join(map(quote, sorted(set(trace_ids))))
    return _facts(bench, f"\nWHERE t.trace_id IN ({listed})", most) if listed else []


def _facts(bench: Workbench, which: str, most: int) -> list[TraceFacts]:
    rows = bench.query(TRACES.format(which=which, seed=bench.seed, most=most), title="Traces for an overview").to_pylist()
    facts = [
        TraceFacts(
            str(row["trace_id"]), str(row["state"]), str(row["request_hash"] or ""), row["request"] or "", row["response"] or ""
        )
        for row in rows
    ]
    spans = _spans(bench, [each.trace_id for each in facts])
    for each in facts:
        _tell(each, spans[each.trace_id])
    return facts


def _spans(bench: Workbench, trace_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if trace_ids:
        types = ", ".join(quote(each) for each in sorted(MODEL_TYPES | TOOL_TYPES))
        sql = SPANS.format(ids=", ".join(map(quote, trace_ids)), types=types)
        for row in bench.query(sql, title="Spans for an overview").to_pylist():
            found[str(row["trace_id"])].append(row)
    return found


def _tell(trace: TraceFacts, spans: Iterable[dict[str, Any]]) -> None:
    """Fills in calls and messages; a message that a later call to a model repeats is heard once."""
    heard: set[tuple[str, str]] = set()
    for span in spans:
        inputs, outputs, position = span["inputs"] or "", span["outputs"] or "", int(span["position"])
        if span["span_type"] in TOOL_TYPES:
            failed = span["status_code"] == "ERROR" or bool(span["silent_error"]) or bool(SAYS_ERROR.search(outputs[:300]))
            trace.calls.append(Call(position, str(span["name"]), inputs, outputs, failed))
            continue
        messages = conversation(parsed(inputs)) if inputs else []
        if outputs and (answer := answered(parsed(outputs))):
            messages.append(("assistant", answer))
        for role, text in messages:
            key = (role, canonical(text)) if len(messages) > 2 else (role, f"{position}")
            if text.strip() and key not in heard:
                heard |= {key, (role, canonical(text))}
                trace.said.append(Said(position, role, text.strip()))
