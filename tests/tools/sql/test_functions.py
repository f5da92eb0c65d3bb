"""The allow-list of functions."""

import re
from pathlib import Path

import pytest

from analyze_experiment.tools.sql.functions import FUNCTIONS, INSTEAD, TABLES

FORBIDDEN = re.compile(r"read_|write_|glob|copy|file|http|secret|setting|pragma|query|getenv|sleep|rand|uuid|current_|now")


@pytest.mark.parametrize("name", sorted(FUNCTIONS | TABLES))
def test_every_allowed_function_stands_in_a_test_with_its_answer(name: str) -> None:
    tests = (path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_guard.py")
    assert any(re.search(rf"\b{name}\(", text) for text in tests)


def test_no_allowed_function_reads_anything_but_its_arguments() -> None:
    assert [name for name in sorted(FUNCTIONS | TABLES) if FORBIDDEN.search(name)] == []


def test_advice_is_for_refused_functions_only() -> None:
    assert set(INSTEAD).isdisjoint(FUNCTIONS)
