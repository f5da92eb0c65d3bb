"""Kinds of faults of quality that counting can see: each leaves something in the trace that a rule can find."""

from ..faults import Feedback, Finding, Story
from ..steps import Call, Thought, steps_around
from .scene import Act, Change, Kind, Scene, answers, drawn, first_call, uses
from .words import GERMAN, PADDING

PROVIDER = (
    "You exceeded your current quota, please check your plan and billing details. (request req_{token})",
    "Rate limit reached for larch-2: please reduce your usage or upgrade your plan. Request req_{token}.",
    "This model's maximum context length is 32768 tokens, however you requested {asked} tokens.",
)
EXPOSED = (
    "Traceback (most recent call last):\n  File \"/srv/app/answer.py\", line {line}, in compose\nKeyError: 'total'",
    "TypeError: unsupported operand type(s) for *: 'NoneType' and 'int' (answer.py:{line})",
    "Internal error while composing the answer: ValueError: time data '{line}' does not match format '%Y-%m-%d'",
)
EVASIVE = (
    "There are several things that one could say about that.",
    "It depends on what exactly is needed, as so often.",
    "Thank you for asking; our pages hold a lot of information about such topics.",
)
UP_WORDS = (None, None, None, "thanks", "good")
DOWN_WORDS = (None, "not what I asked for", "meh", "took too long")


def _of_all(
    key: str, title: str, cause: str, category: str, finding: Finding, rates: tuple[float, float], change: Change
) -> Kind:
    """A fault of the answer that is possible in every turn with one."""
    return Kind(
        *(key, title),
        kind="quality",
        category=category,
        cause=cause,
        population=drawn(key),
        population_title="traces with an answer",
        finding=finding,
        shows_in="answer",
        where=answers,
        rates=rates,
        change=change,
    )


def _say(turn: Act, text: str) -> None:
    """Another answer, which holds nothing of what the tools returned."""
    turn.answer, turn.figure, turn.condition, turn.source = text, "", "", ""


def empty_answer(rates: tuple[float, float]) -> Kind:
    """The last call of the model returns nothing."""
    finding = Finding("rate", "empty_answers", 0.01)
    cause = "The last call of the model returns no content, and nothing checks it."
    return _of_all(
        "empty_answer", "Empty answers", cause, "empty answer", finding, rates, lambda scene, turn, before: _say(turn, "")
    )


def provider_message(rates: tuple[float, float]) -> Kind:
    """The provider's message is passed on as the answer."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        words = {"token": f"{scene.rng.getrandbits(48):012x}", "asked": scene.number(32_900, 39_000)}
        _say(turn, scene.compose(PROVIDER, words))

    finding = Finding("count", "provider_messages_as_answers", 3)
    cause = "The gateway returns quota messages as ordinary content."
    title = "Messages of the model provider are returned as the answer"
    return _of_all("provider_message", title, cause, "provider message", finding, rates, change)


def exposed_error(rates: tuple[float, float]) -> Kind:
    """The answer holds an exception."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        _say(turn, scene.compose(EXPOSED, {"line": scene.number(20, 240)}))

    finding = Finding("count", "errors_shown_to_users", 3)
    cause = "The template of the answer raises, and the exception's text is sent in its place."
    return _of_all("exposed_error", "Exceptions are shown to users", cause, "exposed error", finding, rates, change)


def overlong_answer(rates: tuple[float, float]) -> Kind:
    """A fact of one sentence, buried in thousands of characters."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        padding = list(PADDING)
        scene.rng.shuffle(padding)
        turn.answer = "\n\n".join([*padding[:8], turn.answer or "", *padding[8:]])

    key = "overlong_answer"
    return Kind(
        *(key, "Short questions get answers of thousands of characters"),
        kind="quality",
        category="verbosity",
        cause="The model pads a fact of one sentence with general remarks.",
        population=drawn(key),
        population_title="traces with a request of at most 100 characters",
        finding=Finding("rate", "overlong_answers", 0.05, of_all=False),
        shows_in="answer",
        where=lambda turn, story: len(turn.request) <= 100 and bool(turn.answer),
        rates=rates,
        change=change,
    )


def cut_off_answer(rates: tuple[float, float], *, least: int = 150) -> Kind:
    """The token limit ends the answer in the middle of a word."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        text = turn.answer or ""
        place = next(at for at in range(int(len(text) * 0.7), 40, -1) if text[at - 1].isalpha() and text[at].isalpha())
        _say(turn, text[:place])
        turn.finish_reason = "length"
        for step in turn.steps:
            if isinstance(step, Thought):
                step.text, step.finish_reason, step.marked = text[:place], "length", True

    key = "cut_off_answer"
    return Kind(
        *(key, "Answers are cut off in the middle of a word"),
        kind="quality",
        category="cut-off answer",
        cause="The limit on output tokens is lower than what answers need; they end with finish_reason length.",
        population=drawn(key),
        population_title=f"traces with an answer of at least {least} characters",
        finding=Finding("rate", "cut_off_answers", 0.01),
        shows_in="answer",
        where=lambda turn, story: len(turn.answer or "") >= least,
        rates=rates,
        change=change,
    )


def other_language(rates: tuple[float, float]) -> Kind:
    """An English request is answered in German."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        _say(turn, " ".join(scene.rng.sample(GERMAN, 3)))

    finding = Finding("rate", "answers_in_another_language", 0.02)
    cause = "A German example in the prompt makes the model answer in German."
    return _of_all("other_language", "English requests are answered in German", cause, "language", finding, rates, change)


def swallows_error(tool: str, error: str, rates: tuple[float, float], *, in_words: bool = True) -> Kind:
    """A tool returns its error as an output with status OK; the answer, where it is `in_words`, claims success."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        steps = steps_around(turn, call)
        call.output, call.marked = {"error": error.format(number=scene.number(100, 999))}, True
        steps[:] = [step for step in steps if step is call or not (isinstance(step, Call) and step.tool == tool)]

    return Kind(
        f"{tool}_error_swallowed",
        f"Failures of {tool} are reported as success",
        kind="quality",
        category="silent tool failure",
        cause=f"{tool} returns its error as an output with status OK, and the model takes it for a result.",
        population=drawn(f"{tool}_error_swallowed"),
        population_title=f"traces that call {tool}",
        finding=Finding("rate", "swallowed_tool_errors", 0.01),
        claims_done=in_words,
        shows_in="steps",
        where=uses(tool),
        rates=rates,
        change=change,
    )


def claims_undone(tool: str, rates: tuple[float, float]) -> Kind:
    """The answer claims an action, and no tool was called for it."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        for call in turn.calls(tool):
            steps = steps_around(turn, call)
            steps[:] = [step for step in steps if step is not call]

    return Kind(
        f"{tool}_never_called",
        f"The answer claims what {tool} would have done",
        kind="quality",
        category="claimed action",
        cause="The model answers without calling the tool that acts.",
        population=drawn(f"{tool}_never_called"),
        population_title=f"traces that should call {tool}",
        finding=Finding("count", "claimed_but_never_done", 3),
        claims_done=True,
        where=lambda turn, story: uses(tool)(turn, story) and story.slot.position == 0,
        rates=rates,
        change=change,
    )


def _follows(turn: Act, story: Story) -> bool:
    return story.slot.position > 0


def asks_again(rates: tuple[float, float]) -> Kind:
    """The answer before was of no use, so the user says the same again."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        assert before is not None and isinstance(before.turn, Act)
        before.turn.steps = [step for step in before.turn.steps if not isinstance(step, Call)]
        _say(before.turn, scene.pick(EVASIVE))
        turn.request = f"{before.turn.request} Please."
        before.related.append("asks_again")

    key = "asks_again"
    return Kind(
        *(key, "Users repeat a request that was evaded"),
        kind="quality",
        category="unhelpful answer",
        cause="The model evades instead of looking things up.",
        population=drawn(key),
        population_title="traces that follow another of their conversation",
        finding=Finding("rate", "users_repeat_themselves", 0.02),
        support_title="the evaded requests",
        where=_follows,
        rates=rates,
        change=change,
    )


def same_answer(rates: tuple[float, float]) -> Kind:
    """Another question gets the answer of the one before, word for word."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        assert before is not None
        _say(turn, before.turn.answer or "")
        before.related.append("same_answer")

    key = "same_answer"
    return Kind(
        *(key, "The answer before is given again, word for word"),
        kind="quality",
        category="stuck",
        cause="The cache of answers is keyed by the conversation, not by the question.",
        population=drawn(key),
        population_title="traces that follow another of their conversation",
        finding=Finding("rate", "agent_repeats_its_answer", 0.02),
        shows_in="answer",
        support_title="the answers before",
        where=lambda turn, story: _follows(turn, story) and bool(turn.answer),
        rates=rates,
        change=change,
    )


def disliked(label: str, value: str) -> Kind:
    """Thumbs go down in one segment; they don't react to anything else."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.feedback = Feedback(False, scene.pick(DOWN_WORDS), scene.number(4_000, 150_000))

    key = "disliked_segment"
    return Kind(
        *(key, f"Thumbs go down where {label} is {value}"),
        kind="quality",
        category="negative feedback",
        cause=f"What is right elsewhere is wrong where {label} is {value}.",
        population=drawn(key),
        population_title=f"traces with feedback where {label} is {value}",
        finding=Finding("slices", threshold=2.0, outcome="feedback"),
        segment=((label, value),),
        where=lambda turn, story: story.tags.get(label) == value and turn.feedback is not None,
        rates=(0.35, 0.6),
        change=change,
        beside=True,
    )


def thumb(scene: Scene, *, down: float) -> Feedback | None:
    """What a user thought, where they say it."""
    if scene.rng.random() >= 0.6:
        return None
    up = scene.rng.random() >= down
    return Feedback(up, scene.pick(UP_WORDS if up else DOWN_WORDS), scene.number(4_000, 150_000))
