"""That tests of one group share what is started once for all of them."""

import pytest


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_go_to_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist 3.8 tells by a name which group a test is of; with pytest 9.2 names stay as they are, and nothing says so."""
    distributed = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@together") == distributed
