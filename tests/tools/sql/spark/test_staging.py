"""The snapshot's files on their way to where a Spark server reads them: a real object store, a folder that has two names."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from analyze_experiment.tests.mlflow_servers import free_port
from analyze_experiment.tools.errors import EngineError, UserError
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.spark.engine import SparkEngine
from analyze_experiment.tools.sql.spark.staging import locate, publish, stage


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine, with the bucket `traces`."""
    pytest.importorskip("moto", reason="needs an S3 server: pip install moto")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        make_bucket(f"http://127.0.0.1:{port}/traces")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@retry(stop=stop_after_delay(120), wait=wait_fixed(0.1), reraise=True)
def make_bucket(address: str) -> None:
    with urlopen(Request(address, method="PUT")):
        return


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the credentials that S3's clients read."""
    for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return s3_server


def make_files(folder: Path, count: int = 3) -> list[str]:
    folder.mkdir()
    paths = [folder / f"traces-{number}.parquet" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (number + 1) * 1_000)
    return [str(path) for path in paths]


def copied(paths: Sequence[str], files: str) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    stage(paths, files, lambda done, total: told.append((done, total)))
    return told


def test_object_store_gets_each_file_once_and_the_server_is_told_the_bucket_alone(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_files(tmp_path / "here")
    files = f"s3a://traces/support?endpoint_override={s3}&scheme=http"
    assert copied(paths[:2], files) == [(1, 2), (2, 2)]
    assert copied(paths, files) == [(1, 1)]
    assert copied(paths, files) == []
    assert locate(paths, files) == [f"s3a://traces/support/traces-{number}.parquet" for number in range(3)]
    with urlopen(f"http://{s3}/traces/support/traces-2.parquet") as held:
        assert held.read() == bytes([2]) * 3_000
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3}")  # as S3's other clients are told
    assert copied(paths, "s3a://traces/support") == []


def test_object_store_without_the_bucket_is_an_error_of_the_engine_and_no_key_is_shown(s3: str, tmp_path: Path) -> None:
    files = f"s3a://key:s3cret@nowhere/support?endpoint_override={s3}&scheme=http"
    with pytest.raises(EngineError, match=r"can't be copied to --spark-files 's3a://key:\*\*\*@nowhere/support'") as error:
        stage(make_files(tmp_path / "here"), files)
    assert "s3cret" not in str(error.value)
    assert locate(["/a/traces-1.parquet"], files) == ["s3a://nowhere/support/traces-1.parquet"]


def test_folder_that_the_server_calls_otherwise_is_named_behind_a_comma(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "here")
    files = f"{(tmp_path / 'shared').as_uri()}/, dbfs:/Volumes/main/agents/traces/"
    assert copied(paths, files)[-1] == (3, 3)
    assert locate(paths, files) == [f"dbfs:/Volumes/main/agents/traces/traces-{number}.parquet" for number in range(3)]
    assert sorted(path.name for path in (tmp_path / "shared").iterdir()) == [Path(path).name for path in paths]


def test_spark_is_told_paths_with_spaces_as_they_are() -> None:
    assert SparkEngine("sc://nowhere")._locate(["/a b/traces-1.parquet"]) == ["file:///a b/traces-1.parquet"]
    assert locate(["/a b/traces-1.parquet"], "file:///my%20shared/x") == ["file:///my shared/x/traces-1.parquet"]


def test_engine_publishes_all_that_a_catalog_is_made_of_before_anything_is_asked(tmp_path: Path) -> None:
    traces, spans, kept = make_files(tmp_path / "here")
    catalog = Catalog("1", {"traces": (traces,), "spans": (spans,), "assessments": ()}, since_ms=None, until_ms=1, kept=kept)
    told: list[tuple[int, int]] = []
    SparkEngine("sc://nowhere").publish(catalog, lambda *_: pytest.fail("the server sees the files here"))
    SparkEngine("sc://nowhere", (tmp_path / "shared").as_uri()).publish(catalog, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len(list((tmp_path / "shared").glob("*.parquet"))) == 3


def test_what_no_analysis_has_needed_for_long_is_removed_and_all_else_is_left(tmp_path: Path) -> None:
    here, shared = tmp_path / "here", tmp_path / "shared"
    here.mkdir()
    names = [f"traces-{number:020x}.parquet" for number in range(3)]
    paths = [here / name for name in names]
    for path in paths:
        path.write_bytes(b"\7" * 10)

    def analyse(*needed: Path) -> set[str]:
        publish([str(path) for path in needed], shared.as_uri(), lambda *_: None)
        return {path.name for path in shared.iterdir() if path.suffix != ".txt"}

    def age(*kept: str) -> None:
        for path in shared.iterdir():
            if path.name not in kept:
                os.utime(path, (1, 1))

    assert analyse(paths[0], paths[1]) == {*names[:2]}
    (shared / "of somebody else.parquet").write_bytes(b"")
    notes = {path.name for path in shared.glob("*.txt")}
    age(*notes)  # another analysis has them still
    assert analyse(paths[2]) == {*names, "of somebody else.parquet"}
    age()
    assert analyse(paths[1]) == {names[1], "of somebody else.parquet"}
    assert len(list(shared.glob("*.txt"))) == 1
    assert analyse(paths[0], paths[1]) == {*names[:2], "of somebody else.parquet"}


def test_several_at_once_and_a_file_that_is_cut_short_end_with_whole_files(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "here", 20)
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "traces-7.parquet").write_bytes(b"\7")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: copied(paths, shared.as_uri()), range(4)))
    assert sorted(map(len, told)) == [0, 0, 0, 20]
    assert {path.name: path.read_bytes() for path in shared.iterdir()} == {
        Path(path).name: Path(path).read_bytes() for path in paths
    }


def test_copying_ends_where_whoever_is_told_of_it_says_so(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "here", 200)

    def stop(done: int, _: int) -> None:
        raise RuntimeError(f"stopped at {done}")

    with pytest.raises(RuntimeError, match="stopped at 1"):
        stage(paths, (tmp_path / "shared").as_uri(), stop)
    assert len(list((tmp_path / "shared").iterdir())) < 200


@pytest.mark.parametrize("files", ["ftp://host/folder", "wherever", "dbfs:/Volumes/main/agents/traces"])
def test_address_that_nothing_can_be_written_to_says_what_to_write(files: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"say s3a://bucket/folder.*behind a comma"):
        stage(make_files(tmp_path / "here"), files)
