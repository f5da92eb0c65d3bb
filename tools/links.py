"""Where a person finds things in MLflow's own pages, and how a store is named to them without its password."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote


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
    return Pages.of(ui_url, uri).run(experiment_id, run_id)


@dataclass(frozen=True)
class Pages:
    """MLflow's pages of one store; every address is None where nobody knows where they are served."""

    base: str | None

    @classmethod
    def of(cls, ui_url: str | None, uri: str) -> Self:
        """By the address that people open, or else the store's own: a tracking server serves its pages."""
        base = ui_url or (masked_uri(uri) if uri.startswith(("http://", "https://")) else None)
        return cls(None if base is None else base.rstrip("/"))

    def run(self, experiment_id: str, run_id: str) -> str | None:
        """The page of a run."""
        return self._page(experiment_id, f"runs/{run_id}")

    def trace(self, experiment_id: str, trace_id: str, span_id: str | None = None) -> str | None:
        """The page of a trace, with a span of it chosen where one is named."""
        span = f"&selectedSpanId={quote(span_id, safe='')}" if span_id else ""
        return self._page(experiment_id, f"traces?selectedEvaluationId={quote(trace_id, safe='')}{span}")

    def issues(self, experiment_id: str) -> str | None:
        """The page of an experiment's issues."""
        return self._page(experiment_id, "issues")

    def _page(self, experiment_id: str, page: str) -> str | None:
        return None if self.base is None else f"{self.base}/#/experiments/{experiment_id}/{page}"
