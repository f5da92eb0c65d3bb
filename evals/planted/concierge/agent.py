"""The invented agent: its system prompt, the tools it declares, and what they return when all is well."""

from datetime import timedelta

from ..profile import Profile, Tool
from ..steps import Call
from ..store import EXPERIMENT
from .situation import Situation
from .world import COMPANY, ITEMS, LORE, Topic, policy_document

SYSTEM_PROMPT = (
    f"You are the concierge of {COMPANY}, which lends outdoor gear from six shops in the mountains. Help "
    f"customers to find gear, to "
    "check dates and prices, and to book, change or cancel. Look things up with the tools and never guess: prices come from "
    "quote_price, rules from lookup_policy, bookings from get_booking. Change nothing that the customer "
    "didn't ask for, and say what "
    "you did only after the tool has confirmed it. Answer in English, kindly and briefly, in the customer's currency. If a tool "
    "fails, try once more, then say honestly what didn't work."
)


TOOLS: dict[str, tuple[str, dict[str, str]]] = {
    "search_catalog": ("Find gear by words and category.", {"query": "string", "category": "string", "limit": "integer"}),
    "check_availability": (
        "Whether an article is free in a period.",
        {"sku": "string", "start_date": "string", "end_date": "string", "count": "integer"},
    ),
    "quote_price": ("What a rental costs.", {"sku": "string", "days": "integer", "count": "integer"}),
    "create_booking": (
        "Book an article.",
        {"sku": "string", "start_date": "string", "end_date": "string", "count": "integer", "shop": "string"},
    ),
    "get_booking": ("Read a booking.", {"booking_id": "string"}),
    "update_booking": ("Move a booking to other dates.", {"booking_id": "string", "start_date": "string", "end_date": "string"}),
    "cancel_booking": ("Cancel a booking.", {"booking_id": "string", "reason": "string"}),
    "issue_refund": ("Pay money back.", {"booking_id": "string", "amount": "number"}),
    "get_weather": ("The mountain forecast.", {"region": "string", "date": "string"}),
    "get_shop_info": ("Address and opening hours.", {"shop": "string"}),
    "track_delivery": ("Where a parcel is.", {"booking_id": "string"}),
    "send_email": ("Write to the customer.", {"to": "string", "subject": "string", "body": "string"}),
    "lookup_policy": ("Search the rules of the house.", {"query": "string"}),
}
"""Name -> what it does, and its parameters."""

USUAL_MS = {
    **{"search_catalog": 240, "check_availability": 310, "quote_price": 130, "create_booking": 520, "get_booking": 110},
    **{"update_booking": 430, "cancel_booking": 390, "issue_refund": 640, "get_weather": 350, "get_shop_info": 70},
    **{"track_delivery": 280, "send_email": 480, "lookup_policy": 190},
}
"""Median duration of each tool."""

PROFILE = Profile(
    name="concierge",
    experiment=EXPERIMENT,
    agent="gear_concierge",
    system_prompt=SYSTEM_PROMPT,
    tools={
        name: Tool(text, parameters, USUAL_MS[name], "RETRIEVER" if name == "lookup_policy" else "TOOL")
        for name, (text, parameters) in TOOLS.items()
    },
)

WEATHER = ("clear", "cloudy", "light rain", "snow showers", "fog until noon", "thunderstorms after 15:00")
STAGES = ("packed", "handed to the carrier", "in the regional depot", "out for delivery")


def search_catalog(s: Situation) -> Call:
    """Three articles."""
    hits = [{"sku": item.sku, "name": item.name, "category": item.category} for item in s.trip.items[:3]]
    query = s.say("query")
    return Call("search_catalog", {"query": query, "category": s.item.category, "limit": 3}, hits)


def fruitless_search(query: str) -> Call:
    """No article, because there is none of the kind."""
    return Call("search_catalog", {"query": query, "category": "all", "limit": 3}, list[object]())


def check_availability(s: Situation, *, free: bool = True, item: int = 0, later: int = 0) -> Call:
    """Whether the item is free; `later` moves the period by days."""
    start, end = s.trip.start + timedelta(days=later), s.end + timedelta(days=later)
    arguments: dict[str, object] = {
        **{"sku": s.trip.items[item].sku, "start_date": start.isoformat(), "end_date": end.isoformat(), "count": s.trip.pieces}
    }
    left = s.number(s.trip.pieces, s.trip.pieces + 6) if free else 0
    return Call(
        "check_availability",
        arguments,
        {"sku": s.trip.items[item].sku, "available": free, "left": left, "shop": s.trip.shop.name},
    )


def quote_price(s: Situation, *, item: int = 0) -> Call:
    """The price in the currency of the turn."""
    daily = s.price(s.trip.items[item])
    quote = {
        "sku": s.trip.items[item].sku,
        "daily": daily,
        "total": daily * s.trip.days * s.trip.pieces,
        "deposit": daily * 6 * s.trip.pieces,
    }
    return Call(
        "quote_price",
        {"sku": s.trip.items[item].sku, "days": s.trip.days, "count": s.trip.pieces},
        {**quote, "currency": s.currency, "discount": None, "errors": []},
    )


def create_booking(s: Situation) -> Call:
    """A confirmed booking."""
    arguments: dict[str, object] = {
        **{"sku": s.item.sku, "start_date": s.trip.start.isoformat(), "end_date": s.end.isoformat(), "count": s.trip.pieces},
        "shop": s.trip.shop.name,
    }
    return Call(
        "create_booking",
        arguments,
        {"booking_id": s.trip.booking, "status": "confirmed", "total": s.total, "currency": s.currency},
    )


def get_booking(s: Situation, *, other: bool = False, status: str = "confirmed") -> Call:
    """A booking as it stands."""
    number = s.trip.other_booking if other else s.trip.booking
    record = {"booking_id": number, "status": status, "sku": s.item.sku, "article": s.item.name, "count": s.trip.pieces}
    dates = {"start_date": s.trip.start.isoformat(), "end_date": s.end.isoformat(), "shop": s.trip.shop.name, "total": s.total}
    return Call("get_booking", {"booking_id": number}, {**record, **dates, "currency": s.currency, "customer": s.user.user_id})


def missing_booking(s: Situation) -> Call:
    """No booking has this number: a result, not a failure."""
    return Call(
        "get_booking", {"booking_id": s.trip.other_booking}, {"found": False, "booking": None, "searched": s.trip.other_booking}
    )


def update_booking(s: Situation) -> Call:
    """A moved booking; the tool always returns an `error` field, empty where there is none."""
    arguments: dict[str, object] = {
        **{"booking_id": s.trip.booking, "start_date": s.trip.start.isoformat(), "end_date": s.end.isoformat()}
    }
    return Call("update_booking", arguments, {"booking_id": s.trip.booking, "status": "updated", "error": None})


def cancel_booking(s: Situation) -> Call:
    """A cancelled booking."""
    return Call(
        "cancel_booking",
        {"booking_id": s.trip.other_booking, "reason": "asked for by the customer"},
        {"booking_id": s.trip.other_booking, "status": "cancelled", "refund": s.total, "fee": 0},
    )


def issue_refund(s: Situation) -> Call:
    """Money paid back."""
    return Call(
        "issue_refund",
        {"booking_id": s.trip.other_booking, "amount": s.deposit},
        {"booking_id": s.trip.other_booking, "status": "accepted", "amount": s.deposit, "currency": s.currency},
    )


def get_weather(s: Situation) -> Call:
    """The forecast for the first day."""
    low = s.number(-9, 8)
    forecast = {"region": s.trip.shop.region, "sky": s.pick(WEATHER), "low_c": low, "high_c": low + s.number(4, 12)}
    return Call(
        "get_weather", {"region": s.trip.shop.region, "date": s.trip.start.isoformat()}, {**forecast, "wind_kmh": s.number(5, 60)}
    )


def get_shop_info(s: Situation) -> Call:
    """Opening hours."""
    hours = {"opens": s.trip.shop.opens, "closes": s.trip.shop.closes, "sunday": s.trip.shop.sunday}
    return Call(
        "get_shop_info",
        {"shop": s.trip.shop.name},
        {"shop": s.trip.shop.name, "region": s.trip.shop.region, **hours, "error": ""},
    )


def track_delivery(s: Situation, *, stage: int) -> Call:
    """Where the parcel is; later stages come later."""
    return Call(
        "track_delivery",
        {"booking_id": s.trip.booking},
        {"booking_id": s.trip.booking, "stage": STAGES[stage], "step": stage + 1, "of": 4},
    )


def send_email(s: Situation, *, other: bool = False) -> Call:
    """A mail that left."""
    number = s.trip.other_booking if other else s.trip.booking
    body = s.say("mail", booking=number)
    return Call(
        "send_email",
        {"to": s.user.email, "subject": f"Your booking {number}", "body": body},
        {"status": "sent", "message_id": f"<{number.lower()}.{s.number(1000, 9999)}@mail.example.org>", "errors": []},
    )


def lookup_policy(s: Situation, *, topic: Topic | None = None, query: str = "") -> Call:
    """Two documents, the one that answers first."""
    topic = topic or s.trip.topic
    documents = [policy_document(topic, s.number(3, 8)), "\n\n".join(LORE[s.number(0, 3) : s.number(5, 8)])]
    sources = [topic.document, "house-lore.md"]
    output = [
        {"page_content": text, "metadata": {"doc_uri": f"policies/{source}", "score": round(0.91 - 0.2 * rank, 2)}, "id": source}
        for rank, (text, source) in enumerate(zip(documents, sources, strict=True))
    ]
    return Call("lookup_policy", {"query": query or topic.question}, output)


def wide_search(s: Situation) -> Call:
    """The whole category: a long list."""
    hits = [{"sku": item.sku, "name": item.name, "daily": s.price(item), "currency": s.currency} for item in ITEMS]
    return Call("search_catalog", {"query": s.say("query"), "category": "all", "limit": len(ITEMS)}, hits)
