"""Sentences with figures that a model wasn't shown go, and how much went is said without saying it again."""

import pytest

from analyze_experiment.agent.analysts.grounding import grounded, left_out_in_words

SHOWN = "12 of 1,040 traces, 0.5 s each"


@pytest.mark.parametrize(
    ("said", "kept", "left_out"),
    [
        ("It is seen in 12 of 1040. The prompt has no rule.", "It is seen in 12 of 1040. The prompt has no rule.", ""),
        ("It costs 1.5 s. The prompt has no rule.", "The prompt has no rule.", "1 sentence of the cause"),
        ("It costs 1.5 s. So says line 7! No rule is there.", "No rule is there.", "2 sentences of the cause"),
        ("98% of all.", "", "the cause"),
        ("", "", ""),
    ],
)
def test_a_sentence_with_a_figure_of_its_own_goes_and_leaves_a_note(said: str, kept: str, left_out: str) -> None:
    text = grounded(said, SHOWN)
    words = left_out_in_words({"title": grounded("Twelve of 12 fail", SHOWN), "cause": text})
    assert (text.text, words) == (kept, f"{left_out}: figures that the model was not shown" if left_out else "")
