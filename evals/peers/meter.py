"""Counts what anybody asks of an endpoint: a proxy on this machine that passes chat completions on, and stops at a budget."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx


@dataclass
class Meter:
    """The proxy; a context manager. All contestants speak through one each, so that all are counted in the same way."""

    upstream: str
    """The endpoint's base URL."""
    api_key: str = field(repr=False)
    budget_tokens: int
    """From where on requests are refused; those in flight are answered, so it may be exceeded by them."""
    timeout_s: float = 300
    """For one answer of the endpoint."""
    calls: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """For OPENAI_BASE_URL."""
        assert self._server is not None, "the meter is open as a context manager"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def tokens(self) -> int:
        """What was spent so far."""
        return self.prompt_tokens + self.completion_tokens

    def environment(self) -> dict[str, str]:
        """What a contestant has in its environment, so that it speaks through this proxy."""
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_BASE": self.url, "OPENAI_API_KEY": "metered"}

    def pass_on(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the endpoint's answer."""
        with self._lock:
            if self.tokens >= self.budget_tokens:
                self.refused += 1
                return 400, json.dumps({"error": {"message": "the budget is spent", "type": "invalid_request_error"}}).encode()
            self.calls += 1
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        address = self.upstream.rstrip("/") + path.removeprefix("/v1")
        try:
            answer = httpx.post(address, content=body, headers=headers, timeout=self.timeout_s)
        except httpx.HTTPError as error:
            return 502, json.dumps({"error": {"message": f"no answer: {type(error).__name__}", "type": "server_error"}}).encode()
        self._book(answer)
        return answer.status_code, answer.content

    def _book(self, answer: httpx.Response) -> None:
        try:
            usage: dict[str, Any] = answer.json().get("usage") or {}
        except ValueError:
            return  # an error page costs nothing
        with self._lock:
            self.prompt_tokens += int(usage.get("prompt_tokens") or 0)
            self.completion_tokens += int(usage.get("completion_tokens") or 0)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def _handler(meter: Meter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, body = meter.pass_on(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler
