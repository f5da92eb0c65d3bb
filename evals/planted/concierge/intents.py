"""Ordinary turns: what customers want, and how the agent goes about it when all is well."""

from collections.abc import Callable

from ..steps import Call
from . import agent
from .situation import Situation, Turn, capital
from .world import TOPICS

Intent = Callable[[Situation], Turn]

DEPOSITS = next(topic for topic in TOPICS if topic.title == "Deposits")


def ask(s: Situation, key: str, **more: object) -> str:
    """A request with greeting and closing, where the customer bothers."""
    hello, core, bye = s.say("hello"), s.say(key, **more), s.say("bye")
    if not hello or hello[-1] in ".!":
        core = capital(core)
    return " ".join(part for part in (hello, core, bye) if part)


def reply(s: Situation, *keys: str, **more: object) -> str:
    """An answer: a greeting, the facts, and often a closing."""
    dear, facts = s.say("dear"), s.say(*keys, **more)
    if dear[-1] in ".!":
        facts = capital(facts)
    close = [s.say("close")] if s.rng.random() < 0.75 else []
    return " ".join([dear, facts, *close])


def search(s: Situation) -> Turn:
    """Finds something that fits, with prices."""
    steps = [agent.search_catalog(s), agent.check_availability(s), agent.quote_price(s)]
    return Turn(ask(s, "search"), [*steps], reply(s, "found", "pickup"))


def availability(s: Situation) -> Turn:
    """Whether something is free, and what it would cost."""
    return Turn(ask(s, "availability"), [agent.check_availability(s), agent.quote_price(s)], reply(s, "free", "pickup"))


def quote(s: Situation) -> Turn:
    """What something costs."""
    before: list[Call] = [agent.search_catalog(s)] if s.rng.random() < 0.4 else []
    return Turn(ask(s, "quote"), [*before, agent.quote_price(s)], reply(s, "quoted"))


def book(s: Situation) -> Turn:
    """Books, often with a mail."""
    steps = [agent.check_availability(s), agent.quote_price(s), agent.create_booking(s)]
    mailed = s.rng.random() < 0.6
    if mailed:
        steps.append(agent.send_email(s))
    return Turn(ask(s, "book"), [*steps], reply(s, "booked", "mailed" if mailed else "pickup"))


def change(s: Situation) -> Turn:
    """Moves a booking."""
    steps = [agent.get_booking(s), agent.check_availability(s), agent.quote_price(s), agent.update_booking(s)]
    return Turn(ask(s, "change"), [*steps], reply(s, "changed", "pickup"))


def cancel(s: Situation) -> Turn:
    """Cancels a booking."""
    return Turn(ask(s, "cancel"), [agent.get_booking(s, other=True), agent.cancel_booking(s)], reply(s, "cancelled"))


def refund(s: Situation) -> Turn:
    """Pays a deposit back."""
    steps = [agent.get_booking(s, other=True, status="returned"), agent.lookup_policy(s, topic=DEPOSITS), agent.issue_refund(s)]
    return Turn(ask(s, "refund"), [*steps], reply(s, "refunded"))


def status(s: Situation) -> Turn:
    """Reads a booking out."""
    return Turn(ask(s, "status"), [agent.get_booking(s)], reply(s, "booking_state", "pickup"))


def email(s: Situation) -> Turn:
    """Sends a confirmation once more."""
    return Turn(ask(s, "email"), [agent.get_booking(s), agent.send_email(s)], reply(s, "emailed"))


def weather(s: Situation) -> Turn:
    """Looks at the forecast."""
    call = agent.get_weather(s)
    forecast = call.output if isinstance(call.output, dict) else {}
    words = {"sky": forecast["sky"], "low": forecast["low_c"], "high": forecast["high_c"]}
    return Turn(ask(s, "weather"), [call], reply(s, "forecast", "gear_advice", **words))


def delivery(s: Situation) -> Turn:
    """Looks for a parcel."""
    stage = s.number(0, 3)
    words = {"stage": agent.STAGES[stage], "step": stage + 1}
    return Turn(ask(s, "delivery"), [agent.track_delivery(s, stage=stage)], reply(s, "parcel", **words))


def policy(s: Situation) -> Turn:
    """Answers from the rules of the house."""
    detail = s.trip.topic.detail
    return Turn(ask(s, "policy"), [agent.lookup_policy(s)], reply(s, "house_rule", detail_low=detail[0].lower() + detail[1:]))


def hours(s: Situation) -> Turn:
    """A short question with a short answer."""
    about = s.pick(("sunday", "closing", "opening"))
    return Turn(s.say(about), [agent.get_shop_info(s)], s.say(f"{about}_short"))


def thanks(s: Situation) -> Turn:
    """The end of a conversation."""
    return Turn(s.say("thanks"), [], s.say("welcome"))


ORDINARY: dict[Intent, float] = {
    **{search: 0.15, availability: 0.14, quote: 0.17, book: 0.13, change: 0.08, cancel: 0.05, refund: 0.03, status: 0.06},
    **{email: 0.03, weather: 0.04, delivery: 0.03, policy: 0.09},
}
"""How often each is wanted; `hours` are looked after by the look-alikes, `thanks` ends a conversation."""


def choose(s: Situation, wanted: dict[Intent, float], used: set[str]) -> Intent:
    """Draws an intent by its weight, one that the conversation hasn't had where that is possible."""
    fresh = {intent: weight for intent, weight in wanted.items() if intent.__name__ not in used} or wanted
    point = s.rng.random() * sum(fresh.values())
    for intent, weight in fresh.items():
        point -= weight
        if point < 0:
            return intent
    return next(reversed(fresh))
