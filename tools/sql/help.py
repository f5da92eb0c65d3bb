"""What a person or a model must know to write a query: the relations, worked examples, and what is allowed."""

import textwrap
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from .functions import KINDS
from .relations import RELATIONS, Relation

_WIDTH = 120


class Example(NamedTuple):
    """A question, and the query that answers it."""

    question: str
    sql: str


EXAMPLES = (
    Example(
        "Error rate and latency, day by day",
        """
        SELECT date_trunc('day', request_time) AS day, count(*) AS traces, count_if(state = 'ERROR') / count(*) AS error_rate,
          percentile(execution_duration_ms, 0.95) FILTER (WHERE state = 'OK') AS p95_ms
        FROM traces GROUP BY day ORDER BY day
        """,
    ),
    Example(
        "Verbosity: short requests (up to P25) with long responses (above P90), as a share of the OK traces",
        """
        WITH bounds AS (
          SELECT percentile(LENGTH(request), 0.25) AS short, percentile(LENGTH(response), 0.90) AS long
          FROM traces WHERE state = 'OK'
        ), verbose AS (
          SELECT t.trace_id FROM traces t CROSS JOIN bounds b
          WHERE t.state = 'OK' AND LENGTH(t.request) <= b.short AND LENGTH(t.response) > b.long
        )
        SELECT (SELECT count(*) FROM verbose) AS verbose, count(*) AS traces,
          (SELECT count(*) FROM verbose) / count(*) AS share
        FROM traces WHERE state = 'OK'
        """,
    ),
    Example(
        "Failed spans a trace, for OK and ERROR traces",
        """
        SELECT state, count(*) AS traces, avg(size(filter(spans, s -> s.status_code = 'ERROR'))) AS failed_spans
        FROM traces GROUP BY state ORDER BY state
        """,
    ),
    Example(
        "OK traces in which a tool failed",
        """
        SELECT trace_id, transform(filter(spans, s -> s.status_code = 'ERROR'), s -> s.name) AS failed
        FROM traces
        WHERE state = 'OK' AND exists(spans, s -> s.span_type = 'TOOL' AND s.status_code = 'ERROR')
        ORDER BY trace_id LIMIT 20
        """,
    ),
    Example(
        "Tools by failure rate, silent failures counted",
        """
        SELECT name, count(*) AS calls, count_if(status_code = 'ERROR' OR silent_error) / count(*) AS failure_rate,
          percentile(duration_ms, 0.95) AS p95_ms
        FROM spans WHERE span_type = 'TOOL'
        GROUP BY name HAVING count(*) >= 20 ORDER BY failure_rate DESC, name
        """,
    ),
    Example(
        "A tool that fails and is called again at once with the same inputs",
        """
        SELECT a.trace_id, a.span_id, a.name AS note
        FROM spans a JOIN spans b ON b.trace_id = a.trace_id AND b.position = a.position + 1
        WHERE a.status_code = 'ERROR' AND b.name = a.name AND b.inputs = a.inputs
        """,
    ),
    Example(
        "The commonest error messages, numbers masked",
        """
        SELECT regexp_replace(error_text, '[0-9]+', '#') AS message, count(*) AS spans, count(DISTINCT trace_id) AS traces
        FROM spans WHERE error_text IS NOT NULL
        GROUP BY message ORDER BY spans DESC, message LIMIT 20
        """,
    ),
    Example(
        "By the value of a tag",
        """
        SELECT tags['env'] AS env, count(*) AS traces, avg(total_tokens) AS tokens
        FROM traces GROUP BY tags['env'] ORDER BY env
        """,
    ),
    Example(
        "Which tags there are",
        """
        SELECT key, count(*) AS traces, approx_count_distinct(value) AS values
        FROM traces LATERAL VIEW explode(tags) t AS key, value
        GROUP BY key ORDER BY traces DESC, key
        """,
    ),
    Example(
        "A field of the request",
        """
        SELECT get_json_object(request, '$.messages[0].role') AS role, count(*) AS traces
        FROM traces GROUP BY role ORDER BY traces DESC, role
        """,
    ),
    Example(
        "The same question asked again in the same session",
        """
        SELECT trace_id, request_text AS note FROM (
          SELECT trace_id, request_text,
            row_number() OVER (PARTITION BY session_id, request_hash ORDER BY request_time, trace_id) AS time_asked
          FROM traces WHERE session_id IS NOT NULL AND request_hash IS NOT NULL
        ) WHERE time_asked > 1
        """,
    ),
    Example(
        "Feedback, and how long the traces took that got it",
        """
        SELECT a.name, a.value, count(*) AS given, percentile(t.execution_duration_ms, 0.5) AS median_ms
        FROM assessments a JOIN traces t ON t.trace_id = a.trace_id
        WHERE a.kind = 'feedback' GROUP BY a.name, a.value ORDER BY a.name, a.value
        """,
    ),
)

BRIEF = {
    "A tool that fails and is called again at once with the same inputs",
    "OK traces in which a tool failed",
    "A field of the request",
}
"""The questions of the examples that a model is shown."""
UNUSUAL = ("JSON", "arrays, maps, structs", "one row an element", "in FROM")
"""Kinds of functions that a model is told by name, since engines differ in them most."""
USUAL = (
    "text, numbers, times, casts, conditions, aggregates, windows: those of Databricks SQL; what isn't there is refused by name"
)

_RULES = """
One SELECT in the Databricks dialect, WITH in front where needed. Times are UTC. Arrays count from 0 in array[i], from 1 in
element_at. Maps: tags['key'], NULL where it is missing. A query must give the same twice: no clock, no random numbers.
Division by zero and an index beyond an array give NULL (in Databricks an error). approx_percentile and approx_count_distinct
are exact. first, last and any_value follow the order of the stored traces. Patterns have no look-around.
In a string a quote is written \\' ('it\\'s', or "it's"), never '', and a backslash \\\\: digits are '\\\\d+' or '[0-9]+'.
"""


def relations_help() -> str:
    """The relations with the type and meaning of each column, the rules, the functions, and the examples."""
    return _help(EXAMPLES, [_listed(kind) for kind in KINDS])


@cache
def relations_brief() -> str:
    """The same without what can be looked up by trying: for a model, which pays for each word."""
    return _help([each for each in EXAMPLES if each.question in BRIEF], [USUAL, *(_listed(kind) for kind in UNUSUAL)])


@cache
def relations_sketch() -> str:
    """The relations and the rules alone: for a model that can take little."""
    return "\n\n".join(["RELATIONS", *(_relation_text(relation) for relation in RELATIONS), "RULES", _indented(_RULES)]) + "\n"


def _listed(kind: str) -> str:
    return f"{kind}: {', '.join(sorted(KINDS[kind]))}"


def _help(examples: Iterable[Example], functions: Iterable[str]) -> str:
    shown = [f"  -- {example.question}\n{_indented(example.sql)}" for example in examples]
    relations = [_relation_text(relation) for relation in RELATIONS]
    parts = ["RELATIONS", *relations, "RULES", _indented(_RULES), "FUNCTIONS", *map(_wrapped, functions), "EXAMPLES", *shown]
    return "\n\n".join(parts) + "\n"


def _relation_text(relation: Relation) -> str:
    lines = [f"  {relation.name}: {relation.row}"]
    for column in relation.columns:
        lines.append(_wrapped(f"{column.name} {column.type}: {column.meaning}", indent="    "))
    return "\n".join(lines)


def _wrapped(text: str, *, indent: str = "  ") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "    ", break_long_words=False)


def _indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip(), "  ")
