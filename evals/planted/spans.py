"""Turns a story into spans: who called whom, when, for how long, and with how many tokens."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from .faults import Story
from .profile import Profile
from .steps import Call, Delegation, Failure, Stall, Step, Thought

HISTORY = 6
"""Messages of the conversation so far that the agent passes on."""
CHARS_PER_TOKEN = 4
MS = 1_000_000
"""Nanoseconds."""
UNKNOWN_TOOL_MS = 4.0
"""How long it takes to say that there is no such tool."""


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
    profile: Profile

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


def trace_id_of(name: str, seed: int, index: int) -> str:
    """The same for the same turn of the same store."""
    return "tr-" + hashlib.sha256(f"planted/{name}/{seed}/{index}".encode()).hexdigest()[:32]


@dataclass
class Conversation:
    """What one agent has in its context, and the span that its steps are children of."""

    span: Span
    messages: list[str]


class Recorder:
    """Records one story, with a clock of its own."""

    def __init__(self, profile: Profile, story: Story, trace_id: str, start_ms: int, history: Sequence[str]) -> None:
        self._profile, self._story, self._slot, self._trace_id = profile, story, story.slot, trace_id
        self._rng = random.Random(f"spans/{trace_id}")
        self._now = start_ms * MS + self._rng.randrange(MS)
        self._limit = story.turn.max_tokens or profile.max_tokens
        self._call_id = ""
        question = message("user", story.turn.request)
        inputs = f'{{"messages": [{", ".join([*history, question])}]}}'
        if not profile.with_users:
            inputs = json.dumps({"text": story.turn.request}, ensure_ascii=False)
        self._spans = [Span(self._span_id(0), profile.agent, profile.root_kind, self._now, inputs)]
        self._main = Conversation(self._spans[0], [message("system", profile.system_prompt), *history, question])

    def record(self) -> Trace:
        """All spans of the story."""
        root, turn = self._spans[0], self._story.turn
        self._pass_ms(self._lognormal(9, 0.4))
        for step in turn.steps:
            self._step(step, self._main)
        if turn.answer is not None:
            if self._profile.speaks_last:
                self._ask_model(turn.answer, turn.finish_reason, self._main)
            root.outputs = message("assistant", turn.answer)
        root.failure = turn.failure
        self._pass_ms(self._lognormal(6, 0.4))
        root.end_ns = self._now
        return Trace(self._trace_id, self._story, self._spans, self._profile)

    def _step(self, step: Step, at: Conversation) -> None:
        match step:
            case Stall():
                self._stall(step, at)
            case Thought():
                self._ask_model(step.text, step.finish_reason, at).marked = step.marked
            case Delegation():
                self._delegate(step, at)
            case Call():
                if self._profile.calls_by_model and not step.retried:
                    self._ask_tool(step.tool, step.arguments, at)
                self._call(step, at)

    def _stall(self, stall: Stall, at: Conversation) -> None:
        span = self._open("chat_completion", "CHAT_MODEL", self._prompt(at), at)
        span.model, span.failure, span.marked = self._slot.model.name, stall.failure, True
        self._close(span, stall.duration_ms)
        self._pass_ms(stall.wait_ms)

    def _delegate(self, task: Delegation, at: Conversation) -> None:
        self._ask_tool(f"ask_{task.agent}", {"task": task.task}, at)
        call_id = self._call_id
        span = self._open(task.agent, "AGENT", json.dumps({"task": task.task}, ensure_ascii=False), at)
        span.marked = task.marked
        inner = Conversation(
            span, [message("system", f"You are the {task.agent} of a team. Do the task."), message("user", task.task)]
        )
        for step in task.steps:
            self._step(step, inner)
        self._ask_model(task.answer, "stop", inner)
        span.outputs = message("assistant", task.answer)
        at.messages.append(message("tool", task.answer, tool_call_id=call_id, name=f"ask_{task.agent}"))
        self._close(span, 1.0)

    def _ask_tool(self, tool: str, given: dict[str, object], at: Conversation) -> None:
        arguments = json.dumps(given, ensure_ascii=False)
        self._call_id = f"call_{self._rng.getrandbits(64):016x}"
        request = {"id": self._call_id, "type": "function"}
        function = {"name": tool, "arguments": arguments}
        tokens = len(arguments) // CHARS_PER_TOKEN + 12
        self._converse(None, "tool_calls", tokens, at, tool_calls=[{**request, "function": function}])

    def _ask_model(self, answer: str, finish_reason: str, at: Conversation) -> Span:
        tokens = self._limit if finish_reason == "length" else -(-len(answer.strip()) // CHARS_PER_TOKEN)
        return self._converse(answer, finish_reason, tokens, at)

    def _converse(self, content: str | None, finish_reason: str, tokens: int, at: Conversation, **more: object) -> Span:
        span = self._open("chat_completion", "CHAT_MODEL", self._prompt(at), at)
        said = message("assistant", content, **more)
        span.model, span.usage = self._slot.model.name, self._usage(tokens, at)
        span.outputs = self._completion(said, finish_reason, span.usage)
        at.messages.append(said)
        model = self._slot.model
        thinking = self._lognormal(model.latency_ms, 0.28) + tokens * model.token_ms * self._lognormal(1.0, 0.1)
        self._close(span, thinking * self._story.turn.pace)
        return span

    def _prompt(self, at: Conversation) -> str:
        model = json.dumps(self._slot.model.name)
        return f'{{"messages": [{", ".join(at.messages)}], "model": {model}, "temperature": 0.2, "max_tokens": {self._limit}}}'

    def _completion(self, said: str, finish_reason: str, usage: Usage) -> str:
        counted = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
        total = {**counted, "total_tokens": usage.input_tokens + usage.output_tokens}
        choice = f'{{"index": 0, "message": {said}, "finish_reason": "{finish_reason}"}}'
        number = f"chatcmpl-{self._rng.getrandbits(80):020x}"
        return f'{{"id": "{number}", "model": "{self._slot.model.name}", "choices": [{choice}], "usage": {json.dumps(total)}}}'

    def _usage(self, output_tokens: int, at: Conversation) -> Usage:
        model = self._slot.model
        input_tokens = (sum(map(len, at.messages)) + len(self._profile.declared)) // CHARS_PER_TOKEN
        costs = input_tokens * model.input_price / 1e6, output_tokens * model.output_price / 1e6
        return Usage(input_tokens, output_tokens, *costs)

    def _call(self, call: Call, at: Conversation) -> None:
        tool = self._profile.tools.get(call.tool)
        span = self._open(call.tool, tool.kind if tool else "TOOL", json.dumps(call.arguments, ensure_ascii=False), at)
        span.failure, span.marked = call.failure, call.marked
        if call.failure:
            result = f"{call.failure.kind}: {call.failure.message}"
        else:
            span.outputs = json.dumps(call.output, ensure_ascii=False)
            result = call.output if isinstance(call.output, str) else span.outputs
        if self._profile.calls_by_model:
            at.messages.append(message("tool", result, tool_call_id=self._call_id, name=call.tool))
        else:
            at.messages.append(message("system", f"{call.tool}: {result}"))
        self._close(span, call.duration_ms or self._lognormal(tool.usual_ms if tool else UNKNOWN_TOOL_MS, 0.35))

    def _open(self, name: str, kind: str, inputs: str, at: Conversation) -> Span:
        span = Span(self._span_id(len(self._spans)), name, kind, self._now, inputs, parent_id=at.span.span_id)
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
