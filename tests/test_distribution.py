"""That tests which share what takes long to make go to one worker."""

import pytest


@pytest.fixture(scope="module")
def shared() -> str:
    return "made once"


def group(request: pytest.FixtureRequest) -> str:
    return request.node.nodeid.rpartition("@")[2] if request.config.getoption("loadgroup", default=False) else "not distributed"


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_go_to_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist 3.8 tells by a name which group a test is of; with pytest 9.2 names stay as they are, and nothing says so."""
    assert group(request) in {"together", "not distributed"}


def test_tests_with_a_fixture_of_their_module_are_a_group(request: pytest.FixtureRequest, shared: str) -> None:
    assert shared == "made once"
    assert group(request) in {"tests/test_distribution.py", "not distributed"}
