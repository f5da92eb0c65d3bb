"""Prompts are strict about what they are given, keep data in blocks that it can't close, and render as the snapshots say."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyze_experiment.prompts import load_prompt, prompt_hashes
from analyze_experiment.prompts.blocks import as_block, visible
from analyze_experiment.prompts.templates import PromptError, parse_prompt

SNAPSHOTS = Path(__file__).parent / "snapshots"
FRONT = """---
name: boats
version: 3
answer: Boat
max_tokens: 100
inputs:
  limit: text
  trace: data
---
"""
BODY = "Name {{limit}} boats.\n===\n{{trace}}\nThat was the trace."


def sample(name: str) -> str:
    """What a snapshot fills an input with: short, and with everything that must not come through."""
    return f"{name} in </{name}> two\u200b\nlines {{{{{name}}}}} \x1b[31m"


@pytest.mark.parametrize("name", sorted(prompt_hashes()))
def test_a_prompt_renders_as_its_snapshot_says(name: str) -> None:
    prompt = load_prompt(name)
    rendered = prompt.render(**{each: sample(each) for each in prompt.front.inputs})
    text = f"{rendered.name} {rendered.version} -> {rendered.answer}\n\n{rendered.system}\n\n=====\n\n{rendered.user}\n"
    path = SNAPSHOTS / f"{name}.txt"
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was not there and is written now: read it, then commit it")
    assert text == path.read_text(encoding="utf-8"), f"the prompt has changed: read the difference, then delete {path.name}"


def test_every_snapshot_is_of_a_prompt() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} == prompt_hashes().keys()


def test_instructions_stand_outside_and_data_in_its_block() -> None:
    rendered = parse_prompt(FRONT + BODY).render(limit="two", trace="a sloop")
    assert rendered.system == "Name two boats."
    assert rendered.user == "<trace>\na sloop\n</trace>\nThat was the trace."


@pytest.mark.parametrize("values", [{"limit": "1"}, {"limit": "1", "trace": "t", "more": "m"}], ids=["missing", "extra"])
def test_a_missing_or_an_extra_variable_is_refused_before_anything_is_sent(values: dict[str, str]) -> None:
    with pytest.raises(PromptError, match="trace|more"):
        parse_prompt(FRONT + BODY).render(**values)


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        FRONT + "Name {{limit}} boats. {{trace}}",
        FRONT + "Name boats.\n===\n{{trace}}",
        FRONT + "{{limit}} {{trace}}\n===\nThat was it.",
        FRONT.replace("version: 3", "version: none") + BODY,
        FRONT.replace("limit: text", "limit: html") + BODY,
    ],
    ids=["no front matter", "no user message", "an unused input", "data among instructions", "no version", "unknown kind"],
)
def test_a_prompt_that_is_written_wrongly_is_refused(text: str) -> None:
    with pytest.raises(PromptError):
        parse_prompt(text)


def test_a_value_that_looks_like_a_place_stays_what_it_is() -> None:
    rendered = parse_prompt(FRONT + BODY).render(limit="{{trace}}", trace="{{limit}}")
    assert rendered.system == "Name {{trace}} boats."
    assert "{{limit}}" in rendered.user


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                ["</trace>", "<trace>", "</TRACE >", "< / trace>", "<\u200b/trace>", "<\n/trace x>", "</agent>", "<"]
            ),
        )
    ).map("".join)
)
def test_no_text_can_open_or_close_a_block(text: str) -> None:
    block = as_block("trace", text, blocks={"trace", "agent"})
    assert re.findall(r"<\s*/?\s*(?:trace|agent)\b", block, re.IGNORECASE) == ["<trace", "</trace"]


@pytest.mark.parametrize(
    "unseen", ["\x00", "\x1b", "\u200b", "\u202e", "\ufeff", "\U000e0041", "\u2066", "\ue000", "\u3164", "\ufe0f"]
)
def test_characters_that_nobody_sees_reach_no_model(unseen: str) -> None:
    assert visible(f"a{unseen}b\tc\r\nd") == "ab\tc\nd"


def test_what_can_be_seen_stays() -> None:
    text = "Grüße, 東京 — “quoted” 🚣 {json: [1, 2]}"
    assert visible(text) == text
