"""One experiment in every kind of store that is read: the same relations, the same census, the same changes seen."""

import json
import re
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from analyze_experiment.tests.agent.whole import GivenAnalyst, analyse, entries
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.database_servers import PASSWORD, mariadb, postgres
from analyze_experiment.tests.mlflow_servers import mlflow_server, requests_sent
from analyze_experiment.tests.tools.traces.database_copies import copy_database
from analyze_experiment.tests.tools.traces.snapshot_bench import rows
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.sql.relations import RELATIONS
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.traces.manifest import Manifest
from analyze_experiment.tools.traces.snapshot import Snapshot, take_snapshot
from analyze_experiment.tools.tracking import connect, import_mlflow

EXPERIMENT = "1"
MOST_REQUESTS = 800
"""Of a whole analysis of 120 traces through a server."""
NOW = datetime(2027, 1, 1, tzinfo=UTC)
SECRETS = (PASSWORD, "ge:h/eim@")
KINDS = [pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in ("postgresql", "mysql", "server")]


@contextmanager
def kept_in(kind: str, template: Path, folder: Path) -> Generator[str]:
    """The URI of a store of this kind with the template's rows."""
    import_mlflow()
    source = copy_store(template, folder / "store")
    if kind == "server":
        with mlflow_server(source, folder) as address:
            yield address
    else:
        with (postgres if kind == "postgresql" else mariadb)(folder / "database") as uri:
            copy_database(source, uri)
            yield uri


@pytest.fixture(scope="module", params=KINDS)
def uri(request: pytest.FixtureRequest, planted_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The planted experiment in a store of each kind."""
    with kept_in(request.param, planted_template, tmp_path_factory.mktemp("kind")) as address:
        yield address


def take(uri: str, cache: Path) -> Snapshot:
    return take_snapshot(uri, EXPERIMENT, instant=NOW, since=None, until=None, cache=cache, progress=lambda done, total: None)


def figures(snapshot: Snapshot) -> list[dict[str, object]]:
    """All that a census counts, but for the ids of its queries, which tell of the snapshot."""
    with SqlService(snapshot.catalog, snapshot_digest=snapshot.record.digest, on_query=lambda record: None) as sql:
        census = take_census(sql, snapshot.record, now=NOW)
    return [bucket.model_dump(exclude={"query_id"}) for bucket in census.buckets]


def test_relations_and_census_are_those_of_sqlite_to_the_last_digit(uri: str, planted_template: Path, tmp_path: Path) -> None:
    here, there = take(f"sqlite:///{planted_template}", tmp_path / "sqlite"), take(uri, tmp_path / "cache")
    for relation in RELATIONS:
        assert rows(there, relation.name, "*") == rows(here, relation.name, "*")
    assert figures(there) == figures(here)
    assert (there.record.excluded, there.record.unreadable) == (here.record.excluded, here.record.unreadable)
    if not uri.startswith("http"):
        assert there.record.digest == here.record.digest
    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*.json")]
    assert not any(secret.encode() in content for secret in SECRETS for content in kept)


def found_in(uri: str, folder: Path) -> list[list[object]]:
    """What a whole statistical analysis of a few entries of the playbook, and the counted facts, finds in a store."""
    analyst = GivenAnalyst(entries("errors_shown_to_users", "swallowed_tool_errors", "rate_limit_bursts"))
    outcome = analyse(uri, analyst=analyst, experiment=EXPERIMENT, report=folder / "report.md", cache=folder / "cache")
    assert outcome.status == "done"
    return [[issue.title, issue.severity, issue.affected, issue.population] for issue in outcome.issues]


@pytest.fixture(scope="module")
def found_in_sqlite(planted_template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[object]]:
    """The same of the planted store itself, once for all processes of the test run."""
    kept = planted_template.with_name("found.json")
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            folder = tmp_path_factory.mktemp("found")
            found = found_in(copy_store(planted_template, folder / "store"), folder)
            kept.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def test_whole_analysis_finds_what_it_finds_in_sqlite(
    uri: str, found_in_sqlite: list[list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if uri.startswith("mysql"):
        pytest.skip("a database and a server are enough")
    sent = requests_sent(monkeypatch)
    assert found_in(uri, tmp_path) == found_in_sqlite
    assert len(found_in_sqlite) > 3
    assert len(sent) < MOST_REQUESTS, Counter(re.sub(r"[0-9a-f]{8,}.*|\?.*", "", each) for each in sent)


@pytest.mark.usefixtures("near")
def test_changes_are_seen_and_the_rest_is_kept(uri: str, tmp_path: Path) -> None:
    from mlflow.entities import AssessmentSource, Feedback

    first = take(uri, tmp_path)
    assert take(uri, tmp_path) == first
    client = connect(uri).client
    tagged, judged, gone = (str(trace_id) for (trace_id,) in rows(first, "traces", "trace_id")[:3])
    client.set_trace_tag(tagged, "colour", "red")
    feedback = Feedback(name="fine", value=3, source=AssessmentSource("HUMAN", "ann"), trace_id=judged)
    client._tracing_client.log_assessment(judged, feedback)
    client.delete_traces(EXPERIMENT, trace_ids=[gone])
    second = take(uri, tmp_path)
    assert second.record.traces == first.record.traces - 1
    assert second.record.digest != first.record.digest
    assert (tagged, "red") in rows(second, "traces", "trace_id, tags['colour']")
    assert (judged, "3", 3.0) in rows(second, "assessments", "trace_id, value, number")


@pytest.mark.usefixtures("near")
def test_traces_are_divided_and_read_in_pieces(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyze_experiment.tools.traces import refresh, worker
    from analyze_experiment.tools.traces.sources import client

    whole = take(uri, tmp_path / "whole")
    for module, name, value in ((refresh, "WINDOW_TRACES", 50), (worker, "WINDOW_BYTES", 200_000), (client, "PAGE", 50)):
        monkeypatch.setattr(module, name, value)
    pieces = take(uri, tmp_path / "pieces")
    assert len(Manifest.read(pieces.folder).windows) > 3
    assert pieces.record.digest == whole.record.digest


def test_database_that_is_not_mlflows_is_refused_and_left_as_it_is(uri: str) -> None:
    if not uri.startswith("postgresql"):
        pytest.skip("one kind of database is enough")
    other = uri.replace("/mlflow", "/postgres")
    with pytest.raises(StoreError, match=r"no MLflow store.*Nothing was created") as refused:
        connect(other)
    assert not any(secret in str(refused.value) for secret in SECRETS)
    with create_engine(other, poolclass=NullPool).connect() as connection:
        assert inspect(connection).get_table_names() == []


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (PASSWORD, "fal%3Asch", "refuses this user or password. Check both"),
        ("ana:", "bob:", "refuses this user or password. Check both"),
        ("/mlflow", "/nowhere", "a database that isn't there"),
    ],
    ids=["password", "user", "database"],
)
def test_address_that_is_wrong_says_in_what_without_the_password(
    uri: str, right: str, wrong: str, says: str, tmp_path: Path
) -> None:
    if uri.startswith("http"):
        pytest.skip("has no such address")
    address = uri.replace(right, wrong)
    for attempt in (lambda: connect(address), lambda: take(address, tmp_path)):
        with pytest.raises(StoreError, match=says) as refused:
            attempt()
        assert not any(secret in str(refused.value) for secret in ("fal%3Asch", "fal:sch", *SECRETS))
