"""The look-alikes: turns that resemble a fault and are none. They are in every variant."""

from datetime import timedelta

from ..faults import Likeness, Story
from ..steps import Call, Failure
from ..traffic import RUSH_START, Slot
from . import agent
from .intents import ORDINARY, ask, choose, hours, quote, reply, thanks
from .longform import packing_list
from .roles import LookAlikeRole
from .situation import Situation, Turn, capital, spoken

TRANSIENT = (
    Failure("ConnectionError", "connection reset by peer", "clients"),
    Failure("ConnectionError", "remote end closed the connection without a response", "clients"),
    Failure("ServiceUnavailable", "503 from {tool}: try again", "clients"),
)


def recovered_tool_error(s: Situation) -> Turn:
    """A tool fails once; the retry works, and so does the answer."""
    turn = choose(s, ORDINARY, set())(s)
    call = s.pick(turn.calls())
    kind, message, source = s.pick(TRANSIENT)
    failure = Failure(kind, message.format(tool=call.tool), source)
    failed = Call(call.tool, call.arguments, failure=failure, duration_ms=s.number(40, 900), marked=True)
    call.retried = True
    turn.steps.insert(turn.steps.index(call), failed)
    return turn


def error_help(s: Situation) -> Turn:
    """The customer asks what an error message means."""
    if s.rng.random() < 0.5:
        return Turn(ask(s, "device_error"), [agent.get_shop_info(s)], reply(s, "device_explained"))
    return Turn(ask(s, "page_error"), [agent.get_booking(s)], reply(s, "page_explained"))


def long_answer(s: Situation) -> Turn:
    """The customer asks for a long list."""
    return Turn(ask(s, "packing_list"), [agent.get_weather(s), agent.wide_search(s)], packing_list(s))


def many_dates(s: Situation) -> Turn:
    """The same tool again and again, for other dates each time."""
    weeks = s.number(4, 6)
    steps = [agent.check_availability(s, free=week == weeks - 1, later=7 * week) for week in range(weeks)]
    return Turn(
        ask(s, "many_dates"),
        [*steps],
        reply(s, "other_week", weeks=weeks, free=spoken(s.trip.start + timedelta(days=7 * weeks - 7))),
    )


def polling(s: Situation) -> Turn:
    """The same call again, because its answer changes."""
    steps = [agent.track_delivery(s, stage=stage) for stage in range(4)]
    for step in steps[1:]:
        step.retried = True
    return Turn(ask(s, "delivery"), [*steps], reply(s, "parcel", stage=agent.STAGES[3], step=4))


def group_trip(s: Situation) -> Turn:
    """A lot to do, so it takes long."""
    steps = [agent.wide_search(s)]
    for item in range(3):
        steps += [agent.check_availability(s, item=item), agent.quote_price(s, item=item)]
    steps += [agent.get_weather(s), agent.lookup_policy(s), agent.get_shop_info(s)]
    return Turn(ask(s, "group_trip"), [*steps], reply(s, "whole_group", "pickup"))


def sold_out(s: Situation) -> Turn:
    """An apology with a reason."""
    steps = [agent.check_availability(s, free=False), agent.check_availability(s, item=1)]
    return Turn(ask(s, "sold_out"), [*steps], reply(s, "gone", "alternative"))


def empty_result(s: Situation) -> Turn:
    """Nothing is found, because there is nothing."""
    oddity = s.say("oddity")
    return Turn(ask(s, "unknown_article", oddity=oddity), [agent.fruitless_search(oddity)], reply(s, "not_lent", oddity=oddity))


def no_such_booking(s: Situation) -> Turn:
    """The customer has a wrong number, and is told so."""
    return Turn(ask(s, "wrong_number"), [agent.missing_booking(s)], reply(s, "not_found"))


def reported_action(s: Situation) -> Turn:
    """Tells about something that was done earlier."""
    return Turn(ask(s, "was_it_done"), [agent.get_booking(s, other=True, status="cancelled")], reply(s, "was_cancelled"))


def same_question(s: Situation) -> Turn:
    """A suggested question that many click on; all get the same answer."""
    answer = s.say("desk", category_cap=capital(s.item.category))
    return Turn(s.phrases["chip"][s.wording].format_map(s.slots), [agent.get_shop_info(s)], answer)


def similar_follow_up(s: Situation) -> Turn:
    """The same question about another article."""
    turn = quote(s)
    if s.before and s.before.trip:
        turn.request = s.before.request.replace(s.before.trip.items[0].name, s.item.name)
    return turn


def has_room(slot: Slot) -> bool:
    """Not the widget, which is for short answers."""
    return slot.channel != "widget"


LOOK_ALIKES = (
    LookAlikeRole(
        *("recovered_tool_error", 0.012, recovered_tool_error),
        title="A tool fails once and the retry works",
        why="The agent recovers and answers right: a fact of operation of low severity.",
        resembles="tool_timeouts",
    ),
    LookAlikeRole(
        *("talks_about_errors", 0.022, error_help),
        title="Answers about error messages that customers asked about",
        why="The words error and failed are what the customer asked about; nothing of the agent's failed.",
        resembles="exposed_error",
    ),
    LookAlikeRole(
        *("long_answer_requested", 0.022, long_answer),
        title="Long lists that were asked for",
        where=has_room,
        why="The customer asked for a detailed list.",
        resembles="verbose_answer",
    ),
    LookAlikeRole(
        *("different_arguments", 0.018, many_dates),
        title="One tool called many times with other arguments",
        why="Each call looks at another week.",
        resembles="identical_tool_calls",
    ),
    LookAlikeRole(
        *("polling", 0.015, polling),
        title="One tool polled until its answer changes",
        why="The arguments are the same, but each call returns something new.",
        resembles="identical_tool_calls",
    ),
    LookAlikeRole(
        *("much_work", 0.018, group_trip),
        title="Slow turns that did much work",
        why="Ten tool calls take their time; each of them is as fast as ever.",
        resembles="slow_version",
    ),
    LookAlikeRole(
        *("sold_out", 0.022, sold_out),
        title="Apologies for what is sold out",
        why="The article is sold out, and an alternative is offered.",
        resembles="unhelpful_repeat",
    ),
    LookAlikeRole(
        *("short_right_answer", 0.028, hours),
        title="Short and right answers",
        why="A few words answer the question.",
        resembles="empty_answer",
    ),
    LookAlikeRole(
        *("empty_result", 0.018, empty_result),
        title="Searches that rightly find nothing",
        why="The shop doesn't lend such things; an empty list is the right result.",
        resembles="swallowed_tool_error",
    ),
    LookAlikeRole(
        *("no_such_booking", 0.015, no_such_booking),
        title="Booking numbers that don't exist",
        why="The tool says that there is no such booking, and the answer says so too.",
        resembles="swallowed_tool_error",
    ),
    LookAlikeRole(
        *("reported_action", 0.015, reported_action),
        title="Answers that report an earlier action",
        why="The booking was cancelled before; the answer reports what get_booking returned.",
        resembles="action_never_called",
    ),
    LookAlikeRole(
        *("same_question", 0.03, same_question),
        title="The same question with the same outcome",
        shape="group",
        why="All members of a group are told the same in other words.",
        resembles="same_request_other_answer",
    ),
    LookAlikeRole(
        *("similar_follow_up", 0.018, similar_follow_up),
        title="The same question about another article",
        shape="pair",
        lead=quote,
        why="The wording is repeated, the article is another one.",
        resembles="unhelpful_repeat",
    ),
    LookAlikeRole(
        *("thanks", 0.03, thanks),
        title="Thanks at the end of a conversation",
        where=lambda slot: slot.last and slot.position > 0,
        why="There is nothing to do but to answer kindly.",
        resembles="empty_answer",
    ),
)
"""Those that are cast; three more follow from the traffic and the tools."""
CAST = {role.key for role in LOOK_ALIKES}

FROM_TRAFFIC = (
    Likeness(
        "empty_error_field",
        "Tool outputs with an empty error field",
        "The field is part of every output of these tools; empty means that all is well.",
        "swallowed_tool_error",
    ),
    Likeness("weekend", "Fewer traces on weekends", "Customers write less on Saturdays and Sundays.", ""),
    Likeness(
        "rush",
        f"A rush on {RUSH_START:%d %B} after the newsletter",
        "More customers write in these two hours; by itself that is no fault.",
        "rate_limit_burst",
    ),
)
"""Look-alikes that aren't cast."""
LIKENESSES = (*(role.likeness for role in LOOK_ALIKES), *FROM_TRAFFIC)


def shown_by_traffic(story: Story) -> list[str]:
    """The look-alikes that aren't cast and that a story shows."""
    empty_field = any(
        isinstance(call.output, dict) and "error" in call.output and not call.output["error"] for call in story.turn.calls()
    )
    shown = {
        "empty_error_field": empty_field,
        "weekend": story.slot.weekend,
        "rush": story.slot.rush and "rate_limit_burst" not in story.faults,
    }
    return [key for key, shows in shown.items() if shows]
