"""Multi-agent: a planner of meetings hands rooms, meals and travel to agents of their own, and puts the answer together."""

import random

from ..profile import Profile, Tool
from ..steps import Call, Delegation, Failure
from .harmless import (
    RUSH,
    WEEKEND,
    asked_for_length,
    heavy_tail,
    lonely_refusals,
    many_arguments,
    nothing_found,
    recovers,
    talks_about_errors,
)
from .operational import (
    fails_in_segment,
    model_refuses,
    never_ends,
    repeats_call,
    run_dies,
    slow_tail,
    slow_version,
    tool_fails,
)
from .quality import (
    asks_again,
    claims_undone,
    disliked,
    empty_answer,
    exposed_error,
    other_language,
    provider_message,
    same_answer,
    swallows_error,
    thumb,
)
from .reading import ignored_condition, invented_source, wrong_figure
from .scene import Act, Scene, Script

OCCASIONS = (
    *(
        "a board meeting",
        "a workshop on bees",
        "the annual review",
        "a reading",
        "a first aid course",
        "a union assembly",
        "a wine tasting",
    ),
    *(
        "the choir weekend",
        "a hiring day",
        "a chess tournament",
        "the budget round",
        "a press briefing",
        "a language course",
        "a jubilee",
    ),
)
PLACES = (
    "Arvika",
    "Brugg",
    "Cahors",
    "Dinkelsbühl",
    "Elblag",
    "Ferrol",
    "Gmunden",
    "Hasselt",
    "Ivrea",
    "Jelgava",
    "Kalmar",
    "Lugo",
    "Morlaix",
)
ROOMS = (
    "Lindenhof",
    "Old Mill",
    "Salt House",
    "Garden Hall",
    "Boathouse",
    "Long Room",
    "Tower Room",
    "Customs House",
    "Weighing House",
)
CONDITIONS = (
    "with a lift",
    "without meat",
    "near the station",
    "with step-free access",
    "after five in the afternoon",
    "with room for prams",
)
REQUESTS = (
    "we plan {occasion} in {place} for {guests} people, {condition}. Can you arrange room, meal and trains?",
    "please organise {occasion}: {place}, {guests} guests, {condition}.",
    "I need a place in {place} for {occasion}, {condition}, and lunch for {guests}.",
    "{occasion} with {guests} people in {place}, {condition}; what can you offer?",
    "for {occasion} we look for rooms in {place} ({guests} people, {condition})",
)
ANSWERS = (
    "I've reserved the {room} in {place} for {occasion}, {condition}. Room and lunch for {guests} come to {figure}.",
    "For {occasion} I've booked the {room}, {condition}. All in all it is {figure} for {guests} people in {place}.",
    "{occasion_cap} can be held in the {room} in {place}, {condition}: I've reserved it, with lunch for {guests}, at {figure}.",
)

PROFILE = Profile(
    *("planner", "gathering-planner", "planner"),
    "You plan meetings. Hand rooms to room_agent, meals to meal_agent and travel to travel_agent, and answer with one plan. "
    "Name the sum that they returned, and keep every condition of the request.",
    {
        "find_rooms": Tool("Rooms in a town.", {"place": "string", "guests": "integer"}, 260),
        "reserve_room": Tool("Reserve a room.", {"room": "string", "guests": "integer"}, 410),
        "quote_menu": Tool("What a lunch costs.", {"guests": "integer", "wishes": "string"}, 220),
        "find_trains": Tool("Trains to a town.", {"place": "string"}, 330),
    },
    versions=("5.0", "5.1", "5.2"),
)


def ordinary(scene: Scene) -> Act:
    """Two or three agents, then one plan."""
    occasion, place, condition = scene.ask(OCCASIONS), scene.ask(PLACES), scene.ask(CONDITIONS)
    guests = 6 + int(scene.asking.random() * 54)
    room, price = scene.pick(ROOMS), scene.number(180, 900)
    lunch = guests * scene.number(11, 29)
    figure = f"{price + lunch} euros"
    words = {"occasion": occasion, "occasion_cap": occasion[0].upper() + occasion[1:], "place": place, "condition": condition}
    words |= {"guests": str(guests), "room": room, "figure": figure}
    request = scene.ask(REQUESTS).format_map(words)
    request = (
        request[0].upper() + request[1:] if scene.slot.task else f"{scene.slot.user.first} {scene.slot.user.last}: {request}"
    )
    rooms = [
        {"room": room, "price": price, "features": condition},
        {"room": scene.pick(ROOMS), "price": price + 90, "features": "none"},
    ]
    steps = [
        Delegation(
            *("room_agent", f"Reserve a room in {place} for {guests}, {condition}."),
            steps=[
                Call("find_rooms", {"place": place, "guests": guests}, rooms),
                Call("reserve_room", {"room": room, "guests": guests}, {"room": room, "status": "reserved", "price": price}),
            ],
            answer=f"The {room} is yours for {price} euros, {condition}.",
        ),
        Delegation(
            *("meal_agent", f"Lunch for {guests}, {condition}."),
            steps=[Call("quote_menu", {"guests": guests, "wishes": condition}, {"total": lunch, "currency": "EUR"})],
            answer=f"Lunch for {guests} comes to {lunch} euros.",
        ),
    ]
    if scene.rng.random() < 0.6:
        trains = [{"from": scene.pick(PLACES), "at": f"{hour:02}:{scene.number(0, 59):02}"} for hour in (8, 9)]
        travel = [Call("find_trains", {"place": place}, trains)]
        steps.append(Delegation("travel_agent", f"Trains to {place}.", [*travel], f"There are {len(trains)} trains to {place}."))
    act = Act(request, [*steps], scene.compose(ANSWERS, words), figure=figure, condition=condition, source=room)
    act.feedback = thumb(scene, down=0.06)
    return act


def labels(rng: random.Random) -> dict[str, str]:
    """Where requests come from, and for which plan customers pay."""
    return {
        "office": rng.choices(("north", "south", "west", "east"), (0.3, 0.3, 0.25, 0.15))[0],
        "plan": rng.choices(("basic", "plus", "club"), (0.55, 0.3, 0.15))[0],
    }


SCRIPT = Script(
    PROFILE,
    ordinary,
    labels,
    kinds=(
        tool_fails("quote_menu", Failure("MenuServiceDown", "the kitchen service answers with status 410", "meals"), (0.04, 0.2)),
        tool_fails(
            "find_trains",
            Failure("TimeoutError", "timetable did not answer within 20.0 s", "travel"),
            (0.04, 0.25),
            duration_ms=20_000,
        ),
        run_dies(
            Failure("HandoffLoop", "room_agent and meal_agent handed the task to each other 10 times", "planner"), (0.03, 0.15)
        ),
        never_ends((0.02, 0.08)),
        model_refuses((0.3, 0.7)),
        repeats_call("find_rooms", (0.03, 0.2)),
        slow_version("5.2", 1.6),
        slow_tail("5.2", 8.0),
        fails_in_segment(
            "reserve_room", "office", "east", Failure("CalendarGone", "no calendar for this office", "rooms"), (0.2, 0.4)
        ),
        disliked("plan", "club"),
        empty_answer((0.01, 0.08)),
        provider_message((0.005, 0.03)),
        exposed_error((0.005, 0.04)),
        other_language((0.02, 0.12)),
        swallows_error("reserve_room", "reservation {number} was refused by the calendar", (0.02, 0.15)),
        claims_undone("reserve_room", (0.01, 0.05)),
        asks_again((0.03, 0.15)),
        same_answer((0.03, 0.15)),
        wrong_figure((0.02, 0.2)),
        ignored_condition((0.02, 0.2), "on the fourth floor"),
        invented_source((0.02, 0.15), ROOMS),
    ),
    harmless=(
        recovers("find_rooms"),
        heavy_tail(),
        asked_for_length(),
        talks_about_errors(),
        many_arguments("find_trains", "place"),
        nothing_found(
            "find_trains",
            [],
            "No train goes there on that day, so I have planned a bus instead; everything else is as you asked.",
        ),
        lonely_refusals(),
        WEEKEND,
        RUSH,
    ),
    repeated=0.1,
)
