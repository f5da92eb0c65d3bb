"""The judge: reads one trace for several questions at once, and may ask for spans in full before it answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ...graph.ports import Claim, Judged, Remark, Unasked
from ...tools.insights.models import Consequence
from ...tools.reading.digest import CHARS_PER_TOKEN, digest
from ...tools.reading.related import ALONE, NARROW, Related, find_related
from ...tools.reading.transcript import span_called
from ...tools.reading.turns import has_turns, turns_around
from ...tools.traces.views import TraceView
from ...tools.workbench import Workbench
from ..model import GivenUp, LanguageModel
from .brief import agent_brief, known_texts
from .fitting import Flexible, Value, ask_fitted, brief_for, flexible, shortened
from .showing import ask_with_spans

TRACE_TOKENS = 4_500
"""Of the digest of a trace: most conversations with tools are shown whole."""


class Finding(BaseModel):
    """The answer to one question."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=8)
    answer: Literal["affected", "not", "unclear"]
    span: str = Field(max_length=24)
    quote: str = Field(max_length=400)
    reason: str = Field(max_length=300)
    consequence: Consequence = "none"
    """What it did to the user, where it is affected."""
    consequence_span: str = Field(default="", max_length=24)
    consequence_quote: str = Field(default="", max_length=400)


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

    def __init__(self, model: LanguageModel, *, width: int) -> None:
        """`width` is how many traces it may be asked about at the same time."""
        self.width = width
        self._model = model
        self._shared: dict[str, _Brief] = {}

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """One claim for each question; unclear where the model gives no usable answer."""
        await self._model.attach(bench.store, bench.run_id)
        brief = await self._brief(bench)
        turns = await asyncio.to_thread(_turns, bench, trace.trace_id) if brief.has_turns else ""
        related = brief.related.get(trace.trace_id)
        if related is not None:
            await asyncio.to_thread(bench.look_at, related.trace_ids)
        asked = "\n".join(f"{number}. {' '.join(question.split())}" for number, question in enumerate(questions, start=1))
        text = digest(trace, tokens=TRACE_TOKENS, known=brief.known)

        def cut(chars: int) -> str:
            return digest(trace, tokens=chars // CHARS_PER_TOKEN, known=brief.known)

        async def ask(spans: str, may: str) -> Judgements | GivenUp:
            values: dict[str, Value] = {
                "agent": brief_for(self._model, brief.agent),
                "questions": asked,
                "may": may,
                "related": flexible(related.text if related is not None else ALONE),
                "trace": Flexible(len(turns) + len(text), lambda chars: _beside(turns, chars, whole=text, cut=cut)),
                "spans": flexible(spans),
            }
            return await ask_fitted(self._model, "judge_trace", Judgements, purpose="judging", values=values)

        answer = await ask_with_spans(trace, text, ask, known=brief.known, settled=lambda answer: bool(answer.findings))
        if isinstance(answer, GivenUp) and (answer.final or answer.passing):
            return Unasked(answer.why, final=answer.final)
        if isinstance(answer, GivenUp):
            return Judged([Claim("unclear", reason=answer.why)] * len(questions))
        remarks = [Remark(each.what, _named(trace, each.span), each.quote) for each in answer.others]
        return Judged(_claims(trace, answer.findings, len(questions)), remarks)

    async def _brief(self, bench: Workbench) -> "_Brief":
        """What is known of the agent and its rules, the same for all traces."""
        if bench.run_id not in self._shared:
            analysis = await asyncio.to_thread(bench.store.get_analysis, bench.run_id)
            self._shared[bench.run_id] = await asyncio.to_thread(
                lambda: _Brief(
                    agent_brief(bench, analysis),
                    known_texts(bench),
                    has_turns(bench),
                    find_related(bench, None, half="all", room=NARROW),
                )
            )
        return self._shared[bench.run_id]


class _Brief(NamedTuple):
    """What all questions about an experiment share."""

    agent: str
    known: Mapping[str, str]
    has_turns: bool
    """Whether some traces are turns of the same conversation."""
    related: Mapping[str, Related]
    """What stands beside a trace, by trace; nothing where no other is about the same."""


def _turns(bench: Workbench, trace_id: str) -> str:
    """The turns around a trace that is one of several, linked."""
    found = turns_around(bench, [trace_id]).get(trace_id)
    if found is None:
        return ""
    bench.look_at(found.trace_ids)
    return f"{found.text}\n\n"


def _beside(turns: str, chars: int, *, whole: str, cut: Callable[[int], str]) -> str:
    """The turns around a trace and the trace; of both at most so many characters, the trace first."""
    if chars >= len(turns) + len(whole):
        return f"{turns}{whole}"
    around = shortened(turns, chars // 4)
    return f"{around}{cut(chars - len(around))}"


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
    return Claim(
        finding.answer,
        _named(trace, finding.span),
        finding.quote,
        finding.reason,
        finding.consequence,
        _named(trace, finding.consequence_span),
        finding.consequence_quote,
    )


def _named(trace: TraceView, handle: str) -> str:
    """The span that the digest calls so; one that isn't there stays as it was named, and is refused when looked up."""
    span = span_called(trace, handle) if handle.strip() else None
    return span.span_id if span else handle.strip()
