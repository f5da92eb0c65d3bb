"""Where a person finds things in MLflow's own pages, and how a store is named to them without its password."""

import re


def masked_uri(uri: str) -> str:
    """A tracking URI that may be shown: a password in it is replaced."""
    return re.sub(r"(?<=://)([^:/@]*):([^@]*)@", r"\1:***@", uri)


def ui_command(uri: str) -> str:
    """The command that opens a store in MLflow's pages; a server is opened by its address."""
    if uri.startswith(("http://", "https://")):
        return f"open {masked_uri(uri)}"
    return f"mlflow ui --backend-store-uri {masked_uri(uri)}"


def run_link(ui_url: str | None, uri: str, experiment_id: str, run_id: str) -> str | None:
    """The address of a run's page, where that of the pages is known; a tracking server serves its own."""
    base = ui_url or (masked_uri(uri) if uri.startswith(("http://", "https://")) else None)
    return None if base is None else f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
