"""What a person would read in the JSON of requests and responses."""

import pytest

from analyze_experiment.tests.tools.traces.shapes import REQUESTS, RESPONSES, Shape
from analyze_experiment.tools.traces.texts import request_text, response_text


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_request_text_is_what_the_user_asked_last(case: Shape) -> None:
    assert request_text(case.payload) == case.text


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_response_text_is_what_was_answered(case: Shape) -> None:
    assert response_text(case.payload) == case.text


def test_json_too_deep_to_parse_is_a_text() -> None:
    payload = "[" * 100_000
    assert response_text(payload) == payload
