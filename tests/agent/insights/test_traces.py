"""Traces by hand: what is shown was linked before, what is named must exist."""

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def linked(insights: Insights, run_id: str) -> list[str]:
    return InsightStore(connect(insights.uri)).linked_ids(run_id)


def test_search_links_what_it_shows(insights: Insights) -> None:
    run_id = insights.begin()
    found = insights.do("search", "--link-to", run_id, "--filter-string", "trace.status = 'ERROR'")["traces"]
    assert [each["info"]["trace_id"] for each in found] == linked(insights, run_id) == [insights.trace_ids[3]]
    assert found[0]["data"]["spans"]


def test_search_that_links_nothing_warns(insights: Insights) -> None:
    done = insights("search", "--experiment-id", insights.experiment_id, "--max-results", "2", "--order-by", "timestamp_ms ASC")
    assert (done.code, "linked to no analysis" in done.err) == (0, True)
    assert [line.split()[0] for line in done.out.splitlines()[1:3]] == list(insights.trace_ids[:2])


def test_fields_are_picked_by_path_as_mlflow_has_them(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSIGHTS_RUN_ID", insights.begin())
    fields = "info.trace_id,info.trace_metadata.`mlflow.traceInputs`,data.spans.*.name"
    (found,) = insights.do("search", "--max-results", "1", "--extract-fields", fields)["traces"]
    assert found["info"]["trace_metadata"]["mlflow.traceInputs"] == '{"question": "Thanks!"}'
    assert [span["name"] for span in found["data"]["spans"]] == ["agent"]
    assert insights.do("get", "--trace-id", insights.trace_ids[0], "--extract-fields", "info.state") == {"info": {"state": "OK"}}
    done = insights("search", "--extract-fields", "info.execution_duration")
    assert (done.code, done.out) == (2, "")
    assert "info.execution_duration_ms" in done.err


def test_search_by_run_finds_what_is_linked_to_it(insights: Insights) -> None:
    run_id, wanted = insights.begin(), sorted(insights.trace_ids[:2])
    named = [word for trace_id in wanted for word in ("-t", trace_id)]
    assert insights.do("link-traces", "--run-id", run_id, *named)["newly_linked"] == 2
    assert insights.do("link-traces", "--run-id", run_id, *named)["newly_linked"] == 0
    fields = ("--extract-fields", "info.trace_id")
    found = insights.do("search", "--experiment-id", insights.experiment_id, "--run-id", run_id, *fields)["traces"]
    assert sorted(each["info"]["trace_id"] for each in found) == wanted


def test_trace_is_read_with_its_spans_as_a_tree(insights: Insights) -> None:
    run_id = insights.begin()
    done = insights("get", "--trace-id", insights.trace_ids[2], "--link-to", run_id, "--ui-url", "http://pages/")
    assert (done.code, done.err) == (0, "")
    assert linked(insights, run_id) == [insights.trace_ids[2]]
    assert f"http://pages/#/experiments/{insights.experiment_id}/traces?selectedEvaluationId={insights.trace_ids[2]}" in done.out
    spans = [line.split("] ")[0].strip() + "]" for line in done.out.splitlines() if " [" in line]
    assert spans == ["agent [AGENT]", "cancel_order [TOOL]"]


@pytest.mark.parametrize("verb", [("get", "--trace-id"), ("link-traces", "-t")])
def test_trace_that_is_not_there_is_refused(insights: Insights, verb: tuple[str, str]) -> None:
    run_id = insights.begin()
    done = insights(verb[0], verb[1], "tr-nowhere", "--link-to" if verb[0] == "get" else "--run-id", run_id)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "has no trace 'tr-nowhere'" in done.err
    assert insights("get", "--trace-id", "tr-nowhere").code == 2


def test_experiments_are_found_by_a_part_of_their_name(insights: Insights) -> None:
    found = insights.do("experiments", "--filter-string", "name LIKE '%port-ag%'", "--max-results", "10")
    assert found == [{"experiment_id": insights.experiment_id, "name": "support-agent"}]
    assert insights("experiments", "--filter-string", "name IS '%x%'").code == 2


def test_sql_and_census_run_over_a_copy_that_is_taken_by_itself(insights: Insights) -> None:
    run_id = insights.begin()
    failed = (
        "--sql",
        "SELECT trace_id, size(filter(spans, s -> s.status_code = 'ERROR')) AS n FROM traces WHERE state = 'ERROR'",
    )
    answer = insights.do("execute-sql", "--link-to", run_id, *failed)
    assert (answer["rows"], answer["linked"]) == ([{"trace_id": insights.trace_ids[3], "n": 1}], 1)
    store = InsightStore(connect(insights.uri))
    assert linked(insights, run_id) == [insights.trace_ids[3]]
    assert store.read_query(run_id, answer["query_id"]).rows == 1
    taken = insights.do("create-baseline-census", "--run-id", run_id)
    assert (taken["traces"], insights.do("create-baseline-census", "--run-id", run_id)) == (5, taken)
    shown = insights.do("get-baseline-census", "--run-id", run_id)
    assert {"trace_error_rate", "verbosity"} <= {each["name"] for each in shown["buckets"]}
    assert "trace_error_rate" in insights("get-baseline-census", "--run-id", run_id).out
    said = f"concat(state, '{'.' * 90}') AS said"
    for chosen, warned in ((said, True), (f"trace_id, {said}", False), ("state", False)):
        beside = insights("execute-sql", "--link-to", run_id, "--sql", f"SELECT {chosen} FROM traces").err
        assert ("select trace_id too" in beside) is warned, chosen
    refused = insights("execute-sql", "--link-to", run_id, "--sql", "DROP TABLE traces")
    assert (refused.code, refused.out) == (1, "")
    (copy,) = insights.do("cache", "list")
    assert copy["traces"] == 5
    assert insights.do("cache", "clear") == [copy]
    assert insights.do("cache", "list") == []


def test_previews_show_traces_of_every_hypothesis_and_issue(insights: Insights) -> None:
    run_id, (first, second, third, *_) = insights.begin(), insights.trace_ids
    for statement, trace_ids in (("A", (first, second)), ("B", (third,))):
        shown = [word for each in trace_ids for word in ("--evidence", f'{{"trace_id": "{each}", "rationale": "r"}}')]
        insights.do(
            "create-hypothesis", "--run-id", run_id, "--statement", statement, "--rationale", "R", "--testing-plan", "P", *shown
        )
    previews = insights.do("preview-hypotheses", "--run-id", run_id, "--max-traces", "2")
    assert [[trace["trace_id"] for trace in each["traces"]] for each in previews] == [[first], [third]]
    texts = ("--title", "Orders are looked up twice in a row", "--description", "D", "--severity", "LOW")
    insights.do("create-issue", "--run-id", run_id, *texts, "--evidence", f'{{"trace_id": "{second}", "rationale": ""}}')
    (issue,) = insights.do("preview-issues", "--experiment-id", insights.experiment_id, "--max-traces", "100")
    assert [(each["trace_id"], each["status"], each["execution_time_ms"]) for each in issue["traces"]] == [(second, "OK", 2000)]


def test_sync_says_how_fresh_the_copy_is_and_what_changed(insights: Insights) -> None:
    first = insights.do("sync", "--experiment-id", "support-agent")
    counts = ("traces", "new", "late", "changed", "deleted")
    assert [first[name] for name in counts] == [5, 5, 0, 0, 0]
    client = connect(insights.uri).client
    client.set_trace_tag(insights.trace_ids[1], "colour", "red")
    client.delete_traces(insights.experiment_id, trace_ids=[insights.trace_ids[0]])
    again = insights.do("sync", "--experiment-id", insights.experiment_id)
    assert [again[name] for name in counts] == [4, 0, 0, 1, 1]
    assert set(again) == set(first) and first["refreshed_at"] < again["refreshed_at"]
    assert again["newest_trace"].endswith("+00:00")
    full = insights("sync", "--experiment-id", insights.experiment_id, "--full")
    assert (full.code, "4 of 4" in full.err) == (0, True)
    assert full.out.splitlines()[0].startswith("Copied as of 20")
    assert full.out.splitlines()[0].endswith("UTC. Nothing differs from the copy before.")
    assert insights("sync", "--experiment-id", "nothing").code == 2
