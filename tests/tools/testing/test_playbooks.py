"""Reading the playbook: the packaged entries, entries of a user's own, and mistakes in them."""

import re
from pathlib import Path

import pytest

from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.models import Arm, TestResult
from analyze_experiment.tools.testing.playbooks import PACKAGED, load_playbook, read_entry, share_in_words

DOCUMENT = Path(__file__).parents[3] / "docs" / "playbook.md"
ENTRY = """\
# 5%: reason
name: mine
kind: quality
statement: Something happens in more than 5% of the traces.
rationale: It matters.
keywords: [mine]
plan:
  estimand: process
  steps:
    - role: affected
      title: it happens
      sql: SELECT trace_id FROM traces
  decision: {kind: rate, threshold: 0.05, threshold_source: playbook}
issue:
  title: "It happens in {share} of traces"
  description: "{affected} of {population}, {ratio}."
  cause: Unknown.
  recommendation: Look.
  impact: Some.
evidence_rationale: It happens here.
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def result(**changes: object) -> TestResult:
    plain = {"decision": "rate", "estimand": "process", "family": "P", "population": 1300, "affected": 39, "clusters": 50}
    return TestResult.model_validate({**plain, "value": 0.03, "threshold": 0.01, **changes})


def test_packaged_playbook_covers_failure_modes_and_strengths() -> None:
    entries = load_playbook()

    assert list(entries) == sorted(path.stem for path in PACKAGED.glob("*.yaml"))
    assert sum(entry.polarity == "problem" for entry in entries.values()) >= 12
    assert sum(entry.polarity == "strength" for entry in entries.values()) >= 3


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.yaml")), ids=lambda path: path.stem)
def test_packaged_entry_gives_its_threshold_a_reason_and_its_issue_a_title_of_a_tracker(path: Path) -> None:
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    title = read_entry(path).issue.filled(result(value=1.8)).title

    assert re.match(r"# .{30,}", first)
    assert 5 <= len(title.split()) <= 11
    assert len(title) <= 80


def test_example_of_the_document_is_an_entry(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert [read_entry(written(tmp_path, block, "answers_without_greeting")).name for block in blocks] == [
        "answers_without_greeting"
    ]


def test_own_entries_are_added_and_replace_packaged_ones_of_their_name(tmp_path: Path) -> None:
    written(tmp_path, ENTRY)
    written(tmp_path, ENTRY.replace("name: mine", "name: empty_answers"), "empty_answers")

    entries = load_playbook([tmp_path])

    assert len(entries) == len(load_playbook()) + 1
    assert entries["empty_answers"].keywords == ("mine",)


def test_draft_states_the_plan_in_words(tmp_path: Path) -> None:
    draft = read_entry(written(tmp_path, ENTRY)).draft()

    assert (draft.source, draft.playbook, draft.kind, draft.polarity) == ("playbook", "mine", "quality", "problem")
    assert draft.testing_plan.startswith("Step 1: ")
    assert draft.plan is not None


@pytest.mark.parametrize("name", sorted(load_playbook()))
def test_filled_titles_have_five_to_eight_words(name: str) -> None:
    title = load_playbook()[name].issue.filled(result()).title
    assert 5 <= len(title.split()) <= 8, title


def test_issue_texts_take_their_figures_from_the_result(tmp_path: Path) -> None:
    issue = read_entry(written(tmp_path, ENTRY)).issue

    assert issue.filled(result()).title == "It happens in 3.0% of traces"
    assert issue.filled(result()).description == "39 of 1,300, 0.0."


def test_figures_of_a_comparison_are_those_of_its_exposed_arm(tmp_path: Path) -> None:
    arms = (Arm(title="a", traces=200, affected=50, clusters=20, value=0.25), Arm(title="b", traces=800, clusters=80, value=0.1))
    issue = read_entry(written(tmp_path, ENTRY)).issue.filled(result(arms=arms, value=2.52))

    assert issue.description == "50 of 200, 2.5."


def test_share_of_nothing_is_none() -> None:
    assert share_in_words(0, 0) == "none"


MISTAKES = {
    "unknown key": ("rationale: It matters.", "rationale: It matters.\ncolour: red", 6, "colour"),
    "unknown key in a step": ("      title: it happens", "      title: it happens\n      note: x", 12, "plan.steps.0.query.note"),
    "missing key": ("      sql: SELECT trace_id FROM traces\n", "", 10, "plan.steps.0.query.sql"),
    "threshold out of range": ("threshold: 0.05", "threshold: 5", 13, "threshold"),
    "capability": ("keywords: [mine]", "keywords: [mine]\nrequires: [magic]", 7, "requires.0"),
    "figure": ("{share} of traces", "{number} of traces", 14, "unknown figures"),
    "keyword": ("[mine]", "[Mine]", 6, "lower case"),
    "role": ("role: affected", "role: measure", 7, "needs a step"),
    "severity": ("issue:\n", "severity_floor: HIGH\nseverity_ceiling: LOW\nissue:\n", 2, "is above"),
    "source": ("threshold_source: playbook", "threshold_source: user", 2, "threshold_source"),
    "not YAML": ("statement: S", "statement: [S", 5, "not valid YAML"),
    "not an entry": (ENTRY, "- a\n- b\n", 1, "dictionary"),
    "empty": (ENTRY, "", None, "empty"),
    "other name": ("name: mine", "name: other", None, "name the file other.yaml"),
}


@pytest.mark.parametrize("case", sorted(MISTAKES))
def test_mistake_is_reported_with_file_line_and_key(tmp_path: Path, case: str) -> None:
    old, new, line, words = MISTAKES[case]
    assert old in ENTRY
    path = written(tmp_path, ENTRY.replace(old, new, 1))

    with pytest.raises(UserError) as caught:
        load_playbook([tmp_path])

    message = str(caught.value)
    assert message.startswith(f"{path}, line " if line else f"{path}: ")
    assert words in message
    if line and case != "not YAML":
        assert f", line {line}:" in message


def test_folder_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no playbook folder"):
        load_playbook([tmp_path / "gone"])
