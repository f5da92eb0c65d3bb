"""Turns a story into spans: who called whom, when, for how long, and with how many tokens."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from .agent import AGENT, RETRIEVERS, SYSTEM_PROMPT, USUAL_MS, tool_declarations
from .failing import WIDGET_TOKENS
from .faults import SLOW_VERSION, SLOWDOWN
from .roles import Story
from .turn import Call, Failure, Stall, Step

MAX_TOKENS = 1200
HISTORY = 6
"""Messages of the conversation so far that the agent passes on."""
CHARS_PER_TOKEN = 4
MS = 1_000_000
"""Nanoseconds."""

TOOLS_JSON = json.dumps(tool_declarations(), ensure_ascii=False)


@dataclass
class Usage:
    """Tokens, and what they cost in USD."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_cost: float = 0.0
    output_cost: float = 0.0


@dataclass
class Span:
    """One span; inputs and outputs are JSON."""

    span_id: str
    name: str
    kind: str
    start_ns: int
    inputs: str
    _: KW_ONLY
    parent_id: str | None = None
    end_ns: int = 0
    outputs: str | None = None
    failure: Failure | None = None
    model: str = ""
    usage: Usage | None = None
    marked: bool = False


@dataclass
class Trace:
    """A story with ids and times; the root is the first of its spans."""

    trace_id: str
    story: Story
    spans: list[Span]

    @property
    def root(self) -> Span:
        """The span of the whole turn."""
        return self.spans[0]

    @property
    def last_answer(self) -> Span:
        """The last call of the model."""
        return next(span for span in reversed(self.spans) if span.kind == "CHAT_MODEL")


def message(role: str, content: str | None, **more: object) -> str:
    """A chat message, as JSON."""
    return json.dumps({"role": role, "content": content, **more}, ensure_ascii=False)


def trace_id_of(variant: str, seed: int, index: int) -> str:
    """The same for the same turn of the same store."""
    return "tr-" + hashlib.sha256(f"planted/{variant}/{seed}/{index}".encode()).hexdigest()[:32]


class Recorder:
    """Records one story, with a clock of its own."""

    def __init__(self, story: Story, trace_id: str, start_ms: int, history: Sequence[str], *, faulty: bool) -> None:
        self._story, self._slot, self._trace_id = story, story.slot, trace_id
        self._rng = random.Random(f"spans/{trace_id}")
        self._now = start_ms * MS + self._rng.randrange(MS)
        self._slow = SLOWDOWN if faulty and self._slot.version == SLOW_VERSION else 1.0
        self._limit = WIDGET_TOKENS if faulty and self._slot.channel == "widget" else MAX_TOKENS
        self._call_id = ""
        question = message("user", story.turn.request)
        self._messages = [message("system", SYSTEM_PROMPT), *history, question]
        inputs = f'{{"messages": [{", ".join([*history, question])}]}}'
        self._spans = [Span(self._span_id(0), AGENT, "AGENT", self._now, inputs)]

    def record(self) -> Trace:
        """All spans of the story."""
        root, turn = self._spans[0], self._story.turn
        self._pass_ms(self._lognormal(9, 0.4))
        for step in turn.steps:
            self._step(step)
        if turn.answer is not None:
            self._ask_model(turn.answer, turn.finish_reason)
            root.outputs = message("assistant", turn.answer)
        root.failure = turn.failure
        self._pass_ms(self._lognormal(6, 0.4))
        root.end_ns = self._now
        return Trace(self._trace_id, self._story, self._spans)

    def _step(self, step: Step) -> None:
        if isinstance(step, Stall):
            self._stall(step)
            return
        if not step.retried:
            self._ask_tool(step)
        self._call(step)

    def _stall(self, stall: Stall) -> None:
        span = self._open("chat_completion", "CHAT_MODEL", self._prompt())
        span.model, span.failure, span.marked = self._slot.model.name, stall.failure, True
        self._close(span, stall.duration_ms)
        self._pass_ms(stall.wait_ms)

    def _ask_tool(self, call: Call) -> None:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        self._call_id = f"call_{self._rng.getrandbits(64):016x}"
        request = {"id": self._call_id, "type": "function"}
        function = {"name": call.tool, "arguments": arguments}
        self._converse(None, "tool_calls", len(arguments) // CHARS_PER_TOKEN + 12, tool_calls=[{**request, "function": function}])

    def _ask_model(self, answer: str, finish_reason: str) -> None:
        tokens = self._limit if finish_reason == "length" else -(-len(answer.strip()) // CHARS_PER_TOKEN)
        self._converse(answer, finish_reason, tokens)

    def _converse(self, content: str | None, finish_reason: str, tokens: int, **more: object) -> None:
        span = self._open("chat_completion", "CHAT_MODEL", self._prompt())
        said = message("assistant", content, **more)
        span.model, span.usage = self._slot.model.name, self._usage(tokens)
        span.outputs = self._completion(said, finish_reason, span.usage)
        self._messages.append(said)
        model = self._slot.model
        thinking = self._lognormal(model.latency_ms, 0.28) + tokens * model.token_ms * self._lognormal(1.0, 0.1)
        self._close(span, thinking * self._slow)

    def _prompt(self) -> str:
        model = json.dumps(self._slot.model.name)
        return f'{{"messages": [{", ".join(self._messages)}], "model": {model}, "temperature": 0.2, "max_tokens": {self._limit}}}'

    def _completion(self, said: str, finish_reason: str, usage: Usage) -> str:
        counted = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
        total = {**counted, "total_tokens": usage.input_tokens + usage.output_tokens}
        choice = f'{{"index": 0, "message": {said}, "finish_reason": "{finish_reason}"}}'
        number = f"chatcmpl-{self._rng.getrandbits(80):020x}"
        return f'{{"id": "{number}", "model": "{self._slot.model.name}", "choices": [{choice}], "usage": {json.dumps(total)}}}'

    def _usage(self, output_tokens: int) -> Usage:
        model = self._slot.model
        input_tokens = (sum(map(len, self._messages)) + len(TOOLS_JSON)) // CHARS_PER_TOKEN
        costs = input_tokens * model.input_price / 1e6, output_tokens * model.output_price / 1e6
        return Usage(input_tokens, output_tokens, *costs)

    def _call(self, call: Call) -> None:
        kind = "RETRIEVER" if call.tool in RETRIEVERS else "TOOL"
        span = self._open(call.tool, kind, json.dumps(call.arguments, ensure_ascii=False))
        span.failure, span.marked = call.failure, call.marked
        if call.failure:
            result = f"{call.failure.kind}: {call.failure.message}"
        else:
            span.outputs = json.dumps(call.output, ensure_ascii=False)
            result = call.output if isinstance(call.output, str) else span.outputs
        self._messages.append(message("tool", result, tool_call_id=self._call_id, name=call.tool))
        self._close(span, call.duration_ms or self._lognormal(USUAL_MS[call.tool], 0.35))

    def _open(self, name: str, kind: str, inputs: str) -> Span:
        span = Span(self._span_id(len(self._spans)), name, kind, self._now, inputs, parent_id=self._spans[0].span_id)
        self._spans.append(span)
        return span

    def _close(self, span: Span, duration_ms: float) -> None:
        self._pass_ms(duration_ms)
        span.end_ns = self._now
        self._pass_ms(self._lognormal(2.5, 0.5))

    def _pass_ms(self, duration_ms: float) -> None:
        self._now += round(duration_ms * MS)

    def _lognormal(self, median: float, spread: float) -> float:
        return self._rng.lognormvariate(math.log(median), spread)

    def _span_id(self, number: int) -> str:
        return hashlib.sha256(f"{self._trace_id}/{number}".encode()).hexdigest()[:16]
