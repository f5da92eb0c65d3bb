"""Kinds of look-alikes: they resemble a fault, and are none. They come in every variant."""

from ..faults import Story
from ..steps import Call, Failure, Stall, steps_around
from .scene import Act, Harmless, Scene, answers, everywhere, first_call, uses
from .words import PADDING

TRANSIENT = Failure("ConnectionError", "connection reset by peer", "clients")


def recovers(tool: str, rate: float = 0.015) -> Harmless:
    """A tool fails once; the retry works, and so does the answer."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        steps = steps_around(turn, call)
        place = next(place for place, step in enumerate(steps) if step is call)
        steps.insert(
            place, Call(tool, call.arguments, failure=TRANSIENT, duration_ms=scene.number(40, 900), retried=call.retried)
        )
        call.retried = True

    why = "The agent recovers and answers right: a fact of operation of low severity."
    return Harmless(
        *("recovered_error", f"{tool} fails once and the retry works", why, f"{tool}_fails"),
        where=uses(tool),
        rate=rate,
        change=change,
    )


def heavy_tail(rate: float = 0.02) -> Harmless:
    """Calls of the model take long now and then, in all versions alike."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.pace *= min(12.0, 2.5 * scene.rng.paretovariate(1.8))

    why = "Durations have a heavy tail, and the same one in every version and segment."
    return Harmless("heavy_tail", "A few traces take much longer", why, "slow_tail", where=everywhere, rate=rate, change=change)


def asked_for_length(rate: float = 0.02) -> Harmless:
    """The user asks for a detailed report, and gets one."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.request = f"{turn.request} Please write a detailed report with all the background."
        parts = list(PADDING)
        scene.rng.shuffle(parts)
        turn.answer = "\n\n".join([turn.answer or "", *parts])

    why = "The user asked for a detailed report."
    return Harmless(
        "asked_for_length", "Long reports that were asked for", why, "overlong_answer", where=answers, rate=rate, change=change
    )


def talks_about_errors(rate: float = 0.02) -> Harmless:
    """The user asks what an error message means."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        number = scene.number(400, 599)
        turn.request = f"What does the message 'ConnectionError: code {number}' mean that your page showed me? {turn.request}"
        turn.answer = (
            f"ConnectionError: code {number} means that the network failed between you and us; nothing was lost. {turn.answer}"
        )

    why = "The words error and failed are what the user asked about; nothing of the agent's failed."
    return Harmless(
        *("talks_about_errors", "Answers about error messages that users asked about", why, "exposed_error"),
        where=answers,
        rate=rate,
        change=change,
    )


def many_arguments(tool: str, argument: str, rate: float = 0.02) -> Harmless:
    """The same tool again and again, with another argument each time: slow, and right."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        steps = steps_around(turn, call)
        place = next(place for place, step in enumerate(steps) if step is call)
        others = [
            Call(tool, {**call.arguments, argument: f"{call.arguments[argument]} ({part})"}, call.output, retried=call.retried)
            for part in range(2, scene.number(5, 8))
        ]
        steps[place + 1 : place + 1] = others

    why = "Each call looks at something else; the work takes its time, and the answer is right."
    return Harmless(
        *("many_arguments", f"{tool} called many times with other arguments", why, f"{tool}_repeated"),
        where=uses(tool),
        rate=rate,
        change=change,
    )


def nothing_found(tool: str, empty: object, answer: str, rate: float = 0.02) -> Harmless:
    """Nothing is found, because there is nothing, and the answer says so."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        call = first_call(turn, tool)
        call.output = empty
        steps = steps_around(turn, call)
        place = next(place for place, step in enumerate(steps) if step is call)
        steps[place + 1 :] = []
        turn.answer, turn.figure, turn.condition, turn.source = answer, "", "", ""

    why = "There is no such thing; an empty result is the right one, and the answer says so."
    return Harmless(
        *("nothing_found", f"{tool} rightly finds nothing", why, f"{tool}_error_swallowed"),
        where=uses(tool),
        rate=rate,
        change=change,
    )


def lonely_refusals(rate: float = 0.004) -> Harmless:
    """Single calls of the model are refused, far apart, and work the second time."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.steps.insert(
            0, Stall(Failure("APIConnectionError", "connection reset", "models"), scene.number(60, 240), wait_ms=300)
        )

    why = "Two or three such calls fall on the same day by chance; the agent recovers each time."
    return Harmless(
        "lonely_refusals",
        "Streaks of single failed model calls",
        why,
        "model_refuses",
        where=everywhere,
        rate=rate,
        change=change,
    )


def short_right(answer: str, request: str, rate: float = 0.02) -> Harmless:
    """A yes or no question, answered in a word or two."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.request = f"{request} ({turn.request})"
        turn.answer, turn.figure, turn.condition, turn.source = answer, "", "", ""

    return Harmless(
        *("short_right", "Short and right answers", "A few words answer the question.", "empty_answer"),
        where=answers,
        rate=rate,
        change=change,
    )


def mixed(label: str, value: str, why: str) -> Harmless:
    """A segment that looks worse, because it has more of the requests that are hard everywhere."""
    return Harmless(
        *("mixed_segment", f"{label} {value} looks worse by its mix of requests", why, "disliked_segment"),
        where=lambda turn, story: story.tags.get(label) == value,
        rate=1.0,
        change=lambda scene, turn, before: None,
    )


WEEKEND = Harmless(
    *("weekend", "Fewer traces on weekends", "There is less to do on Saturdays and Sundays.", ""),
    where=lambda turn, story: story.slot.weekend,
    rate=1.0,
    change=lambda scene, turn, before: None,
)
RUSH = Harmless(
    *("rush", "A rush in one afternoon", "More is asked in these two hours; by itself that is no fault.", "model_refuses"),
    where=lambda turn, story: story.slot.rush,
    rate=1.0,
    change=lambda scene, turn, before: None,
)
