"""What an agent was told to do: the system prompts of its calls to models, in whatever shape, the commonest first."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from ..census.literals import quote
from ..traces.texts import Json, conversation, parsed
from ..traces.views import MODEL_TYPES
from ..workbench import Workbench
from .glance import masked

SAMPLE = 200
"""First calls, one for each trace and step, that prompts are taken from."""
ROLES = frozenset({"system", "developer"})
BESIDE = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt")
"""Keys that hold instructions beside the messages."""
ALIKE_CHARS = 300
"""Prompts whose beginnings are the same but for numbers and names are one, filled in differently."""

CALLS = """
WITH firsts AS (
  SELECT s.trace_id, min_by(s.span_id, s.position) AS span_id
  FROM spans AS s WHERE s.span_type IN ({types}) AND s.inputs IS NOT NULL GROUP BY s.trace_id, s.name),
drawn AS (
  SELECT trace_id, span_id, md5(concat('{seed}:', trace_id, span_id)) AS draw FROM firsts
  ORDER BY draw, span_id LIMIT {sample})
SELECT s.name AS name, s.inputs AS inputs
FROM drawn AS d JOIN spans AS s ON s.trace_id = d.trace_id AND s.span_id = d.span_id ORDER BY d.draw, d.span_id
"""


@dataclass(frozen=True)
class Instruction:
    """A system prompt."""

    text: str
    """As it stands in most of the calls that use it."""
    calls: int
    """Of the sampled calls, how many use it."""
    steps: tuple[str, ...]
    """The names of the steps that use it, the commonest first."""


def find_instructions(bench: Workbench) -> list[Instruction]:
    """The system prompts of a seeded sample of calls; none where the traces hold none."""
    types = ", ".join(quote(each) for each in sorted(MODEL_TYPES))
    sql = CALLS.format(types=types, seed=bench.seed, sample=SAMPLE)
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for row in bench.query(sql, title="What the agent was told to do").to_pylist():
        if text := instruction_in(parsed(str(row["inputs"]))):
            key = masked(text)[:ALIKE_CHARS]
            texts[key][text] += 1
            steps[key][str(row["name"])] += 1
    found = [
        Instruction(
            min(counted, key=lambda text: (-counted[text], text)),
            counted.total(),
            tuple(name for name, _ in sorted(steps[key].items(), key=lambda item: (-item[1], item[0]))),
        )
        for key, counted in texts.items()
    ]
    return sorted(found, key=lambda each: (-each.calls, each.text))


def instruction_in(request: Json) -> str:
    """The instructions in a request to a model: its system messages, and what stands beside the messages; empty where none do."""
    beside = [request[key] for key in BESIDE if request.get(key)] if isinstance(request, dict) else []
    texts = [text for role, text in conversation(request) if role in ROLES]
    texts += [_plain(value) for value in beside]
    return "\n\n".join(text.strip() for text in texts if text.strip())


def _plain(value: Json) -> str:
    """The text of content parts, however they are nested."""
    match value:
        case str():
            return value
        case list():
            return "\n".join(filter(None, map(_plain, value)))
        case dict():
            return _plain(value.get("text") or value.get("parts") or value.get("content"))
        case _:
            return ""
