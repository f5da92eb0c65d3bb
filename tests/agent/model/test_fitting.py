"""Questions to a model that can take little: shortened to what it can take, found out from its refusal where nobody said it."""

import asyncio

import pytest

from analyze_experiment.agent.analysts.fitting import Flexible, ask_fitted, flexible, shortened
from analyze_experiment.agent.analysts.forms import Purpose
from analyze_experiment.agent.model import GivenUp, LanguageModel
from analyze_experiment.tests.agent.model.conftest import Desk
from analyze_experiment.tests.scripted_model import Failure

DESCRIPTION = {"description": "It rents boats to people who ask for one."}
FACTS, TRACES = "A boat has a mast. " * 600, "Somebody asked for a boat. " * 900
CONTEXT = 4_000


def described(desk: Desk, model: LanguageModel, *, traces: str | Flexible | None = None) -> Purpose | GivenUp:
    async def ask() -> Purpose | GivenUp:
        await model.attach(desk.store, desk.run_id)
        try:
            values = {"facts": flexible(FACTS), "traces": traces or flexible(TRACES)}
            return await ask_fitted(model, "purpose", Purpose, purpose="purpose", values=values)
        finally:
            await model.close()

    return asyncio.run(ask())


def test_where_there_is_room_everything_is_shown(desk: Desk) -> None:
    desk.server.script("Purpose", DESCRIPTION)
    assert isinstance(described(desk, desk.model()), Purpose)
    assert FACTS.strip() in desk.server.requests[0].user and TRACES.strip() in desk.server.requests[0].user


def test_a_context_that_is_given_is_never_exceeded(desk: Desk) -> None:
    desk.server.context_tokens = CONTEXT
    desk.server.script("Purpose", DESCRIPTION)
    assert isinstance(described(desk, desk.model(context_tokens=CONTEXT)), Purpose)
    (request,) = desk.server.requests
    assert "more characters)" in request.user
    assert len(request.text) > 2 * CONTEXT, "most of the room is used"
    facts, traces = request.user.split("<traces>")
    assert len(traces) / len(facts) == pytest.approx(len(TRACES) / len(FACTS), rel=0.05), "all is cut by the same share"


def test_a_context_that_nobody_gave_is_learnt_from_the_refusal_and_kept_to(desk: Desk) -> None:
    desk.server.context_tokens = CONTEXT
    desk.server.script("Purpose", DESCRIPTION, repeat=True)
    model = desk.model()
    assert isinstance(described(desk, model), Purpose)
    assert (desk.server.count(), model.context_tokens) == (2, CONTEXT)
    assert isinstance(described(desk, model, traces=flexible(TRACES.replace("boat", "ship"))), Purpose)
    assert desk.server.count() == 3, "the next one fits at once"
    assert desk.store.get_analysis(desk.run_id).spend.given_up == 0


def test_texts_with_more_tokens_than_were_estimated_are_shown_shorter_still(desk: Desk) -> None:
    refusal = Failure(400, f"This model's maximum context length is {CONTEXT} tokens. However, you requested 4100 tokens.")
    desk.server.script("Purpose", refusal, DESCRIPTION)
    model = desk.model(context_tokens=CONTEXT)
    assert isinstance(described(desk, model), Purpose)
    first, second = (len(request.text) for request in desk.server.requests)
    assert second < 0.85 * first


def test_what_can_be_shown_no_shorter_is_given_up_for_good(desk: Desk) -> None:
    desk.server.context_tokens = CONTEXT
    given_up = described(desk, desk.model(), traces=TRACES)
    assert isinstance(given_up, GivenUp) and "context size (4000 tokens)" in given_up.why
    asked = desk.server.count()
    assert asked <= 4
    assert desk.store.get_analysis(desk.run_id).spend.given_up == 1
    assert described(desk, desk.model(context_tokens=CONTEXT), traces=TRACES) == given_up
    assert desk.server.count() == asked, "what was given up is known"


@pytest.mark.parametrize(
    "refusal",
    [
        "This model's maximum context length is 4000 tokens, however you requested 9000 tokens",
        "the request exceeds the available context size (4000 tokens), try increasing it",
        "prompt is too long: 9000 tokens > 4000 maximum",
        "Input length 9000 exceeds the context window of 4000 tokens",
    ],
    ids=["OpenAI and vLLM", "llama.cpp", "Anthropic's", "a gateway"],
)
def test_a_refusal_for_its_length_is_known_in_the_words_of(desk: Desk, refusal: str) -> None:
    desk.server.script("Purpose", Failure(400, refusal), DESCRIPTION)
    model = desk.model()
    assert isinstance(described(desk, model), Purpose)
    first, second = (len(request.text) for request in desk.server.requests)
    assert second < 0.85 * first


def test_a_text_says_how_much_of_it_is_left_out() -> None:
    assert shortened("four", 4) == "four"
    assert shortened("fourteen " * 20, 4) == "four … (176 more characters)"
    assert shortened("fourteen", 4) == "fourteen", "it would be no shorter"
