"""The house keeps its shape: imports point down, packages are listed, files stay small, nothing names a machine."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {"prompts": 0, "tools": 1, "graph": 2, "agent": 3}
"""A layer may import itself and lower ones; `prompts` is a leaf that only `agent` uses."""
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imported_layers(path: Path) -> Iterator[tuple[int, str]]:
    """The layers that a file imports, with the line."""
    depth = len(path.relative_to(ROOT).parts) - 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level > depth and node.module:
            yield node.lineno, node.module.split(".")[0]
        elif node.level == 0 and node.module and node.module.startswith("analyze_experiment."):
            yield node.lineno, node.module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    for line, imported in imported_layers(path):
        if imported in LAYERS:
            assert LAYERS[imported] <= LAYERS[layer], f"{path}:{line} imports {imported} from {layer}"
            assert imported != "prompts" or layer in {"agent", "prompts"}, f"{path}:{line}: only agent uses prompts"
        else:
            assert layer == "agent" and imported == "evals", f"{path}:{line} imports {imported}"


def test_layers_import_each_other_relatively() -> None:
    absolute = [path for path in MODULES if re.search(r"^\s*(from|import) analyze_experiment", path.read_text("utf-8"), re.M)]
    assert absolute == []


def test_every_folder_of_the_package_is_listed_for_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("__init__.py")}
    folders |= {Path(), Path("evals"), *(path.parent.relative_to(ROOT) for path in (ROOT / "evals/planted").rglob("__init__.py"))}
    assert listed == {".".join(("analyze_experiment", *folder.parts)) for folder in folders}


def test_no_module_grows_past_four_hundred_lines() -> None:
    long = {str(path.relative_to(ROOT)): count for path in MODULES if (count := len(path.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_the_pins_name_versions_and_no_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [
        line for line in lines if not line.startswith("#") and not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)
    ] == []


def test_no_committed_file_names_a_home_or_a_work_folder() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"(?<![\w.])/(work|home|root|Users)/\w")
    named = [name for name in files if pattern.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))]
    assert [name for name in named if not name.startswith("tests/")] == []
