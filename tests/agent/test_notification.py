"""Notifications: what goes out, how it is signed, and that a failure is one of the notification alone."""

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tenacity import wait_none

from analyze_experiment.agent.notification import SIGNATURE, TIMESTAMP, Format, Target, notify, signature
from analyze_experiment.agent.outcome import IssueLine, Outcome
from analyze_experiment.tools.errors import NotificationFailed
from analyze_experiment.tools.insights.models import Severity, Standing

NOW = datetime(2026, 4, 7, 6, 17, tzinfo=UTC)
SECRET = "between us"


@dataclass
class Receiver:
    """A web service on this machine, which keeps what it is sent and answers as it is told to."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: list[int]())
    """Status codes of the next answers; 200 after them."""
    bodies: list[bytes] = field(default_factory=lambda: list[bytes]())
    headers: list[dict[str, str]] = field(default_factory=lambda: list[dict[str, str]]())

    def said(self) -> dict[str, Any]:
        """The last body."""
        return json.loads(self.bodies[-1])


@pytest.fixture
def receiver() -> Generator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            kept.headers.append(dict(self.headers))
            code = kept.answers.pop(0) if kept.answers else 200
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", kept.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


def line(standing: Standing, title: str = "look_up <secret> tool fails in 52% of its calls") -> IssueLine:
    return IssueLine("I-1-0123456789", title, Severity.HIGH, "operational", 42, 80, about="tool_failure_rate", standing=standing)


def ended(*standings: Standing, status: Any = "done") -> Outcome:
    link = "https://mlflow.example.org/#/experiments/1/runs/r"
    return Outcome("r" * 32, "1", "support", status, issues=[line(each) for each in standings], ui_hint=link)


def send(receiver: Receiver, outcome: Outcome, *, format: Format = "json", details: bool = False, secret: str = SECRET) -> bool:
    return notify(Target(receiver.url, format, details, secret), outcome, code=3, scope="prod", now=NOW, pause=wait_none())


def test_json_tells_run_link_counts_and_issues_and_no_text_of_the_traces(receiver: Receiver) -> None:
    assert send(receiver, ended("worse", "still"))
    said = receiver.said()
    assert (said["run_id"], said["scope"], said["status"], said["exit_code"]) == ("r" * 32, "prod", "done", 3)
    assert said["link"] == "https://mlflow.example.org/#/experiments/1/runs/r"
    assert said["counts"]["issues"] == {"still": 1, "worse": 1}
    issue = said["issues"][0]
    assert (issue["about"], issue["status"], issue["affected"], issue["population"]) == ("tool_failure_rate", "worse", 42, 80)
    assert b"secret" not in receiver.bodies[0]
    send(receiver, ended("worse"), details=True)
    assert receiver.said()["issues"][0]["title"].startswith("look_up <secret> tool")


def test_signature_covers_the_time_and_the_body(receiver: Receiver) -> None:
    send(receiver, ended("new"))
    headers, body = receiver.headers[0], receiver.bodies[0]
    assert headers[TIMESTAMP] == str(int(NOW.timestamp()))
    assert headers[SIGNATURE] == signature(SECRET, headers[TIMESTAMP], body)
    assert headers[SIGNATURE] != signature(SECRET, "0", body)
    send(receiver, ended("new"), secret="")
    assert SIGNATURE not in receiver.headers[1]


@pytest.mark.parametrize(("answers", "attempts"), [([503], 2), ([429, 500], 3), ([], 1)])
def test_what_may_pass_is_tried_again(receiver: Receiver, answers: list[int], attempts: int) -> None:
    receiver.answers = answers
    assert send(receiver, ended("new"))
    assert len(receiver.bodies) == attempts


@pytest.mark.parametrize(("answers", "attempts"), [([500, 500, 500, 500], 3), ([404], 1), ([302], 1)])
def test_what_does_not_pass_is_a_failure_of_the_notification(receiver: Receiver, answers: list[int], attempts: int) -> None:
    receiver.answers = answers
    with pytest.raises(NotificationFailed, match="answers"):
        send(receiver, ended("new"))
    assert len(receiver.bodies) == attempts


def test_address_that_nobody_serves_is_a_failure_too() -> None:
    with pytest.raises(NotificationFailed, match="ConnectionError"):
        notify(Target("http://127.0.0.1:9/"), ended("new"), code=0, scope="", now=NOW, pause=wait_none())


def test_slack_and_teams_get_their_shapes_with_markup_escaped(receiver: Receiver) -> None:
    assert send(receiver, ended("back"), format="slack", details=True)
    assert receiver.said()["text"].splitlines() == [
        "*Analysis of prod: done; issues: 1 back*",
        "• back: HIGH look_up &lt;secret&gt; tool fails in 52% of its calls, 42 of 80",
        "<https://mlflow.example.org/#/experiments/1/runs/r|Open in MLflow>",
    ]
    assert send(receiver, ended("gone"), format="teams")
    card = receiver.said()["attachments"][0]["content"]
    assert [block["text"] for block in card["body"]] == [
        "Analysis of prod: done; issues: 1 gone",
        "gone: HIGH tool failure rate, 42 of 80",
    ]
    assert card["actions"][0]["url"] == "https://mlflow.example.org/#/experiments/1/runs/r"


def test_people_are_left_alone_where_there_is_nothing_to_tell(receiver: Receiver) -> None:
    assert not send(receiver, ended("still"), format="slack")
    assert not send(receiver, ended(status="empty"), format="teams")
    assert receiver.bodies == []
    assert send(receiver, ended(status="failed"), format="slack")
    assert send(receiver, ended("still"), format="json")
