"""The help for those who write queries."""

from collections.abc import Callable

import pytest

from analyze_experiment.tools.sql.functions import FUNCTIONS
from analyze_experiment.tools.sql.help import EXAMPLES, Example, relations_help
from analyze_experiment.tools.sql.relations import RELATIONS


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.question for example in EXAMPLES])
def test_every_example_runs(rows: Callable[[str], list[list[object]]], example: Example) -> None:
    assert isinstance(rows(example.sql), list)


def test_help_shows_every_column_function_and_example() -> None:
    text = relations_help()
    for relation in RELATIONS:
        assert f"  {relation.name}: " in text
        assert all(f"    {column.name} {column.type.split('<')[0]}" in text for column in relation.columns)
    assert all(name in text for name in FUNCTIONS)
    assert all(example.question in text for example in EXAMPLES)


def test_strings_are_written_as_the_rules_say(rows: Callable[[str], list[list[object]]]) -> None:
    for literal in (r"'it\'s'", '"it\'s"', r"'\\d+'", "'[0-9]+'"):
        assert literal in relations_help()
    assert rows(r"""SELECT 'it\'s' = "it's" AS same, 'a1' RLIKE '\\d+' AS digits""") == [[True, True]]


def test_verbosity_example_counts_short_requests_with_long_responses(rows: Callable[[str], list[list[object]]]) -> None:
    (example,) = [example for example in EXAMPLES if example.question.startswith("Verbosity")]
    assert rows(example.sql) == [[1, 4, 0.25]]
