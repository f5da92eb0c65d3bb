"""One way to call MLflow: what may pass is tried again where that is safe, what fails becomes a `StoreError` naming the call."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from .errors import StoreError

T = TypeVar("T")

ATTEMPTS = 3
PAUSE = wait_exponential(multiplier=0.1, max=2)
"""Seconds between attempts: 0.1, 0.2, ..."""
PASSING = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}
"""MLflow's error codes for what may be over in a moment; a locked SQLite file is among them."""

UNREACHED = "Check that the store runs and that its address is right, then run again."
"""What to do about a call that got no answer, however often it was tried."""


def ask(what: str, call: Callable[[], T]) -> T:
    """Makes a call that may be made twice without harm: a read, or a write whose repetition changes nothing.

    Args:
        what: What the call does, for the error: "read experiment '3'".
        call: The call itself.

    Raises:
        StoreError: MLflow, or what is behind it, refuses or doesn't answer.
    """
    attempts = Retrying(stop=stop_after_attempt(ATTEMPTS), wait=PAUSE, retry=retry_if_exception(may_pass), reraise=True)
    return ask_once(what, lambda: attempts(call))


def ask_once(what: str, call: Callable[[], T]) -> T:
    """Makes a call that must not be repeated blindly, such as the creation of a run.

    Raises:
        StoreError: MLflow, or what is behind it, refuses or doesn't answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except (MlflowException, OSError) as error:
        said = f"MLflow could not {what}: {_reason(error)}"
        raise StoreError(f"{said}. {UNREACHED}" if may_pass(error) else said) from error


def may_pass(error: BaseException | None) -> bool:
    """Whether the store itself didn't answer, so that the same call may be answered later.

    Args:
        error: What MLflow raised; of a `StoreError` its cause.
    """
    if getattr(error, "error_code", None) in PASSING:
        return True
    if isinstance(error, OSError):
        return _is_of_the_connection(error)
    # MLflow wraps what `requests` raises, and keeps it as the cause or the context only.
    return error is not None and (_is_of_the_connection(error.__cause__) or _is_of_the_connection(error.__context__))


def _is_of_the_connection(error: BaseException | None) -> bool:
    from requests import exceptions

    return isinstance(error, ConnectionError | TimeoutError | exceptions.ConnectionError | exceptions.Timeout)


def _reason(error: BaseException) -> str:
    message = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return message.splitlines()[0]
