"""The judge: reads one trace for several questions at once, and may ask for spans in full before it answers."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ...graph.ports import Claim, Judged, Remark, Unasked
from ...prompts import load_prompt
from ...tools.reading.digest import digest, spans_in_full
from ...tools.reading.transcript import span_called
from ...tools.traces.reader import TraceView
from ...tools.workbench import Workbench
from ..model import GivenUp, LanguageModel
from .brief import agent_brief, agent_rules

TRACE_TOKENS = 4_000
"""Of the digest of a trace."""
SPANS_TOKENS = 3_000
"""Of all spans in full that one question shows."""
MOST_REQUESTS = 2
"""Times that it may ask for spans before it must answer."""
NOTHING_YET = "(none yet)"


class Finding(BaseModel):
    """The answer to one question."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=8)
    answer: Literal["affected", "not", "unclear"]
    span: str = Field(max_length=24)
    quote: str = Field(max_length=400)
    reason: str = Field(max_length=300)


class OtherFailure(BaseModel):
    """Something that went wrong and that no question is about."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(max_length=250)
    """What the agent did, or left out, in general words."""
    span: str = Field(max_length=24)
    quote: str = Field(max_length=300)


class Judgements(BaseModel):
    """Answers to all questions, or the spans that are needed first; and what else went wrong."""

    model_config = ConfigDict(extra="forbid")

    show: list[str] = Field(max_length=6)
    findings: list[Finding] = Field(max_length=8)
    others: list[OtherFailure] = Field(default_factory=list[OtherFailure], max_length=2)


class LanguageJudge:
    """Asks a language model about one trace at a time. What it says is a claim, looked up by whoever asked."""

    def __init__(self, model: LanguageModel, *, width: int = 4) -> None:
        """`width` is how many traces it may be asked about at the same time."""
        self.width = width
        self._model = model
        self._shared: dict[str, tuple[str, str]] = {}

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """One claim for each question; unclear where the model gives no usable answer."""
        await self._model.attach(bench.store, bench.run_id)
        agent, rules = await self._brief(bench)
        text = digest(trace, tokens=TRACE_TOKENS, known={rules: "the rules above"})
        shown: list[str] = []
        for left in range(MOST_REQUESTS, -1, -1):
            answer = await self._ask(agent, questions, text, spans_in_full(trace, shown, tokens=SPANS_TOKENS), left)
            if isinstance(answer, GivenUp) and (answer.final or answer.passing):
                return Unasked(answer.why, final=answer.final)
            if isinstance(answer, GivenUp):
                return Judged([Claim("unclear", reason=answer.why)] * len(questions))
            more = [handle for handle in answer.show if span_called(trace, handle) and handle not in shown]
            if answer.findings or not more or not left:
                remarks = [Remark(each.what, _named(trace, each.span), each.quote) for each in answer.others]
                return Judged(_claims(trace, answer.findings, len(questions)), remarks)
            shown += more
        raise AssertionError("the last round answers")

    async def _ask(self, agent: str, questions: Sequence[str], text: str, spans: str, left: int) -> Judgements | GivenUp:
        asked = "\n".join(f"{number}. {' '.join(question.split())}" for number, question in enumerate(questions, start=1))
        may = f"You may ask {left} more time{'s' if left > 1 else ''}." if left else "You can't ask any more: answer now."
        prompt = load_prompt("judge_trace").render(agent=agent, questions=asked, may=may, trace=text, spans=spans or NOTHING_YET)
        return await self._model.ask(prompt, Judgements, purpose="judging")

    async def _brief(self, bench: Workbench) -> tuple[str, str]:
        """What is known of the agent and its rules, the same for all traces."""
        if bench.run_id not in self._shared:
            analysis = await asyncio.to_thread(bench.store.get_analysis, bench.run_id)
            brief = await asyncio.to_thread(agent_brief, bench, analysis)
            self._shared[bench.run_id] = brief, await asyncio.to_thread(agent_rules, bench)
        return self._shared[bench.run_id]


def _claims(trace: TraceView, findings: Sequence[Finding], questions: int) -> list[Claim]:
    """The claims in the order of the questions: the first finding for each counts; a question without one is unclear."""
    found: dict[int, Finding] = {}
    for finding in findings:
        found.setdefault(finding.number, finding)
    return [
        _claim(trace, found[number]) if number in found else Claim("unclear", reason="The judge left this question out.")
        for number in range(1, questions + 1)
    ]


def _claim(trace: TraceView, finding: Finding) -> Claim:
    return Claim(finding.answer, _named(trace, finding.span), finding.quote, finding.reason)


def _named(trace: TraceView, handle: str) -> str:
    """The span that the digest calls so; one that isn't there stays as it was named, and is refused when looked up."""
    span = span_called(trace, handle) if handle.strip() else None
    return span.span_id if span else handle.strip()
