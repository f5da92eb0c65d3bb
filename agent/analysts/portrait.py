"""A paragraph about an agent, made by counting what its traces say of it (workflow 2.1.5)."""

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ...tools.reading.instructions import find_instructions
from ...tools.workbench import Workbench

AT_ONCE = 2
"""Questions that are asked at the same time: what the agent was told takes as long as all others together."""
SAMPLE = 20
"""Traces whose request is looked at, as the workflow has it."""
READS = (
    "get",
    "find",
    "search",
    "list",
    "lookup",
    "look",
    "fetch",
    "read",
    "query",
    "check",
    "retrieve",
    "calculate",
    "think",
    "quote",
)
"""Verbs with which the names of tools begin that only look something up."""
STOPWORDS = frozenset(
    """
    a about after all also am an and any are as at be been before but by can could did do does for from get go had has have hello
    help hey hi how i if im in into is it its just like ll let make me my need no not of ok on one or our out please so some than
    thank thanks that the their them then there these they this to today up us ve want was we were what when where which who why
    will with would yes you your
    """.split()  # noqa: SIM905 - words as prose are easier to read and to extend than a list of a hundred strings
)
"""English words that say nothing about what users want."""

TOOLS = """
SELECT name, count(*) AS calls FROM spans WHERE span_type = 'TOOL' GROUP BY name ORDER BY calls DESC, name LIMIT 40
"""
AGENTS = "SELECT name, count(*) AS traces FROM traces WHERE name IS NOT NULL GROUP BY name ORDER BY traces DESC, name LIMIT 1"
MODELS = "SELECT model, count(*) AS calls FROM spans WHERE model IS NOT NULL GROUP BY model ORDER BY calls DESC, model LIMIT 3"
SESSIONS = "SELECT count(DISTINCT session_id) AS sessions, count(session_id) AS turns FROM traces"
REQUESTS = f"""
SELECT trace_id, request_text FROM traces WHERE request_text IS NOT NULL ORDER BY md5(trace_id) LIMIT {SAMPLE}
"""


def portray(bench: Workbench) -> str:
    """What the agent is, as far as counting can tell; the traces it looks at are linked first."""

    def rows(sql: str, title: str) -> list[dict[str, object]]:
        return bench.query(sql, title=title).to_pylist()

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="portrait") as threads:
        instructions = threads.submit(find_instructions, bench)
        counted = threads.map(
            rows,
            (AGENTS, TOOLS, MODELS, SESSIONS, REQUESTS),
            ("What the agent calls itself", "Tools and their calls", "Models", "Sessions", f"{SAMPLE} requests"),
        )
    agents, called, modelled, (sessions,), sample = counted
    tools = [(str(row["name"]), _whole(row["calls"])) for row in called]
    models = [str(row["model"]) for row in modelled]
    prompts = [each.text for each in instructions.result()[:1]]
    bench.look_at([str(row["trace_id"]) for row in sample])
    sentences = [
        f"An agent that its traces call {str(agents[0]['name'])!r}." if agents else "An agent without a name in its traces.",
        _system_sentence(prompts),
        _tool_sentence(tools),
        f"It calls the model{'s' if len(models) > 1 else ''} {', '.join(models)}." if models else "",
        _session_sentence(_whole(sessions["sessions"]), _whole(sessions["turns"])),
        _word_sentence([str(row["request_text"]) for row in sample]),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _whole(value: object) -> int:
    return int(str(value))


def _system_sentence(prompts: list[str]) -> str:
    """The beginning of the system prompt, which says best what an agent is meant for."""
    if not prompts:
        return ""
    text = re.sub(r"[#*_`>]+", "", prompts[0])
    text = " ".join(text.split())
    return f"Its system prompt begins: “{text[:240].rstrip()}{'…' if len(text) > 240 else ''}”."


def _tool_sentence(tools: list[tuple[str, int]]) -> str:
    if not tools:
        return "It calls no tools."
    reads = [tool for tool in tools if re.split(r"[^a-z]+", tool[0].lower())[0] in READS]
    acts = [tool for tool in tools if tool not in reads]
    parts = [
        f"looks things up with {_listed(reads)}" if reads else "",
        f"{'acts' if reads else 'works'} with {_listed(acts)}" if acts else "",
    ]
    return f"It has used {len(tools)} tool{'s' if len(tools) > 1 else ''}: it {' and '.join(part for part in parts if part)}."


def _listed(tools: list[tuple[str, int]]) -> str:
    named = ", ".join(f"{name} ({calls:,} call{'s' if calls > 1 else ''})" for name, calls in tools[:6])
    return named + (f" and {len(tools) - 6} more" if len(tools) > 6 else "")


def _session_sentence(sessions: int, turns: int) -> str:
    return f"Its traces are turns of {sessions:,} sessions, {turns / sessions:.1f} turns each." if sessions else ""


def _word_sentence(requests: Sequence[str]) -> str:
    """The words that most of the sampled requests share, by how many requests use them."""
    used: Counter[str] = Counter()
    for request in requests:
        used.update({word for word in re.findall(r"[^\W\d_]{3,}", request.lower()) if word not in STOPWORDS})
    common = [word for word, count in sorted(used.items(), key=lambda item: (-item[1], item[0])) if count > 1][:8]
    return f"In {len(requests)} sampled requests users speak of {', '.join(common)}." if common else ""
