"""A scorer of MLflow that looks for an issue: computed where one trace tells, else a judge with the issue's definition."""

import re
from string import Template

from ...tools.insights.models import Issue
from ...tools.traces.extract_statements import TOOL_TYPES
from ...tools.traces.failures import error_in_output

_HEAD = Template('''"""$title

Looks for the issue $issue_id in one trace: $description

Use it with mlflow.genai.evaluate(data=traces, scorers=[$name]). $how
"""

from mlflow.entities import Feedback, Trace
from mlflow.genai.scorers import scorer
''')

_SILENT = f'''import json

from {error_in_output.__module__} import error_in_output


def _fails_silently(span) -> bool:
    """Whether a tool gave an error back under another status: by the rule of the analysis, which has to be installed."""
    return span.span_type in {TOOL_TYPES!r} and error_in_output(json.dumps(span.outputs)) is not None
'''

_COMPUTED = Template('''

@scorer
def $name(trace: Trace) -> Feedback:
    """True where the trace shows the issue."""
    spans = trace.data.spans
    found = [span for span in spans if $condition]
    affected = bool(found)$also
    names = ", ".join(sorted({span.name for span in found}))
    return Feedback(value=affected, rationale=f"{len(found)} of {len(spans)} spans: {names}")
''')

_JUDGED = Template('''from mlflow.genai.judges import make_judge

MODEL = "openai:/gpt-5-mini"  # any model that MLflow's judges take

DEFINITION = $definition

judge = make_judge(
    name="$name",
    instructions=(
        "Decide whether this answer of an agent shows the following issue.\\n\\n"
        + DEFINITION
        + "\\n\\nWhat the user asked:\\n{{ inputs }}\\n\\nWhat the agent answered:\\n{{ outputs }}\\n\\n"
        "Answer true only if the issue is there; quote what shows it."
    ),
    model=MODEL,
    feedback_value_type=bool,
)


@scorer
def $name(trace: Trace) -> Feedback:
    """True where the judge sees the issue in the trace."""
    root = next(span for span in trace.data.spans if span.parent_id is None)
    return judge(inputs=_as_dict(root.inputs), outputs=root.outputs)


def _as_dict(value):
    return value if isinstance(value, dict) else {"request": value}
''')

_FAILED = '(span.status.status_code.value in ("ERROR", "STATUS_CODE_ERROR"))'
_CONDITIONS = {
    "tool_failure_rate": 'span.span_type == "TOOL" and span.name == {segment!r} and (' + _FAILED + " or _fails_silently(span))",
    "ok_with_silent_errors": "not " + _FAILED + " and _fails_silently(span)",
    "span_origin_rate": "span.name == {segment!r} and " + _FAILED,
    "ok_with_failed_spans": _FAILED,
    "trace_error_rate": "span.parent_id is None and " + _FAILED,
}
"""Per measure of the census the condition on a span by which one trace shows it."""
_IS_OK = ' and trace.info.state.value == "OK"'
_ALSO = {"ok_with_failed_spans": _IS_OK, "ok_with_silent_errors": _IS_OK}


def scorer_source(issue: Issue) -> str:
    """The text of a Python file that holds the scorer."""
    measure, segment = issue.fingerprint.measure, issue.fingerprint.segment
    name = f"shows_{re.sub(r'[^a-z0-9]+', '_', issue.issue_id.lower())}"
    condition = _CONDITIONS.get(measure)
    how = "It is computed." if condition else "It asks a model: set MODEL, and its key in the environment."
    head = _HEAD.substitute(
        title=_plain(issue.title), issue_id=issue.issue_id, description=_plain(issue.description), name=name, how=how
    )
    if condition is None:
        definition = f"{issue.title}. {issue.description} Cause: {issue.cause.text}"
        return head + _JUDGED.substitute(name=name, definition=repr(_braceless(definition)))
    silent = _SILENT if "_fails_silently" in condition else ""
    computed = _COMPUTED.substitute(name=name, condition=condition.format(segment=segment), also=_ALSO.get(measure, ""))
    return head + silent + computed


def _plain(text: str) -> str:
    """A text that can stand in a docstring, on one line."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def _braceless(text: str) -> str:
    """A text in which a judge sees no variables of its instructions."""
    return text.replace("{", "(").replace("}", ")")
