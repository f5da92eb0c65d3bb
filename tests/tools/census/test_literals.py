"""A value from a trace means itself in SQL, whatever it is."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_experiment.tests.tools.census.counting import opened
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace
from analyze_experiment.tools.census.literals import mask, quote
from analyze_experiment.tools.census.subjects import affected_sql

HOSTILE = (
    "it's",
    "''",
    "back\\slash",
    "ends in \\",
    "\\'",
    "\\\\' OR '1'='1",
    "' OR 1=1 --",
    "x') ; DROP TABLE traces; --",
    'double "quotes"',
    "line\nbreak\ttab\rreturn",
    "literal \\n, not a line break",
    "100%_",
    "${env:HOME}",
    "{{jinja}} {brace}",
    "/* comment */ -- comment",
    "日本語 👍 \u202e",
    "`tick`",
    ":named ?",
)


@pytest.mark.parametrize("literal", [quote(text) for text in HOSTILE])
def test_quoted_text_holds_no_open_quote_and_no_substitution(literal: str) -> None:
    bare = re.sub(r"'(?:[^'\\]|\\.)*'", "", literal, flags=re.DOTALL)

    assert re.fullmatch(r"|concat\((, )*\)", bare)
    assert "${" not in literal


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("'\\n$\0{}ab\n%\"")), max_size=12))
def test_quote_is_undone_by_the_escapes_of_the_dialect(text: str) -> None:
    literals = re.findall(r"'((?:[^'\\]|\\.)*)'", quote(text), flags=re.DOTALL)

    assert "".join(_read_as_spark_does(literal) for literal in literals) == text


def _read_as_spark_does(literal: str) -> str:
    known = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
    return re.sub(r"\\(.)", lambda match: known.get(match[1], match[1]), literal, flags=re.DOTALL)


def test_affected_traces_of_a_tool_with_a_hostile_name_are_its_own(tmp_path: Path) -> None:
    traces = [Trace(spans=(Span(name, error="boom"),)) for name in HOSTILE]

    with opened(tmp_path, traces) as sql:
        found = {name: [row["trace_id"] for row in sql.rows(affected_sql("tool", name))] for name in HOSTILE}

    assert found == {name: [f"tr-{number:03}"] for number, name in enumerate(HOSTILE)}


SAME_MECHANISM = (
    ("Reservation ZFA04Y not found", "Reservation 4WQ150 not found"),
    ("Timed out after 30012 ms", "Timed out after 30877 ms"),
    ("user mia.li@example.com is locked", "user j_doe@corp.org is locked"),
    ("no item 3f2b8c1d-77aa-4e1c-9b1d-0a1b2c3d4e5f", "no item 9e8d7c6b-1234-4abc-8def-aabbccddeeff"),
    ("failed at 2026-03-02T10:11:12.5", "failed at 2025-12-31T23:59:59.1"),
    ("took  0.53\n s", "took 1.87 s"),
    ("booking TF-HTZXJG is locked", "booking TF-MKDLSR is locked"),
    ("order #W2378156 is gone", "order #W9911111 is gone"),
    ("total price is 305, but paid 25", "total price is 1375, but paid 299"),
    (
        "1 error: dob missing [input_value={'id': 'a b'}, input_type=dict]",
        "2 error: dob missing [input_value={'x...y'}, input_type=dict]",
    ),
)
OTHER_MECHANISM = (("HTTP 429", "HTTP 500"), ("no such user", "no such order"), ("user not found", "user not allowed"))


def test_messages_of_one_mechanism_are_masked_alike_and_others_not(tmp_path: Path) -> None:
    pairs = (*SAME_MECHANISM, *OTHER_MECHANISM)
    columns = ", ".join(
        f"{mask(quote(each))} AS {side}_{place}"
        for place, pair in enumerate(pairs)
        for side, each in zip("ab", pair, strict=True)
    )

    with opened(tmp_path, [Trace()]) as sql:
        (row,) = sql.rows(f"SELECT {columns} FROM traces")

    alike = [row[f"a_{place}"] == row[f"b_{place}"] for place in range(len(pairs))]
    assert alike == [True] * len(SAME_MECHANISM) + [False] * len(OTHER_MECHANISM)
