"""Folders for a while: gone at the end, and where their maker was killed, with the next one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from analyze_experiment.tools.scratch import PREFIX, YOUNG_S, ScratchFolder

KILLED = """import os
from analyze_experiment.tools.scratch import ScratchFolder
folder = ScratchFolder()
(folder.path / "rows").touch()
os.kill(os.getpid(), 9)"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def grow_old(folder: Path) -> None:
    past = folder.stat().st_mtime - YOUNG_S - 1
    os.utime(folder, (past, past))


def test_folder_is_its_owners_alone_and_gone_at_the_end(system: Path) -> None:
    with ScratchFolder() as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        (folder.path / "inner").mkdir()
        assert [folder.path] == list(system.iterdir())
    folder.close()
    assert list(system.iterdir()) == []


def test_next_folder_removes_what_a_killed_maker_left_and_nothing_else(system: Path) -> None:
    killed = subprocess.run([sys.executable, "-P", "-c", KILLED], env={**os.environ, "TMPDIR": str(system)}, check=False)
    assert killed.returncode == -9
    (left,) = system.iterdir()
    with ScratchFolder() as alive:
        assert left.exists()  # it might be just made
        linked, foreign = system / f"{PREFIX}link", system / "another's"
        foreign.mkdir()
        linked.symlink_to(foreign)
        for folder in (left, alive.path, foreign):
            grow_old(folder)
        os.utime(linked, (0, 0), follow_symlinks=False)
        with ScratchFolder() as later:
            assert set(system.iterdir()) == {alive.path, later.path, linked, foreign}
