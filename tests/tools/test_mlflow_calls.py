"""What is asked again, what isn't, and how a failure reads."""

from collections.abc import Callable

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from tenacity import wait_none

from analyze_experiment.tools import mlflow_calls
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.mlflow_calls import ATTEMPTS, ask, ask_once


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_calls, "PAUSE", wait_none())


class Failing:
    """A call that fails a few times."""

    def __init__(self, fail: Callable[[], object], times: int) -> None:
        self.fail, self.times, self.calls = fail, times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            self.fail()
        return "done"


def refuse_connection() -> None:
    raise ConnectionRefusedError("nobody is there")


def as_mlflow_wraps_it() -> None:
    try:
        raise requests.ConnectionError("reset")
    except requests.ConnectionError as error:
        raise MlflowException(f"API request failed with exception {error}")  # noqa: B904 - as MLflow does it


def locked() -> None:
    raise MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE)


def wrong() -> None:
    raise MlflowException("Invalid filter\nwith more lines", error_code=INVALID_PARAMETER_VALUE)


def forbidden() -> None:
    raise PermissionError(13, "Permission denied", "/srv/artifacts")


@pytest.mark.parametrize("fail", [refuse_connection, as_mlflow_wraps_it, locked])
def test_what_may_pass_is_asked_again(fail: Callable[[], object]) -> None:
    call = Failing(fail, ATTEMPTS - 1)
    assert ask("read run 'r'", call) == "done"
    assert call.calls == ATTEMPTS


@pytest.mark.parametrize("fail", [wrong, forbidden])
def test_what_will_not_pass_is_asked_once(fail: Callable[[], object]) -> None:
    call = Failing(fail, 1)
    with pytest.raises(StoreError):
        ask("read run 'r'", call)
    assert call.calls == 1


def test_creation_is_never_repeated_blindly() -> None:
    call = Failing(refuse_connection, 1)
    with pytest.raises(StoreError, match="MLflow could not create run 'r': nobody is there"):
        ask_once("create run 'r'", call)
    assert call.calls == 1


def test_failure_names_the_call_and_the_reason_on_one_line() -> None:
    with pytest.raises(StoreError) as failure:
        ask("search traces", Failing(wrong, 1))
    assert str(failure.value) == "MLflow could not search traces: Invalid filter"


def test_what_never_passes_is_given_up() -> None:
    call = Failing(refuse_connection, 99)
    with pytest.raises(StoreError, match="nobody is there. Check that the store runs"):
        ask("read run 'r'", call)
    assert call.calls == ATTEMPTS
