"""JSON in short: records as tables, nothing lost, no line that passes for a heading, and found again when it is quoted."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyze_experiment.tests.tools.traces.views import AT, view_of
from analyze_experiment.tools.traces.claims import look_up
from analyze_experiment.tools.traces.compact import LONGEST, compact
from analyze_experiment.tools.traces.views import SpanView

DESKS = {
    "name": "Desk",
    "variants": {
        "1304": {"id": "1304", "options": {"colour": "red", "height": "5 ft"}, "free": True, "price": 46.99},
        "2277": {"id": "2277", "options": {"colour": "blue", "height": ""}, "free": False, "price": 40.50},
        "3400": {"id": "3400", "options": {"colour": "a|b", "height": "true"}, "price": None},
    },
}
IN_SHORT = """name: Desk, variants: "id"|options.colour|"options.height"|free|price
  1304|red|5 ft|true|46.99
  2277|blue|""|false|40.5
  3400|"a|b"|true||null"""


def test_records_are_a_table_whose_keys_stand_once() -> None:
    assert compact(json.dumps(DESKS)) == IN_SHORT


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('{"a": "7", "b": 7, "c": null, "d": "null", "e": "x, y"}', 'a: "7", b: 7, c: null, d: "null", e: "x, y"'),
        (
            '{"at": "04:00:00", "price": 1.50, "big": 12345678901234567890}',
            "at: 04:00:00, price: 1.50, big: 12345678901234567890",
        ),
        (
            '[[{"leg": "A1", "to": "X"}, {"leg": "B2", "to": "Y"}], [{"leg": "C3", "to": "Z"}]]',
            "(list)|leg|to\n 1|A1|X\n 1|B2|Y\n 2|C3|Z",
        ),
        ('{"red": {"count": 1, "price": 2}, "blue": {"count": 3, "price": 4}}', "(key)|count|price\n red|1|2\n blue|3|4"),
        (json.dumps({"said": json.dumps([{"item": 1, "sold": 2}] * 3)}), "said: (as text) item|sold\n  1|2\n  1|2\n  1|2"),
        ('{"a": {"x": 1}, "b": {"y": 2}, "c": {"z": 3}}', "a: {x: 1}, b: {y: 2}, c: {z: 3}"),
        ('{"list": [], "map": {}, "deep": {"x": [1, "b"]}}', "list: [], map: {}, deep: {x: [1, b]}"),
    ],
)
def test_what_is_no_table_stands_without_needless_quotes(text: str, short: str) -> None:
    assert compact(text) == short


@pytest.mark.parametrize(
    "text",
    [
        "Error: {no such boat}",
        '"7"',
        "[as in s3]",
        '{"twice": "is said first", "twice": "is said second"}',
        "[" * 100_000 + "]" * 100_000,
        "[" * 60 + "1" + ", 1]" * 60,
        json.dumps(["a word"] * LONGEST),
        "{}",
    ],
    ids=["no JSON", "a string", "a mark", "a key that stands twice", "endless", "deep", "huge", "empty"],
)
def test_what_cannot_be_shown_in_short_stays_as_it_is(text: str) -> None:
    assert compact(text) == text


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text().filter(lambda text: text.strip()[:1] not in {"{", "["})
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4), max_leaves=25
)


@given(VALUES)
def test_no_value_is_lost_and_only_the_first_line_begins_at_the_margin(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    short = compact(text)
    assert len(short) <= len(text)
    assert all(
        leaf in short or _escaped(leaf) in short or json.dumps(leaf, ensure_ascii=False) in short for leaf in _leaves(value)
    )
    assert short == text or all(line.startswith(" ") for line in short.splitlines()[1:])


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _escaped(text: str) -> str:
    ends = {ord(each): f"\\u{ord(each):04x}" for each in "\x7f\x85\u2028\u2029"}
    ends |= {code: f"\\u{code:04x}" for code in range(0x80, 0xA0)}
    return json.dumps(text, ensure_ascii=False).translate(ends)


def test_a_list_of_records_is_found_as_a_table_too() -> None:
    found = json.dumps([{"content": f"page {n}", "score": n / 10} for n in range(4)])
    spans = [SpanView("c" * 16, None, "search", "RETRIEVER", "OK", "", AT, 5.0, found, found)]
    assert look_up(view_of(spans), quote="page 1|0.1 page 2|0.2").span_id == "c" * 16


@pytest.mark.parametrize(
    ("quote", "stands"),
    [
        ("2277|blue|", True),
        ('1304|red|5 ft|true|46.99 2277|blue|""|false|40.5', True),
        ('"price": 46.99', True),
        ("1304|blue|5 ft|true|46.99", False),
        ("said by the model: red|5 ft", False),
    ],
)
def test_a_quote_counts_as_it_is_recorded_and_as_it_is_shown(quote: str, stands: bool) -> None:
    given, gave = json.dumps({"boat": "7"}), json.dumps(json.dumps(DESKS))
    tool = SpanView("b" * 16, "a" * 16, "look_up", "TOOL", "OK", "", AT, 5.0, given, gave)
    cited = look_up(
        view_of([SpanView("a" * 16, None, "agent", "AGENT", "OK", "", AT, 5.0, '"Which?"', '"Red."'), tool]), quote=quote
    )
    assert (cited.span_id == "b" * 16) is stands
    assert bool(cited.refused) is not stands
