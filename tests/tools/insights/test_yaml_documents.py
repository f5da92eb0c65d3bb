"""Documents read back as they were written, whatever is in them, and a person can read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from analyze_experiment.tests.tools.insights.samples import CENSUS, PLAN, SNAPSHOT, draft
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.insights.models import Census, Evidence, HypothesisDraft, SnapshotRecord
from analyze_experiment.tools.insights.yaml_documents import from_yaml, to_yaml


class Anything(BaseModel):
    text: str
    texts: tuple[str, ...] = ()
    number: float = 1.5
    table: dict[str, str] = {}
    at: datetime | None = None


anything = st.builds(
    Anything,
    text=st.text(),
    texts=st.lists(st.text()).map(tuple),
    number=st.floats(allow_nan=False),
    table=st.dictionaries(st.text(), st.text()),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(anything)
def test_document_reads_back_as_it_was_written(document: Anything) -> None:
    assert from_yaml(Anything, to_yaml(document), where="here") == document


TREACHEROUS = ("2026-03-02", "no", "0x1f", "1e3", "null", "~", "- a\n- b", "key: value # note", " \n\n ", "a\r\nb", "tab\there")
CONTROLS = ("\x1b[31mred", "x\x85y\u2028z", "\x00")


@pytest.mark.parametrize("text", TREACHEROUS + CONTROLS)
def test_text_stays_text(text: str) -> None:
    document = Evidence(trace_id="tr-1", rationale=text)
    assert from_yaml(Evidence, to_yaml(document), where="here").rationale == text


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert from_yaml(Evidence, to_yaml(Evidence(trace_id="tr-1", rationale="a\ud83db")), where="here").rationale == "a?b"


@pytest.mark.parametrize("document", [SNAPSHOT, CENSUS, draft()], ids=lambda document: type(document).__name__)
def test_required_field_that_is_empty_is_written(document: SnapshotRecord | Census | HypothesisDraft) -> None:
    assert from_yaml(type(document), to_yaml(document), where="here") == document


def test_equal_documents_give_equal_texts_in_any_time_zone() -> None:
    elsewhere = SNAPSHOT.instant.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert to_yaml(SNAPSHOT.model_copy(update={"instant": elsewhere})) == to_yaml(SNAPSHOT)


def test_document_reads_like_a_page() -> None:
    assert to_yaml(draft()).splitlines() == [
        "statement: Cancelling fails.",
        "testing_plan: |-",
        "  1. Count the failed tools.",
        "  2. Compare with 5%.",
        "plan:",
        "  estimand: process",
        "  population: SELECT trace_id FROM traces",
        "  population_title: all traces",
        "  cluster: auto",
        "  half: all",
        "  min_n: 20",
        "  steps:",
        "  - kind: query",
        "    role: affected",
        "    title: failed tool",
        "    sql: |-",
        "      SELECT trace_id FROM spans",
        "      WHERE status_code = 'ERROR'",
        "  decision:",
        "    kind: rate",
        "    threshold: 0.05",
        "    threshold_source: playbook",
        "    direction: above",
        "source: playbook",
        "kind: quality",
        "polarity: problem",
    ]


def test_plan_keeps_its_digest() -> None:
    read = from_yaml(HypothesisDraft, to_yaml(draft()), where="here")
    assert read.plan is not None
    assert read.plan.digest == PLAN.digest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "here is not YAML"),
        ("trace_id: tr-1\nsuports: true", "here is no Evidence of this version: suports"),
        ("quote: x", "trace_id: Field required"),
        ("", "here is no Evidence"),
        ("trace_id: !!python/object:os.system x", "here is not YAML"),
    ],
)
def test_damaged_document_is_a_store_error_that_names_it(text: str, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        from_yaml(Evidence, text, where="here")
