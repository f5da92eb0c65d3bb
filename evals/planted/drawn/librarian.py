"""Retrieval: the helpdesk of a town's energy supplier answers from documents. A fixed chain: rewrite, search, rank, answer."""

import random

from ..profile import Profile, Tool
from ..steps import Call, Failure, Thought
from .harmless import (
    RUSH,
    WEEKEND,
    asked_for_length,
    heavy_tail,
    lonely_refusals,
    mixed,
    nothing_found,
    recovers,
    short_right,
    talks_about_errors,
)
from .operational import model_refuses, run_dies, slow_tail, slow_version, tool_fails
from .quality import (
    asks_again,
    cut_off_answer,
    disliked,
    empty_answer,
    exposed_error,
    other_language,
    overlong_answer,
    provider_message,
    same_answer,
    thumb,
)
from .reading import ignored_condition, invented_source, wrong_figure
from .scene import Act, Scene, Script

SUBJECTS = (
    *(
        "the night tariff",
        "the heat pump tariff",
        "the basic supply",
        "the charging card",
        "the solar feed-in contract",
        "the gas contract",
    ),
    *(
        "the street lamp lease",
        "the district heating contract",
        "the moving service",
        "the meter exchange",
        "the smart meter gateway",
    ),
    *(
        "the winter discount",
        "the family tariff",
        "the allotment connection",
        "the building site connection",
        "the balcony module",
    ),
    *(
        "the storage rental",
        "the boiler inspection",
        "the green bonus",
        "the instalment plan",
        "the club tariff",
        "the farm tariff",
    ),
)
ASPECTS = (
    *("monthly price", "notice period", "cancellation fee", "meter fee", "deposit", "connection fee", "minimum term", "bonus"),
    *("reading interval", "price guarantee", "late payment fee", "inspection interval", "processing time", "maximum load"),
)
UNITS = {
    **{"notice period": "weeks", "minimum term": "months", "reading interval": "months", "price guarantee": "months"},
    **{"inspection interval": "years", "processing time": "working days", "maximum load": "kilowatts"},
}
CONDITIONS = (
    "for tenants",
    "for owners",
    "for small shops",
    "for clubs",
    "in the old town",
    "on the islands",
    "for households with a well",
)
REQUESTS = (
    "what is the {aspect} of {subject} {condition}?",
    "I can't find the {aspect} of {subject} {condition}. Can you tell me?",
    "could you look up the {aspect} {condition} for {subject}?",
    "my neighbour asked about {subject}: which {aspect} applies {condition}?",
    "please tell me which {aspect} you have for {subject} {condition}",
    "we are thinking about {subject}. What would the {aspect} be {condition}?",
)
ANSWERS = (
    "The {aspect} of {subject} is {figure} {condition}. You find it in {source}, and it holds until the end of the year.",
    "For {subject} the {aspect} is {figure} {condition}; this is what {source} says, in its second section.",
    "{condition_cap}, the {aspect} of {subject} is {figure}. The rule stands in {source}, together with the exceptions.",
)
SOURCES = tuple(
    f"{part}-{year}.pdf" for part in ("tariffs", "terms", "fees", "technical-rules", "service-levels") for year in (2024, 2025)
)
NAMES = (
    "Aud",
    "Bo",
    "Cato",
    "Dag",
    "Eli",
    "Finn",
    "Guro",
    "Hege",
    "Ivar",
    "Jorunn",
    "Kari",
    "Leif",
    "Mona",
    "Nils",
    "Oda",
    "Per",
)

PROFILE = Profile(
    *("librarian", "fjordlys-helpdesk", "answer_question"),
    "You answer questions about the contracts of Fjordlys, the town's energy supplier, from the documents that are given to you. "
    "Name the document that an answer comes from. Say so if the documents don't tell.",
    {
        "search_index": Tool("Search the documents.", {"query": "string", "k": "integer"}, 180, "RETRIEVER"),
        "rank_passages": Tool("Put passages in order.", {"query": "string"}, 90, "RERANKER"),
    },
    versions=("2.0", "2.1", "2.2"),
    root_kind="CHAIN",
    calls_by_model=False,
)


def ordinary(scene: Scene) -> Act:
    """A question about one rule, and its answer."""
    aspect, subject, condition = scene.ask(ASPECTS), scene.ask(SUBJECTS), scene.ask(CONDITIONS)
    words = {"aspect": aspect, "subject": subject, "condition": condition, "condition_cap": condition[0].upper() + condition[1:]}
    request = scene.ask(REQUESTS).format_map(words)
    request = (
        request[0].upper() + request[1:] if scene.slot.task else f"{scene.pick(NAMES)} {scene.slot.user.last} here, {request}"
    )
    figure, source = f"{scene.number(2, 90)} {UNITS.get(aspect, 'kroner')}", scene.pick(SOURCES)
    others = [scene.pick(SOURCES) for _ in range(3)]
    passages = [_passage(source, f"{subject}: the {aspect} is {figure} {condition}. Exceptions are listed below.", 0.9)]
    passages += [_passage(other, f"{scene.pick(SUBJECTS)}: see the {scene.pick(ASPECTS)} in the annex.", 0.4) for other in others]
    query = f"{aspect} {subject} {condition}"
    search, rank = Call("search_index", {"query": query, "k": 4}, passages), Call("rank_passages", {"query": query}, passages[:2])
    answer = scene.compose(ANSWERS, {**words, "figure": figure, "source": source})
    act = Act(request, [Thought(query), search, rank], answer, figure=figure, condition=condition, source=source)
    act.feedback = thumb(scene, down=0.07)
    return act


def _passage(source: str, text: str, score: float) -> dict[str, object]:
    return {"page_content": f"## {source}\n\n{text}", "metadata": {"doc_uri": f"docs/{source}", "score": score}, "id": source}


def labels(rng: random.Random) -> dict[str, str]:
    """Channel and kind of contract; businesses come mostly through the portal of partners."""
    channel = rng.choices(("web", "app", "partner"), (0.5, 0.3, 0.2))[0]
    return {"channel": channel, "contract": "business" if rng.random() < (0.75 if channel == "partner" else 0.15) else "private"}


SCRIPT = Script(
    PROFILE,
    ordinary,
    labels,
    kinds=(
        tool_fails("search_index", Failure("IndexUnavailable", "shard 3 of the index is not loaded", "index"), (0.03, 0.2)),
        tool_fails(
            "rank_passages",
            Failure("TimeoutError", "ranker did not answer within 10.0 s", "rank"),
            (0.02, 0.15),
            duration_ms=10_000,
        ),
        run_dies(Failure("ContextTooLong", "the passages have 41,000 tokens, the model takes 32,768", "answer"), (0.03, 0.15)),
        model_refuses((0.3, 0.7)),
        slow_version("2.2", 1.7),
        slow_tail("2.2", 8.0),
        disliked("contract", "business"),
        empty_answer((0.01, 0.1)),
        provider_message((0.005, 0.04)),
        exposed_error((0.005, 0.04)),
        overlong_answer((0.05, 0.4)),
        cut_off_answer((0.01, 0.08), least=100),
        other_language((0.02, 0.12)),
        asks_again((0.03, 0.15)),
        same_answer((0.03, 0.15)),
        wrong_figure((0.02, 0.2)),
        ignored_condition((0.02, 0.2), "for everybody"),
        invented_source((0.02, 0.15), SOURCES),
    ),
    harmless=(
        recovers("search_index"),
        heavy_tail(),
        asked_for_length(),
        talks_about_errors(),
        nothing_found("rank_passages", [], "Our documents don't say anything about this, so I can't give you a figure."),
        lonely_refusals(),
        short_right("Yes, it does.", "Does the office open on Mondays?"),
        mixed("channel", "partner", "Most who come from partners have business contracts; among them channels don't differ."),
        WEEKEND,
        RUSH,
    ),
    repeated=0.15,
)
