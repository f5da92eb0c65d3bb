"""The lock of a run keeps other threads and other processes out, and survives nobody's death."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from analyze_experiment.tools.insights.locks import WriteLocks

HOLD = (
    "import sys\n"
    "from analyze_experiment.tools.insights.locks import WriteLocks\n"
    "with WriteLocks('sqlite:////a').hold('run'):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


def lock_files(home: Path) -> list[Path]:
    return sorted((home / "cache_home" / "analyze-experiment" / "locks").glob("*.lock"))


def test_thread_may_take_its_lock_again(home: Path) -> None:
    locks = WriteLocks("sqlite:////a")
    with locks.hold("run"), locks.hold("run"):
        (file,) = lock_files(home)
        with pytest.raises(Timeout):
            FileLock(file).acquire(timeout=0)
    FileLock(file).acquire(timeout=0).lock.release()


def test_runs_and_stores_have_locks_of_their_own(home: Path) -> None:
    first, second = WriteLocks("sqlite:////a"), WriteLocks("sqlite:////b")
    with first.hold("run"), first.hold("other run"), second.hold("run"):
        assert len(lock_files(home)) == 3


def test_run_has_one_lock_by_whichever_address_its_store_is_reached(home: Path) -> None:
    run_id = "0123456789abcdef" * 2
    with WriteLocks("sqlite:////a").hold(run_id):
        (file,) = lock_files(home)
        with pytest.raises(Timeout):
            FileLock(file).acquire(timeout=0)
    with WriteLocks("http://127.0.0.1:5000").hold(run_id):
        assert lock_files(home) == [file]


def test_folder_is_private(home: Path) -> None:
    with WriteLocks("sqlite:////a").hold("run"):
        assert lock_files(home)[0].parent.stat().st_mode & 0o777 == 0o700


def test_folder_is_elsewhere_where_the_cache_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocking = tmp_path / "cache"
    blocking.write_text("a file", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocking))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with WriteLocks("sqlite:////a").hold("run"):
        assert len(list(tmp_path.glob("analyze-experiment-*/*.lock"))) == 1


def test_lock_of_a_killed_process_is_free(home: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        (file,) = lock_files(home)
        with pytest.raises(Timeout):
            FileLock(file).acquire(timeout=0)
        holder.kill()
    with WriteLocks("sqlite:////a").hold("run"):
        assert lock_files(home) == [file]
