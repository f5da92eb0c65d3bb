"""The command line of every benchmark."""

import importlib
from pathlib import Path

import pytest

from analyze_experiment import evals

ROOT = Path(evals.__file__).parent
PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_help_of_a_benchmark_says_what_it_measures_and_how_long_that_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"analyze_experiment.evals.{name}")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: python -m analyze_experiment.evals.{name}" in told
    assert (module.__doc__ or "").splitlines()[0] in told
    assert "\nTakes " in told
