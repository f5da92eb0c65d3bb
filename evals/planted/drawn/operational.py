"""Kinds of faults of operation: what a service, a tool or the plumbing does wrong, whatever the answer says."""

from ..faults import Finding, Story
from ..steps import Call, Failure, Stall, steps_around
from .scene import Act, Kind, Scene, drawn, everywhere, first_call, uses

SORRY = (
    "I'm sorry, {tool} isn't answering at the moment, so I could not finish this. Please try again later.",
    "Unfortunately {tool} failed, and without it I can't complete your request.",
    "I was unable to get a result from {tool}; the request is not done.",
)
RATE_LIMIT = "Error code: 429 - rate limit reached on tokens per min (TPM): Limit 200000, Used {used}, Requested {asked}."


def _cut_after(turn: Act, call: Call, *extra: Call) -> None:
    """Ends the steps around a call with it, and with these after it."""
    steps = steps_around(turn, call)
    place = next(place for place, step in enumerate(steps) if step is call)
    steps[place + 1 :] = extra


def _apologise(scene: Scene, turn: Act, tool: str) -> None:
    turn.answer, turn.figure, turn.condition, turn.source = scene.compose(SORRY, {"tool": tool}), "", "", ""


def tool_fails(tool: str, failure: Failure, rates: tuple[float, float], *, duration_ms: float | None = None) -> Kind:
    """A tool raises; the agent says so."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        call.failure, call.output, call.marked, call.duration_ms = failure, None, True, duration_ms
        _cut_after(turn, call)
        _apologise(scene, turn, tool)

    slow = duration_ms is not None
    key = f"{tool}_times_out" if slow else f"{tool}_fails"
    return Kind(
        key,
        f"{tool} times out" if slow else f"{tool} raises {failure.kind}",
        kind="operational",
        category="tool timeout" if slow else "tool failure",
        cause=failure.message,
        mechanism=failure.message,
        population=drawn(key),
        population_title=f"traces that call {tool}",
        finding=Finding("fact", threshold=0.05, tool=tool),
        shows_in="steps",
        where=uses(tool),
        rates=rates,
        change=change,
    )


def run_dies(failure: Failure, rates: tuple[float, float]) -> Kind:
    """The agent raises before it answers, and the trace ends in ERROR."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.steps[len(turn.steps) // 2 + 1 :] = []
        turn.answer, turn.failure = None, failure

    return Kind(
        *("run_dies", f"Runs end with {failure.kind}"),
        kind="operational",
        category="error",
        cause=failure.message,
        mechanism=failure.message,
        population=drawn("run_dies"),
        population_title="all traces",
        finding=Finding("fact", threshold=0.05),
        where=everywhere,
        rates=rates,
        change=change,
    )


def never_ends(rates: tuple[float, float]) -> Kind:
    """The process dies, and the trace stays in progress."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.answer, turn.unfinished = None, True

    return Kind(
        *("never_ends", "Traces stay in progress"),
        kind="operational",
        category="unfinished",
        cause="The worker is killed for its memory, and nobody ends the trace.",
        population=drawn("never_ends"),
        population_title="all traces",
        finding=Finding("rate", "unfinished_traces", 0.01),
        where=everywhere,
        rates=rates,
        change=change,
    )


def model_refuses(rates: tuple[float, float]) -> Kind:
    """The provider refuses calls in the rush, and the agent tries again until it works."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        message = RATE_LIMIT.format(used=200_000 - scene.number(20, 900), asked=scene.number(1500, 4800))
        refusals = scene.number(2, 4)
        stalls = [
            Stall(Failure("RateLimitError", message, "models"), scene.number(60, 240), wait_ms=400) for _ in range(refusals)
        ]
        turn.steps[:0] = stalls

    return Kind(
        *("model_refuses", "Model calls are refused with 429 in the rush"),
        kind="operational",
        category="rate limit",
        cause="The tokens a minute that the provider allows are used up.",
        mechanism="rate limit reached",
        population=drawn("model_refuses"),
        population_title="traces of the rush",
        finding=Finding("count", "rate_limit_bursts", 3),
        shows_in="steps",
        where=lambda turn, story: story.slot.rush,
        rates=rates,
        change=change,
    )


def repeats_call(tool: str, rates: tuple[float, float]) -> Kind:
    """The same call with the same result, four to eight times in a row."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        steps = steps_around(turn, call)
        place = next(place for place, step in enumerate(steps) if step is call)
        call.marked = True
        steps[place:place] = [Call(tool, call.arguments, call.output, marked=True) for _ in range(scene.number(3, 7))]

    return Kind(
        f"{tool}_repeated",
        f"{tool} is called again and again with the same arguments",
        kind="operational",
        category="loop",
        cause="The model doesn't see that it has the result already.",
        population=drawn(f"{tool}_repeated"),
        population_title=f"traces that call {tool}",
        finding=Finding("rate", "repeated_tool_calls", 0.02),
        shows_in="steps",
        where=uses(tool),
        rates=rates,
        change=change,
    )


def retries_in_vain(tool: str, failure: Failure, rates: tuple[float, float]) -> Kind:
    """A lasting error, and the same call again and again."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        call.failure, call.output, call.marked = failure, None, True
        again = [Call(tool, call.arguments, failure=failure, marked=True) for _ in range(scene.number(3, 6))]
        _cut_after(turn, call, *again)
        _apologise(scene, turn, tool)

    return Kind(
        f"{tool}_retried_in_vain",
        f"{tool} is retried although it can't succeed",
        kind="operational",
        category="retry storm",
        cause=failure.message,
        mechanism=failure.message,
        population=drawn(f"{tool}_retried_in_vain"),
        population_title=f"traces that call {tool}",
        finding=Finding("rate", "retry_storms", 0.01),
        shows_in="steps",
        where=uses(tool),
        rates=rates,
        change=change,
    )


def refuses_arguments(tool: str, argument: str, rates: tuple[float, float]) -> Kind:
    """The model leaves an argument out, reads the refusal, and corrects it."""
    failure = Failure("ValidationError", f"1 validation error for {tool}\n{argument}\n  Field required", "tools.schema")

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        steps = steps_around(turn, call)
        place = next(place for place, step in enumerate(steps) if step is call)
        left = {key: value for key, value in call.arguments.items() if key != argument}
        steps.insert(place, Call(tool, left, failure=failure, duration_ms=3.0 + scene.rng.random(), marked=True))

    return Kind(
        f"{tool}_refuses_arguments",
        f"{tool} is called without {argument}",
        kind="operational",
        category="invalid arguments",
        cause=f"The prompt doesn't say that {argument} is required.",
        mechanism="Field required",
        population=drawn(f"{tool}_refuses_arguments"),
        population_title=f"traces that call {tool}",
        finding=Finding("rate", "invalid_tool_arguments", 0.02),
        shows_in="steps",
        where=uses(tool),
        rates=rates,
        change=change,
    )


def unknown_tool(name: str, rates: tuple[float, float]) -> Kind:
    """The model calls a tool that doesn't exist, and goes on without it."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        failure = Failure("ToolError", f"unknown tool {name}", "tools.registry")
        turn.steps.insert(0, Call(name, {"input": turn.request[:60]}, failure=failure, marked=True))

    return Kind(
        *("unknown_tool", f"The model calls {name}, which doesn't exist"),
        kind="operational",
        category="unknown tool",
        cause=f"The prompt still names {name}, which was removed.",
        mechanism=f"unknown tool {name}",
        population=drawn("unknown_tool"),
        population_title="all traces",
        finding=Finding("count", "calls_unknown_tools", 3),
        shows_in="steps",
        where=everywhere,
        rates=rates,
        change=change,
    )


def slow_version(version: str, times: float) -> Kind:
    """Calls of the model take longer in the latest version."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.pace *= times

    return Kind(
        *("slow_version", f"Version {version} waits {times} times as long for the model"),
        kind="operational",
        category="latency regression",
        cause=f"Calls of the model take {times} times as long in {version}.",
        population=drawn("slow_version"),
        population_title=f"traces of version {version}",
        finding=Finding("shift", "slower_since_latest_version", 1.25),
        segment=(("version", version),),
        where=lambda turn, story: story.slot.version == version,
        rates=(1.0, 1.0),
        change=change,
        beside=True,
    )


def slow_tail(version: str, times: float) -> Kind:
    """Some calls of the model take very long in the latest version."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.pace *= times

    return Kind(
        *("slow_tail", f"Some traces of version {version} take {times} times as long"),
        kind="operational",
        category="latency regression",
        cause=f"A share of the calls of {version} goes to a region far away.",
        population=drawn("slow_tail"),
        population_title=f"traces of version {version}",
        finding=Finding("shift", "slow_tail_since_latest_version", 1.5),
        segment=(("version", version),),
        where=lambda turn, story: story.slot.version == version,
        rates=(0.12, 0.25),
        change=change,
    )


def fails_in_segment(tool: str, label: str, value: str, failure: Failure, rates: tuple[float, float]) -> Kind:
    """A tool raises in one segment only, and the run with it."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        call.failure, call.output, call.marked = failure, None, True
        steps = steps_around(turn, call)
        _cut_after(turn, call)
        if steps is not turn.steps:
            turn.steps[next(place for place, step in enumerate(turn.steps) if getattr(step, "steps", None) is steps) + 1 :] = []
        turn.answer, turn.failure = None, failure

    return Kind(
        f"{tool}_fails_in_segment",
        f"{tool} breaks the run where {label} is {value}",
        kind="operational",
        category="error in a segment",
        cause=failure.message,
        mechanism=failure.message,
        population=drawn(f"{tool}_fails_in_segment"),
        population_title=f"traces of {label} {value} that call {tool}",
        finding=Finding("slices", threshold=2.0),
        shows_in="steps",
        segment=((label, value),),
        where=lambda turn, story: story.tags.get(label) == value and uses(tool)(turn, story),
        rates=rates,
        change=change,
    )
