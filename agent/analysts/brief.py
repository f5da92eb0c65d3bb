"""What the model is told about an agent: its rules, its tools, what was counted, and short glimpses of traces.

The rules and the tools come from the traces themselves: the system prompts, and the tools that calls to a model declare.
"""

import json
from collections.abc import Sequence

from ...tools.census.literals import quote
from ...tools.insights.models import Analysis
from ...tools.reading.instructions import Instruction, find_instructions
from ...tools.workbench import Workbench
from .portrait import AGENTS, MODELS, TOOLS

RULES_CHARS = 9000
"""Of the system prompts together: long ones hold whole manuals."""
PROMPTS = 4
"""Prompts that are shown, where the agent's steps have their own ..."""
PROMPT_SHARE = 0.1
"""... each used by at least this share of the calls that use the commonest."""
STEPS = 3
"""Names of steps that are given for a prompt."""
TOOLS_DECLARED = 40
DESCRIPTION_CHARS = 120
GLIMPSE_CHARS = 400

DECLARED = """
SELECT attributes['mlflow.chat.tools'] AS declared, count(*) AS calls FROM spans
WHERE attributes['mlflow.chat.tools'] IS NOT NULL GROUP BY 1 ORDER BY calls DESC, declared LIMIT 1
"""
GLIMPSES = """
WITH calls AS (
  SELECT trace_id, array_join(transform(sort_array(collect_list(struct(position, name))), c -> c.name), ' > ') AS tools
  FROM spans WHERE span_type = 'TOOL' AND trace_id IN ({ids}) GROUP BY trace_id)
SELECT t.trace_id AS trace_id, t.state AS state, substring(t.request_text, 1, {chars}) AS asked,
       substring(t.response_text, 1, {chars}) AS answered, substring(c.tools, 1, {chars}) AS tools
FROM traces AS t LEFT JOIN calls AS c ON c.trace_id = t.trace_id WHERE t.trace_id IN ({ids}) ORDER BY t.trace_id
"""


def agent_rules(bench: Workbench) -> str:
    """The system prompts that it works by, the commonest first; a sentence where the traces hold none."""
    found = _rules(bench)
    if not found:
        return "(no system prompt is recorded)"
    if len(found) == 1:
        return _shortened(found[0].text, RULES_CHARS)
    room, texts = RULES_CHARS, list[str]()
    for place, each in enumerate(found):
        text = _shortened(each.text, room // (len(found) - place))
        room -= len(text)
        texts.append(f"Prompt {place + 1}, of {', '.join(each.steps[:STEPS])}:\n{text}")
    return "\n\n".join(texts)


def known_texts(bench: Workbench) -> dict[str, str]:
    """What stands in every question already, as it stands in the traces, and what it is called there."""
    found = _rules(bench)
    if len(found) == 1:
        return {found[0].text: "the rules above"}
    return {each.text: f"prompt {place} of the rules above" for place, each in enumerate(found, start=1)}


def _rules(bench: Workbench) -> list[Instruction]:
    """The prompts that many calls use, at most a few."""
    found = find_instructions(bench)
    return [each for each in found if each.calls >= PROMPT_SHARE * found[0].calls][:PROMPTS]


def _shortened(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[:chars]} … ({len(text) - chars:,} more characters)"


def agent_tools(bench: Workbench) -> str:
    """Each tool with how often it was called, and what calls to a model declare of it."""
    called = {str(row["name"]): int(str(row["calls"])) for row in bench.query(TOOLS, title="Tools and their calls").to_pylist()}
    declared = _declared(bench)
    lines = [
        f"- {name}: {called.get(name, 0):,} calls{'' if not declared.get(name) else f'; {declared[name]}'}"
        for name in list(dict.fromkeys([*called, *declared]))[:TOOLS_DECLARED]
    ]
    return "\n".join(lines) or "(it has no tools)"


def agent_facts(bench: Workbench) -> str:
    """What was counted about the agent as a whole, with its rules and tools."""
    record = bench.snapshot.record
    names = [str(row["name"]) for row in bench.query(AGENTS, title="What the agent calls itself").to_pylist()]
    models = [str(row["model"]) for row in bench.query(MODELS, title="Models").to_pylist()]
    period = f"from {record.first_trace:%Y-%m-%d} to {record.last_trace:%Y-%m-%d}"
    return (
        f"{record.traces:,} traces with {record.spans:,} spans, {period}.\n"
        f"They are named {', '.join(names) or '(nothing)'}. It calls {', '.join(models) or 'no model that is recorded'}.\n\n"
        f"Its tools:\n{agent_tools(bench)}\n\nIts system prompt:\n{agent_rules(bench)}"
    )


def agent_brief(bench: Workbench, analysis: Analysis) -> str:
    """What every question about traces begins with, the same for all of them, so that providers cache it."""
    said_by = "as a person describes it" if analysis.agent_description_by == "person" else "as it was described from its traces"
    focus = f"\n\nWhat its people want looked at first: {'; '.join(analysis.focus)}" if analysis.focus else ""
    return (
        f"The agent, {said_by}:\n{analysis.agent_description}{focus}\n\nIts tools:\n{agent_tools(bench)}\n\n"
        f"The rules it was given (its system prompt):\n{agent_rules(bench)}"
    )


def glimpses(bench: Workbench, trace_ids: Sequence[str]) -> str:
    """A few lines a trace: what was asked, which tools were called, what was answered. The traces are linked first."""
    bench.look_at(trace_ids)
    ids = ", ".join(quote(each) for each in trace_ids)
    rows = bench.query(GLIMPSES.format(ids=ids, chars=GLIMPSE_CHARS), title="Glimpses of traces").to_pylist() if ids else []
    lines = (
        f"{row['trace_id']} ({row['state']})\nasked: {row['asked'] or '(nothing)'}\n"
        f"tools: {row['tools'] or '(none)'}\nanswered: {row['answered'] or '(nothing)'}"
        for row in rows
    )
    return "\n\n".join(lines) or "(none was drawn)"


def _declared(bench: Workbench) -> dict[str, str]:
    """Name and beginning of the description of each declared tool; nothing where what is recorded is no such list."""
    rows = bench.query(DECLARED, title="The tools that calls to a model declare").to_pylist()
    try:
        listed = json.loads(str(rows[0]["declared"])) if rows else []
        functions = [each.get("function", each) for each in listed]
        return {str(each["name"]): " ".join(str(each.get("description") or "").split())[:DESCRIPTION_CHARS] for each in functions}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
