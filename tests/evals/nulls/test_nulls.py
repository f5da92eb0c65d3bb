"""Whole analyses of made-up stores: nothing is reported of nothing, and what is there is found."""

from pathlib import Path

import numpy as np
import pytest

from analyze_experiment.evals.nulls.score import error_row, errors
from analyze_experiment.evals.nulls.stores import make_store
from analyze_experiment.evals.published import publish


def test_a_few_null_stores_report_nothing_where_traces_taken_as_independent_report_much() -> None:
    made = errors("boundary", stores=25, sessions=60, icc=0.3, seed=100)

    assert sum(each.any_false for each in made.found) <= 2
    assert sum(each.any_false for each in made.blind) >= 15


def test_what_is_there_is_found_and_little_else() -> None:
    made = errors("mixed", stores=8, sessions=300, icc=0.0, seed=101)

    assert np.mean([each.true["rate"] for each in made.found]) >= 7.5
    assert np.mean([each.true["contrast"] for each in made.found]) >= 2.9
    assert np.mean([each.true["slices"] for each in made.found]) >= 0.9
    assert np.mean([each.false_share for each in made.found]) <= 0.05
    assert error_row(made).startswith("| mixed | 0 | 300 | 8 | ")


def test_labels_that_are_dealt_anew_to_whole_sessions_are_constant_in_them() -> None:
    store = make_store(np.random.default_rng(102), "shuffled", sessions=50, icc=0.3)

    assert store.rates == ()
    for fault in store.contrasts:
        assert fault.label is not None
        assert all(np.unique(fault.label[store.cluster == session]).size == 1 for session in range(50))
    assert (store.blind.cluster == np.arange(store.cluster.size)).all()


def test_a_part_of_a_page_is_replaced_whole_and_one_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("Before\n<!-- a -->\nold\n<!-- end of a -->\nAfter\n")

    publish("a", r"new \1", page=page)

    assert page.read_text() == "Before\n<!-- a -->\n\nnew \\1\n\n<!-- end of a -->\nAfter\n"
    with pytest.raises(ValueError, match="<!-- b -->"):
        publish("b", "text", page=page)
