"""What goes wrong: each function makes one turn in which a planted fault shows."""

import json

from ..steps import Call, Failure, Stall
from . import agent
from .intents import (
    ORDINARY,
    Intent,
    ask,
    availability,
    book,
    cancel,
    change,
    choose,
    email,
    policy,
    quote,
    refund,
    reply,
    search,
    weather,
)
from .longform import packing_list, padded_answer
from .situation import Situation, Turn
from .world import policy_document

READING: dict[Intent, float] = {search: 0.2, availability: 0.25, quote: 0.3, policy: 0.15, weather: 0.1}
"""Intents that change nothing."""

WIDGET_TOKENS = 180
"""What the widget allows for an answer, in the faulty variant."""
WIDGET_CHARS = WIDGET_TOKENS * 4

SWALLOWED = {
    "send_email": (
        '{{"error": "SMTP 451 4.7.1: greylisted, mail to {email} was not accepted"}}',
        '{{"error": "quota of the mail gateway is used up", "retry_after": 3600}}',
        "Error: no route to the mail gateway",
    ),
    "update_booking": (
        "Error: booking {booking} is locked by another operation (BK-409)",
        '{{"booking_id": "{booking}", "status": "unchanged", "error": "the calendar of {shop} is read-only"}}',
    ),
    "create_booking": (
        '{{"error": "write conflict, transaction rolled back", "code": 409}}',
        "Error: 502 bad gateway while writing to the ledger",
    ),
}
"""What each tool returns when it fails without raising."""

TIMEOUT = Failure("TimeoutError", "inventory-api did not answer within 30.0 s", "tools.inventory")

RATE_LIMIT = (
    "Error code: 429 - {{'error': {{'message': 'Rate limit reached for {model} in organization org-tarnfell "
    "on tokens per min (TPM): "
    "Limit 200000, Used {used}, Requested {asked}. Please try again in {wait}ms.', 'type': 'tokens', 'code': "
    "'rate_limit_exceeded'}}}}"
)

PROVIDER = (
    "You exceeded your current quota, please check your plan and billing details. (request {token})",
    "I'm sorry, the model {model} is currently overloaded. Please try again later. [{token}]",
    "The server is overloaded or not ready yet. Contact support with the request id {token} if the error persists.",
    "Rate limit reached for {model}: please reduce your usage or upgrade your plan. Request {token}.",
    "This model's maximum context length is 32768 tokens, however you requested {asked} tokens. Please reduce "
    "the length of the messages.",
)

EXPOSED = (
    'Traceback (most recent call last):\n  File "/srv/concierge/answer.py", line {line}, in compose\n    '
    "price = quote['total_net']\n"
    "KeyError: 'total_net'",
    "Here is what I found for {shop}:\n\njinja2.exceptions.UndefinedError: 'article' is undefined (line {line} of answer.md)",
    "TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'\n  at quote_price (/srv/concierge/tools/quote.py:{line})",
    "Internal error while composing the answer: ValueError: time data '{start}' does not match format '%Y-%m-%d'",
)


def swallowed_tool_error(s: Situation) -> Turn:
    """A write fails with an error as its output and the status OK; the answer claims success."""
    turn = s.pick((email, change, book))(s)
    tool = s.pick([call.tool for call in turn.calls() if call.tool in SWALLOWED])
    turn.steps = turn.steps[: turn.steps.index(turn.calls(tool)[0]) + 1]
    call = turn.calls(tool)[0]
    text = s.pick(SWALLOWED[tool]).format_map(s.slots)
    call.output = json.loads(text) if text.startswith("{") else text
    call.marked = True
    if tool == "create_booking":
        turn.answer = reply(s, "booked", "pickup")
    return turn


def tool_timeout(s: Situation) -> Turn:
    """The inventory doesn't answer for 30 s: retried with success, given up honestly, or the turn fails."""
    turn = s.pick((availability, book, search, change))(s)
    call = turn.calls("check_availability")[0]
    place = turn.steps.index(call)
    outcome = s.rng.random()
    attempts = 1 if outcome < 0.55 else 2
    failed = [
        Call(
            call.tool, call.arguments, failure=TIMEOUT, duration_ms=30_000 + s.rng.random() * 90, marked=True, retried=attempt > 0
        )
        for attempt in range(attempts)
    ]
    if attempts == 1:
        call.retried = True
        turn.steps[place:place] = failed
        return turn
    turn.steps[place:] = failed
    if outcome < 0.75:
        turn.answer = reply(s, "unreachable")
    else:
        turn.answer, turn.failure = None, Failure("ToolUnavailable", "check_availability failed twice, giving up", "agent")
    return turn


def identical_tool_calls(s: Situation) -> Turn:
    """The same search with the same result, four to eight times in a row."""
    turn = search(s)
    first = turn.calls("search_catalog")[0]
    again = [Call(first.tool, first.arguments, first.output, marked=True) for _ in range(s.number(3, 7))]
    first.marked = True
    turn.steps[1:1] = again
    return turn


def rate_limited(s: Situation) -> Turn:
    """The provider refuses calls of the model; the agent storms it with retries, and sometimes gives up."""
    turn = choose(s, ORDINARY, set())(s)
    place = s.number(0, len(turn.steps))
    refusals = s.number(2, 5)
    numbers = {"used": 200_000 - s.number(20, 900), "asked": s.number(1500, 4800), "wait": s.number(200, 1900)}
    message = RATE_LIMIT.format_map({**s.slots, **numbers})
    stalls = [
        Stall(Failure("RateLimitError", message, "models"), s.number(60, 240), wait_ms=400 * 2**attempt)
        for attempt in range(refusals)
    ]
    turn.steps[place:place] = stalls
    if refusals == 5:
        turn.steps = turn.steps[: place + refusals]
        turn.answer, turn.failure = None, Failure("RateLimitError", message, "models")
    return turn


def provider_message(s: Situation) -> Turn:
    """The provider's message is passed on as the answer."""
    turn = choose(s, READING, set())(s)
    words = {"token": f"req_{s.rng.getrandbits(48):012x}", "asked": s.number(32_900, 39_000)}
    turn.answer = s.pick(PROVIDER).format_map({**s.slots, **words})
    return turn


def empty_answer(s: Situation) -> Turn:
    """The last call of the model returns nothing."""
    turn = choose(s, READING, set())(s)
    turn.answer = s.pick(("", "", "", "\n"))
    return turn


def cut_off_answer(s: Situation) -> Turn:
    """The limit of the widget cuts the answer in the middle of a word."""
    if s.rng.random() < 0.6:
        turn = Turn(ask(s, "packing_list"), [agent.get_weather(s)], packing_list(s))
    else:
        turn = policy(s)
        turn.answer = f"{reply(s, 'policy_whole')}\n\n{policy_document(s.trip.topic, 6)}"
    turn.answer = _cut(turn.answer or "", WIDGET_CHARS - s.number(0, 3))
    turn.finish_reason = "length"
    return turn


def _cut(text: str, limit: int) -> str:
    while not (text[limit - 1].isalpha() and text[limit].isalpha()):
        limit -= 1
    return text[:limit]


def invalid_arguments(s: Situation) -> Turn:
    """The model writes an argument that the tool refuses, reads the refusal, and corrects it."""
    turn = book(s)
    call = turn.calls("create_booking")[0]
    arguments = dict(call.arguments)
    if s.rng.random() < 0.7:
        arguments["start_date"] = s.trip.start.strftime("%d.%m.%Y")
        complaint = "start_date\n  Input should be a valid date in the format YYYY-MM-DD"
    else:
        arguments["count"] = f"{s.trip.pieces} pieces"
        complaint = "count\n  Input should be a valid integer, unable to parse string as an integer"
    failure = Failure("ValidationError", f"1 validation error for CreateBooking\n{complaint}", "tools.booking")
    refused = Call(call.tool, arguments, failure=failure, duration_ms=2 + s.rng.random() * 6, marked=True)
    turn.steps.insert(turn.steps.index(call), refused)
    return turn


def action_never_called(s: Situation) -> Turn:
    """The answer claims an action, and no tool was called for it."""
    intent, tool = s.pick(
        ((cancel, "cancel_booking"), (change, "update_booking"), (refund, "issue_refund"), (email, "send_email"))
    )
    turn = intent(s)
    turn.steps = [step for step in turn.steps if step not in turn.calls(tool)]
    return turn


def unhelpful(s: Situation) -> Turn:
    """An answer that is of no use, so that the customer will ask again."""
    helpful = choose(s, {availability: 0.4, quote: 0.3, policy: 0.3}, set())(s)
    return Turn(helpful.request, [], s.say("evasive"), helpful=helpful)


def asks_again(s: Situation) -> Turn:
    """The customer repeats the request; this time the agent looks it up, or is evasive once more."""
    if s.before is None or s.before.helpful is None:
        raise ValueError("only the turn after an unhelpful one can ask again")
    request = s.say("again", text=s.before.request)
    if s.rng.random() < 0.4:
        return Turn(request, [], s.say("evasive"))
    return Turn(request, s.before.helpful.steps, s.before.helpful.answer)


def sibling(s: Situation) -> Turn:
    """A question that several users ask in the same words, answered by the rules."""
    question = s.phrases["sibling"][s.wording].format_map(s.slots)
    return Turn(question, [agent.lookup_policy(s, query=question)], s.say("sibling_yes"))


def sibling_fails(s: Situation) -> Turn:
    """The same question, but the index of the rules breaks down."""
    turn = sibling(s)
    failure = Failure("IndexUnavailable", f"shard {s.number(1, 4)} of the policy index is not loaded", "tools.policy")
    turn.steps = [Call("lookup_policy", turn.calls()[0].arguments, failure=failure, duration_ms=s.number(20, 90), marked=True)]
    turn.answer, turn.failure = None, failure
    return turn


def sibling_differs(s: Situation) -> Turn:
    """The same question, but the opposite answer."""
    turn = sibling(s)
    turn.answer = s.say("sibling_no")
    return turn


def exposed_error(s: Situation) -> Turn:
    """The answer holds an exception."""
    turn = choose(s, READING, set())(s)
    turn.answer = s.pick(EXPOSED).format_map({**s.slots, "line": s.number(20, 240)})
    return turn


def verbose_answer(s: Situation) -> Turn:
    """A short question, and thousands of characters in return."""
    return Turn(s.say("short"), [agent.search_catalog(s)], padded_answer(s, s.say("short_fact")))
