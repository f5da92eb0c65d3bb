from dataclasses import dataclass

import pytest

from analyze_experiment.tools.reporting.excerpts import excerpt, spoken


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    shown: str


CASES = (
    Case("line breaks become spaces", "a\n\n  b\tc", "a b c"),
    Case("a terminal sequence loses its escape", "\x1b[31mred\x1b[0m", "\\[31mred \\[0m"),
    Case(
        "markup is escaped", "*b* `<c>` <img src=x> [l](u) | _i_", "\\*b\\* \\`\\<c\\>\\` \\<img src=x\\> \\[l\\](u) \\| \\_i\\_"
    ),
    Case("a name set as code stays so", "call `get_user` # 3, snake_case", "call `get_user` # 3, snake_case"),
    Case("a heading is no heading", "# h", "\\# h"),
    Case("a right-to-left override is dropped", "abc\u202etxt.exe", "abc txt.exe"),
    Case("other scripts stay", "Grüße, 世界", "Grüße, 世界"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_text_of_a_trace_is_harmless_in_markdown(case: Case) -> None:
    assert excerpt(case.text) == case.shown


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert excerpt("x" * 500, 100) == "x" * 99 + "…"


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ('"plain"', "plain"),
        ('{"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]}', "last"),
        ('{"role": "assistant", "content": "hello"}', "hello"),
        ('{"choices": [{"message": {"content": "chosen"}}]}', "chosen"),
        ("not json {", "not json {"),
        ('{"rows": 3}', '{"rows": 3}'),
    ],
)
def test_what_was_said_is_taken_out_of_its_json(recorded: str, said: str) -> None:
    assert spoken(recorded) == said
