"""Tells an address how an analysis ended: JSON with a signature, or a message in the shape of Slack or Teams.

Nothing of the traces' text goes out unless it was asked for: an issue is named by what it is about (`tool_failure_rate`,
`empty_answers`), never by its title, which may hold names from the traces.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from ..tools.errors import NotificationFailed
from .outcome import IssueLine, Outcome

Format = Literal["json", "slack", "teams"]

TIMEOUT_S = 10
"""How long one attempt may take."""
ATTEMPTS = 3
PAUSE = wait_exponential(multiplier=1, max=8)
"""Seconds between attempts: 1, 2."""
SIGNATURE, TIMESTAMP = "X-Analyze-Experiment-Signature", "X-Analyze-Experiment-Timestamp"
TELLING = ("new", "back", "worse", "better", "gone")
"""Standings that a message is worth sending for."""


@dataclass(frozen=True)
class Target:
    """Where to send what is to be told, and how."""

    url: str
    format: Format = "json"
    details: bool = False
    """Whether titles go along, which may hold text of the traces."""
    secret: str = ""
    """The key of the signature; without one nothing is signed."""


def notify(target: Target, outcome: Outcome, *, code: int, scope: str, now: datetime, pause: wait_base = PAUSE) -> bool:
    """Sends how an analysis ended.

    Returns:
        Whether anything was sent: a message for people isn't where there is nothing to tell.

    Raises:
        NotificationFailed: the address refuses it, or doesn't answer; all attempts together take half a minute at most.
    """
    facts = describe(outcome, code=code, scope=scope, details=target.details)
    body = _SHAPES[target.format](facts)
    if body is None:
        return False
    data = json.dumps(body, ensure_ascii=True).encode()
    attempts = Retrying(stop=stop_after_attempt(ATTEMPTS), wait=pause, retry=retry_if_exception(_may_pass), reraise=True)
    attempts(lambda: _post(target, data, now))
    return True


def describe(outcome: Outcome, *, code: int, scope: str, details: bool) -> dict[str, Any]:
    """The facts of an outcome under keys that stay; titles only where `details` are asked for."""
    standings = Counter(line.standing or "new" for line in outcome.issues)
    return {
        "event": "analysis",
        "scope": scope,
        "status": outcome.status,
        "exit_code": code,
        "run_id": outcome.run_id,
        "experiment_id": outcome.experiment_id,
        "experiment_name": outcome.experiment_name,
        "link": outcome.ui_hint if outcome.ui_hint.startswith("http") else None,
        "counts": {"issues": dict(sorted(standings.items())), "hypotheses": dict(outcome.hypotheses)},
        "issues": [_issue(line, details=details) for line in outcome.issues],
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over time and body, so that what was sent once can't be sent again later."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _issue(line: IssueLine, *, details: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "issue_id": line.issue_id,
        "about": line.about,
        "status": line.standing or "new",
        "severity": str(line.severity),
        "kind": line.kind,
        "affected": line.affected,
        "population": line.population,
        "share": line.share,
    }
    return {**told, "title": line.title} if details else told


def _post(target: Target, data: bytes, now: datetime) -> None:
    import requests

    timestamp = str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", "User-Agent": "analyze-experiment", TIMESTAMP: timestamp}
    if target.secret:
        headers[SIGNATURE] = signature(target.secret, timestamp, data)
    try:
        answer = requests.post(target.url, data=data, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise NotificationFailed(f"{type(error).__name__} at the address of --notify") from error
    if not answer.ok or answer.is_redirect:
        raise NotificationFailed(f"the address of --notify answers {answer.status_code}", status=answer.status_code)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, NotificationFailed) and (error.status is None or error.status == 429 or error.status >= 500)


def _lines(facts: Mapping[str, Any]) -> tuple[str, list[str]] | None:
    """Headline and lines for people; None where there is nothing to tell."""
    telling = [issue for issue in facts["issues"] if issue["status"] in TELLING]
    if not telling and facts["status"] in {"done", "empty"}:
        return None
    name = facts["scope"] or facts["experiment_name"] or "an experiment"
    counts = ", ".join(f"{count} {status}" for status, count in facts["counts"]["issues"].items() if status in TELLING)
    head = f"Analysis of {name}: {facts['status']}" + (f"; issues: {counts}" if counts else "")
    lines = [
        f"{issue['status']}: {issue['severity']} {issue.get('title') or issue['about'].replace('_', ' ')}, "
        f"{issue['affected']:,} of {issue['population']:,}"
        for issue in telling
    ]
    return head, lines


def _slack(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    told = _lines(facts)
    if told is None:
        return None
    head, lines = told
    link = [f"<{facts['link']}|Open in MLflow>"] if facts["link"] else []
    text = "\n".join([f"*{_escaped(head)}*", *(f"• {_escaped(line)}" for line in lines), *link])
    return {"text": text}


def _escaped(text: str) -> str:
    """As Slack asks for: three characters are its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    told = _lines(facts)
    if told is None:
        return None
    head, lines = told
    blocks: list[dict[str, Any]] = [{"type": "TextBlock", "text": head, "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in lines]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    if facts["link"]:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open in MLflow", "url": facts["link"]}]
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


def _json(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    return dict(facts)


_SHAPES: dict[Format, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {"json": _json, "slack": _slack, "teams": _teams}
