"""What an analysis writes once, and its report."""

import pytest

from analyze_experiment.tests.tools.insights.samples import CENSUS, SNAPSHOT, draft, query
from analyze_experiment.tools.errors import MemoryRefused, UserError
from analyze_experiment.tools.insights.models import Proposals
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


@pytest.fixture
def fresh(store: InsightStore) -> InsightStore:
    """The memory as another process sees it: nothing is in its cache."""
    return InsightStore(connect(store.tracking.uri))


def test_snapshot_and_census_are_written_once(store: InsightStore, fresh: InsightStore, run_id: str) -> None:
    assert (store.read_snapshot(run_id), store.read_census(run_id)) == (None, None)
    for _ in range(2):
        store.write_snapshot(run_id, SNAPSHOT)
        store.write_census(run_id, CENSUS)
    assert (fresh.read_snapshot(run_id), fresh.read_census(run_id)) == (SNAPSHOT, CENSUS)
    with pytest.raises(MemoryRefused, match=r"snapshot\.yaml .* written once"):
        fresh.write_snapshot(run_id, SNAPSHOT.model_copy(update={"traces": 6}))
    with pytest.raises(MemoryRefused, match=r"baseline_census\.yaml .* written once"):
        store.write_census(run_id, CENSUS.model_copy(update={"traces": 6}))


def test_first_list_of_proposals_wins(store: InsightStore, fresh: InsightStore, run_id: str) -> None:
    first = Proposals(step="hypotheses", round=0, drafts=(draft("A"), draft("B", plan=None, origin="hypotheses 0 1")))
    other = Proposals(step="hypotheses", round=0, drafts=(draft("C"),))
    assert store.read_proposals(run_id, "hypotheses", 0) is None
    assert store.write_proposals(run_id, first) == first
    assert fresh.write_proposals(run_id, other) == first
    assert store.read_proposals(run_id, "hypotheses", 0) == first
    assert store.read_proposals(run_id, "hypotheses", 1) is None


@pytest.mark.parametrize("titles", [("Failed tools", "Asked again"), ("Asked again", "Failed tools")])
def test_queries_are_kept_by_id_and_who_asked_first_makes_no_difference(
    store: InsightStore, fresh: InsightStore, run_id: str, titles: tuple[str, str]
) -> None:
    for each in (query("Qbbbbbbbbbb", title=titles[0]), query("Qaaaaaaaaaa"), query("Qbbbbbbbbbb", title=titles[1])):
        store.write_query(run_id, each)
    listed = fresh.list_queries(run_id)
    assert [(each.query_id, each.title) for each in listed] == [("Qaaaaaaaaaa", "Failed tools"), ("Qbbbbbbbbbb", "Asked again")]
    assert fresh.read_query(run_id, "Qaaaaaaaaaa") == query("Qaaaaaaaaaa")


def test_unknown_query_is_a_user_error(store: InsightStore, run_id: str) -> None:
    with pytest.raises(UserError, match="has no query"):
        store.read_query(run_id, "Q0123456789")
    with pytest.raises(UserError, match="is no query id"):
        store.read_query(run_id, "../analysis")


def test_run_without_records_lists_none(store: InsightStore, run_id: str) -> None:
    assert store.list_queries(run_id) == []


def test_report_and_page_may_be_written_again(store: InsightStore, fresh: InsightStore, run_id: str) -> None:
    assert (store.read_report(run_id), store.read_page(run_id)) == (None, None)
    store.write_report(run_id, "# One\r\n", "<h1>One</h1>")
    store.write_report(run_id, "# Two \N{GREEK SMALL LETTER OMEGA}\r\n", "<h1>Two</h1>")
    assert fresh.read_report(run_id) == "# Two \N{GREEK SMALL LETTER OMEGA}\r\n"
    assert fresh.read_page(run_id) == "<h1>Two</h1>"
