"""The ids of what the memory holds. They derive from what a thing is, so that making it twice makes it once."""

import hashlib
import re

from ..errors import UserError
from .models import Fingerprint, HypothesisDraft

_HYPOTHESIS = re.compile(r"H[0-9a-f]{8}")
_QUERY = re.compile(r"Q[0-9a-f]{10}")
_ISSUE = re.compile(r"I-(\d+)-[0-9a-f]{10}")


def hypothesis_id(draft: HypothesisDraft) -> str:
    """`H` and 8 hex digits of statement and plan; where there is no plan, where the draft stood takes its place."""
    return f"H{_digest(draft.statement, draft.plan.digest if draft.plan else draft.origin)[:8]}"


def issue_id(experiment_id: str, fingerprint: Fingerprint) -> str:
    """`I-<experiment>-` and 10 hex digits of what the issue is about: next week it is known again."""
    scope = (fingerprint.scope,) if fingerprint.scope else ()
    about = _digest(experiment_id, fingerprint.population, fingerprint.measure, fingerprint.segment, *scope)
    return f"I-{experiment_id}-{about[:10]}"


def analysis_key(key: str) -> str:
    """The key under which the run of an analysis is found again; it fits into a tag and a filter whatever the key holds."""
    return _digest(key)[:32]


def require_hypothesis_id(text: str) -> str:
    """Passes what can be a hypothesis's id.

    Raises:
        UserError: It can't be.
    """
    return _require(_HYPOTHESIS, text, "hypothesis", "H1f2e3d4c")


def require_query_id(text: str) -> str:
    """Passes what can be a query's id.

    Raises:
        UserError: It can't be.
    """
    return _require(_QUERY, text, "query", "Q1f2e3d4c5b")


def is_issue_id(text: str) -> bool:
    """Whether it can be an issue's id."""
    return _ISSUE.fullmatch(text) is not None


def experiment_of_issue(text: str) -> str:
    """The experiment whose id an issue's id carries.

    Raises:
        UserError: It is no issue's id.
    """
    _require(_ISSUE, text, "issue", "I-3-1f2e3d4c5b")
    return text.split("-")[1]


def _require(pattern: re.Pattern[str], text: str, kind: str, example: str) -> str:
    if not pattern.fullmatch(text):
        raise UserError(f"{text!r} is no {kind} id; one looks like {example!r}.")
    return text


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
