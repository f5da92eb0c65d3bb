"""The worker as a process: what it imports, and when it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.sql.conftest import PATIENCE_S
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.frames import read_frame, write_frame

COMMAND = [sys.executable, "-P", "-m", "analyze_experiment.tools.sql.worker", "256"]
ENDLESS = b"SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range % 7 = b.range % 11"


@pytest.mark.parametrize("heavy", ["mlflow", "sqlglot", "scipy", "pandas", "pydantic", "langgraph"])
def test_worker_never_imports(heavy: str) -> None:
    code = f"import analyze_experiment.tools.sql.worker, sys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def start(scratch: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, str(scratch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_worker_answers_over_its_pipes_and_is_silent_elsewhere(catalog: Catalog, tmp_path: Path) -> None:
    with start(tmp_path) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stderr is not None
        write_frame(worker.stdin, {"kind": "open"}, catalog.to_json().encode())
        assert read_frame(worker.stdout.read).header["kind"] == "done"
        write_frame(worker.stdin, {"kind": "query", "max_rows": 10}, b"SELECT nope")
        assert read_frame(worker.stdout.read).header["error"] == "query"
        write_frame(worker.stdin, {"kind": "query", "max_rows": 10}, b"SELECT trace_id FROM traces")
        assert [read_frame(worker.stdout.read).header["kind"] for _ in range(2)] == ["batch", "done"]
        worker.stdin.close()
        assert worker.wait(timeout=PATIENCE_S) == 0
        assert worker.stderr.read() == b""


@pytest.mark.parametrize("holds", [(), ("something else",)])
def test_worker_ends_with_its_input_even_while_a_query_runs_and_leaves_nothing_of_its_own(
    catalog: Catalog, tmp_path: Path, holds: tuple[str, ...]
) -> None:
    """As when whoever started it is killed."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for name in holds:
        (scratch / name).touch()
    with start(scratch) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        write_frame(worker.stdin, {"kind": "open"}, catalog.to_json().encode())
        assert read_frame(worker.stdout.read).header["kind"] == "done"
        (spilled,) = scratch.glob("spilled-*")
        (spilled / "rows of traces").touch()
        write_frame(worker.stdin, {"kind": "query", "max_rows": 10}, ENDLESS)
        worker.stdin.close()
        assert worker.wait(timeout=PATIENCE_S) == 0
    assert (tuple(each.name for each in scratch.iterdir()) if scratch.exists() else ()) == holds
    assert scratch.exists() is bool(holds)


def test_worker_is_bounded_in_memory_beyond_what_the_engine_counts() -> None:
    code = (
        "from analyze_experiment.tools.sql.worker import limit_memory\n"
        "limit_memory(64)\n"
        "try:\n    bytearray(4 * 2**30)\nexcept MemoryError:\n    raise SystemExit(0)\nraise SystemExit(1)"
    )
    if sys.platform != "linux":
        pytest.skip("only Linux bounds the address space")
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
