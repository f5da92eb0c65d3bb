"""About what an analysis will ask a language model, before the first question: from how many traces there are and how long."""

from ...graph.ports import Estimate
from ...tools.insights.models import Usage
from ...tools.workbench import Workbench
from ..model import LanguageModel
from ..model.budget import BYTES_PER_TOKEN

CALLS_A_TRACE = 2
"""The most questions for each trace of an experiment, all in all."""
TRACE_TOKENS = 4000
"""The most tokens of one trace that are shown."""
SHARED_TOKENS = 1800
"""Instructions, rules and tools, which stand before every trace."""
OTHER_CALLS = 60
"""Questions that are about no single trace: purpose, exploration, plans, causes."""
OTHER_TOKENS = 7000
ANSWER_TOKENS = 350

LENGTHS = """
SELECT avg(chars) AS chars FROM (
  SELECT trace_id, sum(length(coalesce(outputs, '')) + CASE WHEN span_type = 'TOOL' THEN length(coalesce(inputs, '')) ELSE 0 END)
         AS chars
  FROM spans GROUP BY trace_id)
"""


def estimate_spending(bench: Workbench, model: LanguageModel, *, sample: int) -> Estimate:
    """About how many questions and tokens: a sample is read, then every other trace is judged once; never more than allowed."""
    traces = bench.snapshot.record.traces
    chars = bench.query(LENGTHS, title="Length of a trace").to_pylist()[0]["chars"]
    each = SHARED_TOKENS + min(TRACE_TOKENS, int(float(str(chars or 0))) // BYTES_PER_TOKEN)
    about_traces = min(traces, sample) + traces
    others = min(OTHER_CALLS, max(5, CALLS_A_TRACE * traces - about_traces))
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
