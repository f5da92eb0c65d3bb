"""The slice search of an experiment: which outcomes can be looked for, and which attributes its traces have."""

import re
from collections.abc import Iterator

from ..census.literals import quote
from ..insights.models import Census, HypothesisDraft
from ..sql.service import SqlService
from ..traces.extract_statements import VERSION_KEYS
from .capabilities import missing_capabilities
from .outcomes import EMPTY_ANSWER, FAILED_TOOL, NEGATIVE_FEEDBACK
from .plan import Plan, SliceAttribute, SliceOutcome, Slices
from .render import render_plan

RATIO = 2.0
"""Twice as affected as the rest: below that a segment is a difference, not a place to look."""
MAX_TOOLS = 8
"""Tools whose use is an attribute: the commonest that some traces use and some don't."""
MAX_LABELS = 8
"""Tags and metadata keys that are attributes: those that most traces carry."""
OWNER = "proposals"

LABELS_SQL = """
SELECT source, entry.key AS key, count(*) AS traces FROM (
  SELECT 'tags' AS source, explode(map_entries(tags)) AS entry FROM traces
  UNION ALL
  SELECT 'trace_metadata' AS source, explode(map_entries(trace_metadata)) AS entry FROM traces
) AS labels
WHERE NOT regexp_like(entry.key, '^(mlflow|analyze_experiment)[.]')
GROUP BY source, entry.key HAVING count(DISTINCT entry.value) BETWEEN 2 AND 20 ORDER BY traces DESC, source, key
"""
"""Spread out in the list of a SELECT: a LATERAL VIEW is answered by a join that holds all maps at once."""

TIMES = {
    "hour": (
        "time of day (UTC)",
        "CASE WHEN hour(request_time) < 6 THEN '00-06' WHEN hour(request_time) < 12 THEN '06-12' "
        "WHEN hour(request_time) < 18 THEN '12-18' ELSE '18-24' END",
    ),
    "weekday": ("day of the week (UTC)", "date_format(request_time, 'EEE')"),
}
"""Attributes of every trace: title, and expression over `traces`."""

NAMES = (*TIMES, "version", "model", "request_length", "turn")
"""Names of attributes that labels and tools can't take."""

DURATION = "SELECT trace_id, execution_duration_ms AS value FROM traces WHERE state = 'OK' AND execution_duration_ms IS NOT NULL"

MODEL = "SELECT trace_id, min_by(model, position) AS value FROM spans WHERE model IS NOT NULL GROUP BY trace_id"

REQUEST_LENGTH = """
SELECT trace_id, CASE WHEN request_chars <= 50 THEN 'up to 50' WHEN request_chars <= 200 THEN '51-200'
                      WHEN request_chars <= 1000 THEN '201-1,000' WHEN request_chars > 1000 THEN 'over 1,000' END AS value
FROM traces
"""

TURN = """
SELECT trace_id, CASE WHEN turn = 1 THEN 'first' WHEN turn <= 3 THEN '2-3' WHEN turn <= 7 THEN '4-7' ELSE '8 and on' END AS value
FROM (SELECT trace_id, row_number() OVER (PARTITION BY session_id ORDER BY request_time, trace_id) AS turn
      FROM traces WHERE session_id IS NOT NULL) AS turns
"""

REPEATED = """
SELECT trace_id FROM spans WHERE span_type = 'TOOL' AND inputs_hash IS NOT NULL
GROUP BY trace_id, name, inputs_hash HAVING count(*) >= 3
"""


def slices_drafts(sql: SqlService, census: Census) -> Iterator[HypothesisDraft]:
    """The searches for segments in which what goes wrong concentrates.

    What users get is looked for in every segment. What happens inside (failing and repeated tool calls, slowness) only in
    segments that don't decide how much work a request is: that requests with more tool calls have more failing ones and take
    longer is no fault.

    Raises:
        QueryError: the labels can't be read.
    """
    taken = set(NAMES)
    circumstances = (*_circumstances(census), *_labels(sql, taken))
    yield _draft(
        f"Some segment of the traces ends in errors, stays empty or displeases at least {RATIO:g} times as often as the rest.",
        "A failure that concentrates in a version, a model, a tool or a kind of request points to where it begins.",
        tuple(_results(census)),
        (*circumstances, *_workloads(census, taken)),
    )
    inside = tuple(_workings(census))
    if inside:
        yield _draft(
            f"In some segment tools fail, calls repeat or traces are slow at least {RATIO:g} times as often as in the rest.",
            "Trouble that concentrates in a version, a model, a place or a time of day has a cause there.",
            inside,
            circumstances,
        )


def _draft(
    statement: str, rationale: str, outcomes: tuple[SliceOutcome, ...], attributes: tuple[SliceAttribute, ...]
) -> HypothesisDraft:
    plan = Plan(
        estimand="process",
        decision=Slices(outcomes=outcomes, attributes=attributes, ratio=RATIO, threshold_source="playbook"),
    )
    return HypothesisDraft(
        statement=statement,
        rationale=rationale,
        testing_plan=render_plan(plan),
        plan=plan,
        source="slice",
        kind="operational",
    )


def _results(census: Census) -> Iterator[SliceOutcome]:
    """What users get."""
    yield SliceOutcome(name="trace_error", title="Trace errors", sql="SELECT trace_id FROM traces WHERE state = 'ERROR'")
    if "feedback" not in missing_capabilities(census):
        yield SliceOutcome(name="negative_feedback", title="Negative feedback", sql=NEGATIVE_FEEDBACK)
    yield SliceOutcome(name="empty_answer", title="Empty answers", sql=EMPTY_ANSWER)


def _workings(census: Census) -> Iterator[SliceOutcome]:
    """What happens inside."""
    missing = missing_capabilities(census)
    if "tools" not in missing:
        failed = f"SELECT trace_id, span_id, substring(error_text, 1, 200) AS note FROM spans WHERE {FAILED_TOOL}"
        yield SliceOutcome(name="failed_tool", title="Failed tool calls", sql=failed)
        if _any(census, "tool_error_rate") and _any(census, "tool_silent_error_rate"):  # else it is the same outcome twice
            silent = "SELECT trace_id FROM traces WHERE silent_error_count > 0"
            yield SliceOutcome(name="silent_tool_error", title="Silent tool errors", sql=silent)
        yield SliceOutcome(name="repeated_calls", title="Repeated tool calls", sql=REPEATED.strip())
    if "measured_durations" not in missing:
        yield SliceOutcome(name="slow", title="Slow traces", sql=DURATION, quantile="p95")


def _circumstances(census: Census) -> Iterator[SliceAttribute]:
    """Under which conditions a request is served."""
    missing = missing_capabilities(census)
    for name, (title, expression) in TIMES.items():
        yield SliceAttribute(name=name, title=title, sql=f"SELECT trace_id, {expression} AS value FROM traces")
    if "versions" not in missing:
        yield SliceAttribute(name="version", title="version", sql="SELECT trace_id, version AS value FROM traces")
    if "models" not in missing:
        yield SliceAttribute(name="model", title="the first model called", sql=MODEL)


def _labels(sql: SqlService, taken: set[str]) -> Iterator[SliceAttribute]:
    """The experiment's own tags and metadata that divide its traces."""
    found = sql.query(LABELS_SQL.strip(), title="Tags and metadata with 2 to 20 values", owner=OWNER).table.to_pylist()
    for key, source in [(str(row["key"]), row["source"]) for row in found if row["key"] not in VERSION_KEYS][:MAX_LABELS]:
        labelled = f"SELECT trace_id, element_at({source}, {quote(key)}) AS value FROM traces"
        yield SliceAttribute(name=_name(key, taken), title=key, sql=labelled)


def _workloads(census: Census, taken: set[str]) -> Iterator[SliceAttribute]:
    """What a request asks for, and how much work it is."""
    yield SliceAttribute(name="request_length", title="length of the request", sql=REQUEST_LENGTH.strip())
    if "sessions" not in missing_capabilities(census):
        yield SliceAttribute(name="turn", title="turn of the session", sql=TURN.strip())
    for tool in _tools(census):
        name = _name(f"uses_{tool}", taken)
        yield SliceAttribute(name=name, title=f"calling {tool} before anything fails", sql=_used(tool))


def _used(tool: str) -> str:
    """Which traces call a tool up to their first failed call: what is called after it may be called because of it.

    Traces that don't have no value, so that "not called" is no segment: a failure cuts a trace's calls short, and would make one.
    """
    return f"""
SELECT s.trace_id,
       max(CASE WHEN s.span_type = 'TOOL' AND s.name = {quote(tool)} AND s.position <= coalesce(f.position, s.position)
                THEN 'yes' END) AS value
FROM spans AS s
LEFT JOIN (SELECT trace_id, min(position) AS position FROM spans WHERE {FAILED_TOOL} GROUP BY trace_id) AS f
  ON f.trace_id = s.trace_id
GROUP BY s.trace_id
""".strip()


def _any(census: Census, name: str) -> bool:
    return any(bucket.numerator for bucket in census.find(name))


def _tools(census: Census) -> list[str]:
    """The commonest tools that divide the traces: at least one in twenty uses them, and at least one in twenty doesn't."""
    dividing = [bucket for bucket in census.find("tool_traces") if bucket.value is not None and 0.05 <= bucket.value <= 0.95]
    ranked = sorted(dividing, key=lambda bucket: (-(bucket.numerator or 0), bucket.segment))
    return [bucket.segment for bucket in ranked[:MAX_TOOLS]]


def _name(text: str, taken: set[str]) -> str:
    """A name for an attribute: what may stand in one of the text, numbered where it is taken."""
    stem = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    stem = stem if stem[:1].isalpha() else f"label_{stem}".rstrip("_")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    taken.add(name)
    return name
