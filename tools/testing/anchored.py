"""Hypotheses that start from a figure of the census: what its failing tools and its quality proxies may mean for the answers.

A proxy proves nothing by itself; what is tested is whether it goes with failures that the spans show.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..census.definitions import MINIMAL_CHARS
from ..census.literals import quote
from ..insights.models import Anchor, Bucket, Census, HypothesisDraft
from ..traces.answers import APOLOGY, HEDGING
from .capabilities import missing_capabilities
from .outcomes import BAD_OUTCOME, BAD_OUTCOME_TITLE, FAILED_STEP, FAILED_TOOL
from .plan import Contrast, Plan, QueryStep
from .render import render_plan

RATIO = 1.5
"""The least ratio between two groups that is worth naming: half as often again."""
MIN_TRACES = 5
"""A figure with fewer traces starts nothing: no comparison could show anything with them."""
MAX_TOOLS = 3
"""Failing tools that get a hypothesis of their own: those that fail in most traces."""


LONG_REQUESTS = """
SELECT t.trace_id FROM traces AS t
CROSS JOIN (SELECT percentile(request_chars, 0.75) AS complex, percentile(execution_duration_ms, 0.1) AS fast
            FROM traces WHERE state = 'OK' AND request_chars IS NOT NULL AND execution_duration_ms > 0) AS l
WHERE t.state = 'OK' AND t.request_chars > l.complex AND t.execution_duration_ms
""".strip()
"""OK traces with a request over P75, up to the comparison of their duration."""


class Proxy(NamedTuple):
    """A quality proxy of the census, and the answers that it counts, as SQL over `traces`."""

    bucket: str
    answers: str
    condition: str
    why: str


PROXIES = (
    Proxy(
        "hedging",
        "answers with words of doubt",
        f"regexp_like(response_text, {quote(HEDGING)})",
        "The agent may guess where a step gave it nothing to rest on.",
    ),
    Proxy(
        "apology",
        "answers that apologise",
        f"regexp_like(response_text, {quote(APOLOGY)})",
        "Apologies may be what users see of failures that no trace state shows.",
    ),
    Proxy(
        "minimal_responses",
        f"answers under {MINIMAL_CHARS} characters",
        f"response_chars BETWEEN 1 AND {MINIMAL_CHARS - 1}",
        "Where a step failed there may be little left to say.",
    ),
)


def anchored_drafts(census: Census) -> Iterator[HypothesisDraft]:
    """One draft a figure that is large enough to start from."""
    missing = missing_capabilities(census)
    failing = [bucket for bucket in census.find("tool_failing_traces") if (bucket.numerator or 0) >= MIN_TRACES]
    for bucket in sorted(failing, key=lambda each: (-(each.numerator or 0), each.segment))[:MAX_TOOLS]:
        yield _tool_harms_answers(bucket)
    if failing:
        for proxy in PROXIES:
            for bucket in census.find(proxy.bucket):
                if (bucket.numerator or 0) >= MIN_TRACES:
                    yield _proxy_follows_failure(proxy, bucket)
    if not {"measured_durations", "tools"} & missing.keys():
        for bucket in census.find("rushed_processing"):
            if (bucket.numerator or 0) >= MIN_TRACES:
                yield _rushed_skips_tools(bucket)


def _tool_harms_answers(bucket: Bucket) -> HypothesisDraft:
    tool = bucket.segment
    failed = f"SELECT trace_id FROM spans WHERE {FAILED_TOOL} AND name = {quote(tool)}"
    return _draft(
        bucket,
        statement=f"When {tool} fails, the answer fails, refuses or displeases at least {RATIO:g} times as often.",
        rationale=f"{tool} fails in {bucket.numerator:,} of the {bucket.denominator or 0:,} traces that call it; "
        "whether users feel that isn't known.",
        plan=Plan(
            estimand="process",
            population=f"SELECT DISTINCT trace_id FROM spans WHERE span_type = 'TOOL' AND name = {quote(tool)}",
            population_title=f"traces that call {tool}",
            steps=(
                QueryStep(role="exposed", title=f"traces in which {tool} fails", sql=failed),
                QueryStep(role="affected", title=BAD_OUTCOME_TITLE, sql=BAD_OUTCOME),
            ),
            decision=Contrast(ratio=RATIO, threshold_source="playbook"),
        ),
    )


def _proxy_follows_failure(proxy: Proxy, bucket: Bucket) -> HypothesisDraft:
    answers = f"SELECT trace_id, substring(response_text, 1, 200) AS note FROM traces WHERE state = 'OK' AND {proxy.condition}"
    return _draft(
        bucket,
        statement=f"Traces with a failed step end in {proxy.answers} at least {RATIO:g} times as often as the others.",
        rationale=f"The census counts {bucket.numerator:,} of {bucket.denominator or 0:,} {proxy.answers}. {proxy.why}",
        plan=Plan(
            estimand="process",
            population="SELECT trace_id FROM traces WHERE state = 'OK' AND response_chars > 0",
            population_title="OK traces with an answer",
            steps=(
                QueryStep(role="exposed", title="traces with a failed step", sql=FAILED_STEP),
                QueryStep(role="affected", title=proxy.answers, sql=answers),
            ),
            decision=Contrast(ratio=RATIO, threshold_source="playbook"),
        ),
    )


def _rushed_skips_tools(bucket: Bucket) -> HypothesisDraft:
    fast = QueryStep(role="exposed", title="long requests answered faster than P10", sql=f"{LONG_REQUESTS} < l.fast")
    toolless = QueryStep(
        role="affected", title="traces without a tool call", sql="SELECT trace_id FROM traces WHERE tool_call_count = 0"
    )
    return _draft(
        bucket,
        statement=f"Long requests answered fastest go without any tool at least {RATIO:g} times as often as other long ones.",
        rationale=f"{bucket.numerator:,} of {bucket.denominator or 0:,} long requests look rushed; "
        "they may be answered from the model's memory.",
        plan=Plan(
            estimand="process",
            population=f"{LONG_REQUESTS} > 0",
            population_title="long requests (over P75) that end OK",
            steps=(fast, toolless),
            decision=Contrast(ratio=RATIO, threshold_source="playbook"),
        ),
    )


def _draft(bucket: Bucket, *, statement: str, rationale: str, plan: Plan) -> HypothesisDraft:
    return HypothesisDraft(
        statement=statement,
        rationale=rationale,
        testing_plan=render_plan(plan),
        plan=plan,
        source="census",
        kind="quality",
        anchor=anchor_of(bucket),
    )


def anchor_of(bucket: Bucket) -> Anchor:
    """The figure that a hypothesis starts from."""
    return Anchor(name=bucket.name, segment=bucket.segment, numerator=bucket.numerator, denominator=bucket.denominator)
