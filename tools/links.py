"""Where a person finds things in MLflow's own pages, and how a store is named to them without its password."""

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

if TYPE_CHECKING:
    from .insights.models import Issue


def masked_uri(uri: str) -> str:
    """A URI without its secrets: the password of its authority, and passwords, tokens and keys of its query."""
    authority = re.sub(r"(?i)^(https?://)[^/@:]*@", r"\1***@", re.sub(r"(://[^:@/?]*):.*@", r"\1:***@", uri))
    return re.sub(r"(?i)([?&;][^=&;]*(?:pass|pwd|token|secret|key)[^=&;]*)=[^&;]*", r"\1=***", authority)


def ui_command(uri: str) -> str:
    """The command that opens a store in MLflow's pages; a server is opened by its address. It can be pasted."""
    if uri.startswith(("http://", "https://")):
        return f"open {shlex.quote(masked_uri(uri))}"
    return f"mlflow ui --backend-store-uri {shlex.quote(masked_uri(uri))}"


def issue_page(experiment_id: str, parent_run_id: str, native_id: str | None = None) -> str:
    """The address within MLflow's pages of the experiment's issues, or of one of them, by the id that MLflow gave it."""
    page = f"#/experiments/{experiment_id}/evaluation-runs/{parent_run_id}/issues"
    return f"{page}?selectedIssueId={native_id}" if native_id else page


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

    def trace(self, experiment_id: str, trace_id: str, _span_id: str | None = None) -> str | None:
        """The page of a trace. MLflow has no address for a span of it (3.17): it is chosen there, by its id."""
        return self._page(experiment_id, f"traces?selectedEvaluationId={quote(trace_id, safe='')}")

    def issues(self, experiment_id: str, parent_run_id: str) -> str | None:
        """The page of an experiment's issues: in MLflow a tab of the run that they come from."""
        return self._at(issue_page(experiment_id, parent_run_id))

    def issue(self, issue: "Issue") -> str | None:
        """The page of one issue; None where MLflow's own issues don't have it."""
        if issue.mirrored is None or issue.native_id is None:
            return None
        return self._at(issue_page(issue.experiment_id, issue.mirrored.run_id, issue.native_id))

    def _page(self, experiment_id: str, page: str) -> str | None:
        return self._at(f"#/experiments/{experiment_id}/{page}")

    def _at(self, page: str) -> str | None:
        return None if self.base is None else f"{self.base}/{page}"
