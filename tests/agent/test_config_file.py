"""The file of `--config`: scopes with shared settings, and every mistake named with its line."""

from pathlib import Path

import pytest

from analyze_experiment.agent.settings import Resolved, load_settings
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.models import Severity

FILE = """\
tracking-uri: sqlite:////srv/mlflow.db
since: last
fail-on: medium
scopes:
  - name: support
    experiment: support-agent
    filter: tags['env'] = 'prod'
    focus: [refunds that fail, slow answers]
    fail-on: high
  - experiment: retail
    notify: https://hooks.example.org/x
    notify-details: true
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "analyses.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def load(config: Path, environ: dict[str, str] | None = None, **flags: object) -> Resolved:
    return load_settings({"config": str(config), **flags}, {"HOME": "/", **(environ or {})}, config.parent)


def test_scope_has_its_own_settings_and_those_above(config: Path) -> None:
    support = load(config, scope="support").settings
    assert (support.tracking_uri, support.since, support.fail_on) == ("sqlite:////srv/mlflow.db", "last", Severity.HIGH)
    assert (support.filter, support.focus) == ("tags['env'] = 'prod'", ("refunds that fail", "slow answers"))
    retail = load(config, scope="retail").settings
    assert (retail.fail_on, retail.notify, retail.notify_details) == (Severity.MEDIUM, "https://hooks.example.org/x", True)


def test_flag_comes_before_the_file_and_the_file_before_the_environment(config: Path) -> None:
    environ = {"MLFLOW_EXPERIMENT_NAME": "other", "ANALYZE_EXPERIMENT_SEED": "7"}
    resolved = load(config, environ, scope="support", fail_on="low")
    assert (resolved.settings.experiment, resolved.settings.fail_on, resolved.settings.seed) == ("support-agent", Severity.LOW, 7)
    assert resolved.origins["experiment"] == f"'experiment' in {config}, line 6"


def test_one_of_several_scopes_must_be_named(config: Path) -> None:
    with pytest.raises(UserError, match=r"several scopes \(support, retail\)"):
        load(config)
    with pytest.raises(UserError, match="no scope 'sales'; it has support, retail"):
        load(config, scope="sales")


MISTAKES = {
    "an unknown key": ("tracking-url: x\n", r"line 1: unknown key 'tracking-url'. Did you mean 'tracking-uri'?"),
    "an unknown key in a scope": (
        "scopes:\n  - experiment: a\n    fokus: b\n",
        "line 3: unknown key 'fokus'. Did you mean 'focus'?",
    ),
    "a key twice": ("seed: 1\nseed: 2\n", "line 2: the key 'seed' stands twice"),
    "a value of another kind": ("seed: {a: 1}\n", "line 1: a value is a text"),
    "a value that is refused": ("seed: minus one\n", "'seed' in FILE, line 1: 'minus one' is refused"),
    "no scope": ("scopes: []\n", "line 1: `scopes` is a list of scopes"),
    "two scopes of one name": ("scopes:\n  - experiment: a\n  - experiment: a\n", "two scopes are named 'a'"),
    "a scope without a name": ("scopes:\n  - seed: 1\n", "line 2: a scope needs a name"),
    "no YAML": ("a: [\n", "not valid YAML"),
    "nothing": ("", "is empty"),
    "a secret": ("notify-secret: x\n", "unknown key 'notify-secret'"),
    "an address that is none": ("notify: ftp://x\n", "'notify' in FILE, line 1: it isn't the address of a web service"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "analyses.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load(path)
    assert said.replace("FILE", str(path)) in str(refused.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no configuration .*nowhere.yaml"):
        load(tmp_path / "nowhere.yaml")
