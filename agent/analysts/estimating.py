"""About what an analysis will ask a language model, before the first question: from how many traces there are and how long."""

import math

from ...graph.ports import Estimate
from ...graph.reading_room import MOST_QUESTIONS
from ...tools.insights.models import Usage
from ...tools.testing.families import READ_SLOTS, family_levels
from ...tools.testing.sequential import ReadBound, default_cap
from ...tools.workbench import Workbench
from ..model import LanguageModel
from ..model.budget import BYTES_PER_TOKEN
from .planning import READ_SHARE
from .proposing import limit_readings

SMALL_CALLS = 2.2
"""Questions for each trace of a small experiment, all in all: there is less to be asked about, and less to explain."""
SECOND_LOOKS = 0.5
"""Of the traces for which there are more questions than a look can ask, the part that is looked at again: what is decided by then
isn't asked any more."""
TRACE_TOKENS = 4000
"""The most tokens of one trace that are shown."""
SHARED_TOKENS = 1800
"""Instructions, rules and tools, which stand before every trace."""
OTHER_CALLS = 60
"""Questions that are about no single trace: purpose, exploration, plans, causes."""
OTHER_TOKENS = 7000
ANSWER_TOKENS = 350
MANY = 20_000
"""From so many traces on it hardly matters how many there are."""

LENGTHS = """
SELECT avg(chars) AS chars FROM (
  SELECT trace_id, sum(length(coalesce(outputs, '')) + CASE WHEN span_type = 'TOOL' THEN length(coalesce(inputs, '')) ELSE 0 END)
         AS chars
  FROM spans GROUP BY trace_id)
"""


def limit_judged(traces: int, *, read_on: int) -> int:
    """Traces that are judged at most: as many as a question may take whose answer stays open, and those read after a verdict.

    Args:
        traces: Those of the experiment.
        read_on: Traces that are read at most after a verdict.
    """
    bound = ReadBound(min(traces, MANY), threshold=READ_SHARE, material=2 * READ_SHARE)
    level = family_levels(1, with_model=True).reads / READ_SLOTS
    return min(traces, default_cap(bound, level=level) + read_on)


def average_looks(traces: int) -> float:
    """How often a trace is judged: once, and again where more is asked of it than one question to a judge holds."""
    needed = math.ceil((1 + limit_readings(traces)) / MOST_QUESTIONS)
    return 1 + SECOND_LOOKS * (needed - 1)


def estimate_spending(bench: Workbench, model: LanguageModel, *, sample: int, read_on: int) -> Estimate:
    """About how many questions and tokens: a sample is read, then as many traces are judged as may be."""
    traces = bench.snapshot.record.traces
    chars = bench.query(LENGTHS, title="Length of a trace").to_pylist()[0]["chars"]
    each = SHARED_TOKENS + min(TRACE_TOKENS, int(float(str(chars or 0))) // BYTES_PER_TOKEN)
    about_traces = min(traces, sample) + round(average_looks(traces) * limit_judged(traces, read_on=read_on))
    others = min(OTHER_CALLS, max(5, round(SMALL_CALLS * traces) - about_traces))
    usage = Usage(
        prompt_tokens=about_traces * each + others * OTHER_TOKENS, completion_tokens=(about_traces + others) * ANSWER_TOKENS
    )
    price, limits = model.budget.price, model.budget.limits
    given = [
        f"{limits.tokens:,} tokens" if limits.tokens else "",
        f"{limits.usd:,.2f} USD" if limits.usd else "",
        f"{limits.minutes:g} minutes" if limits.minutes else "",
    ]
    return Estimate(
        model=f"{model.endpoint.model} at {model.endpoint.address}",
        calls=about_traces + others,
        tokens=usage.tokens,
        usd=None if price is None else price.usd(usage),
        limits=" or ".join(part for part in given if part),
    )
