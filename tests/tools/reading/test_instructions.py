"""What an agent was told to do is found in whatever shape its calls to models are recorded."""

import pytest

from analyze_experiment.tools.reading.instructions import instruction_in
from analyze_experiment.tools.traces.texts import Json

RULES = "You lend boats, and never without a name."
HELLO: Json = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": [{"role": "system", "content": RULES}, HELLO]},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": RULES}]}, HELLO]},
        {"messages": [[{"type": "system", "content": RULES}, {"type": "human", "content": "Hello"}]]},
        {"messages": [HELLO], "system": RULES},
        {"messages": [HELLO], "system": [{"type": "text", "text": RULES}]},
        {"input": "Hello", "instructions": RULES},
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "system_instruction": {"parts": [{"text": RULES}]}},
    ],
    ids=["chat", "developer", "LangChain", "Anthropic", "Anthropic blocks", "Responses", "Gemini"],
)
def test_the_instructions_of_a_request_are_found(request_: Json) -> None:
    assert instruction_in(request_) == RULES


@pytest.mark.parametrize("request_", [{"messages": [HELLO]}, "Hello", [], None, {"system": None}])
def test_a_request_without_instructions_has_none(request_: Json) -> None:
    assert instruction_in(request_) == ""
