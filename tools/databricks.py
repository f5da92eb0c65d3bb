"""Whether a Databricks workspace answers, and takes what it is given: its experiments are listed, nothing else."""

import logging

from .errors import StoreError
from .tracking import import_mlflow

SHOWN = 300
"""Characters of what the workspace says that are passed on."""


def count_experiments(uri: str) -> int:
    """How many experiments the workspace lists first; host, token or profile are taken from the environment.

    Raises:
        StoreError: it doesn't answer, refuses the token, or there is no such profile; no secret is in the message.
    """
    import_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    try:
        return len(MlflowClient(uri).search_experiments(max_results=10))
    except (MlflowException, OSError, ValueError) as error:  # ValueError: what the client's configuration raises
        said = " ".join(str(error).partition(" Config: ")[0].split())[:SHOWN]
        raise StoreError(f"Databricks can't be reached as you said: {said} Check host and token, or the profile.") from error
