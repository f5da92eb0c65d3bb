"""A language model that says what a test has scripted: an OpenAI-compatible server over real HTTP on this machine.

Answers are scripted by the name of the form that is asked for. A request that nobody scripted is refused and fails the test.

    with ScriptedModel() as model:
        model.script("Purpose", {"description": "It sells boats."})
        model.script("Reading", Failure(429, retry_after_s=0), {"went_wrong": False, ...}, repeat=True)
        ... run with OPENAI_BASE_URL=model.url ...
        assert model.count("Reading") == 2
"""

import json
import re
import select
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Method = Literal["json_schema", "function_calling", "json_mode"]
AS_ASKED = {"show": [], "findings": [{"number": 1, "answer": "not", "span": "", "quote": "", "reason": "It ends as asked."}]}
"""What a judge says of a trace that ends as its user asked for."""
UNCLEAR = {"show": [], "findings": [{"number": 1, "answer": "unclear", "span": "", "quote": "", "reason": "It can't be seen."}]}
"""What a judge says of a trace of which nobody can tell how it ends."""
LOOK_S = 0.005
ALL: frozenset[Method] = frozenset({"json_schema", "function_calling", "json_mode"})


@dataclass(frozen=True)
class Request:
    """One request as the server got it."""

    form: str
    """The name of the form that is asked for; empty where none is."""
    method: Method | None
    body: Mapping[str, Any]
    path: str = ""
    """With the query."""
    headers: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    """By name in lower case."""

    @property
    def system(self) -> str:
        return str(self.body["messages"][0]["content"])

    @property
    def user(self) -> str:
        return str(self.body["messages"][:2][-1]["content"])

    @property
    def text(self) -> str:
        """All that was said, in order."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


@dataclass(frozen=True)
class Said:
    """A message as it is, whatever form was asked for: cut off JSON, no content, a text."""

    content: str | None
    finish_reason: str = "stop"
    usage: bool = True


@dataclass(frozen=True)
class Failure:
    """An HTTP error; the client may try again at once."""

    status: int
    message: str = "scripted failure"
    retry_after_s: int | None = None


@dataclass(frozen=True)
class Silence:
    """No answer, as long as the client waits."""

    asked: threading.Event = field(default_factory=threading.Event)
    """Set when the request is there."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when the client has closed the connection."""

    def last(self, connection: socket.socket, closing: threading.Event) -> None:
        """Waits until the client goes, or the server closes."""
        self.asked.set()
        while not closing.is_set():
            if select.select([connection], [], [], LOOK_S)[0] and _is_gone(connection):
                self.left.set()
                return


Answer = Mapping[str, Any] | Said | Failure | Silence | Callable[[Request], Any]


@dataclass
class ScriptedModel:
    """The server; a context manager. Its requests and what was not scripted are kept."""

    supports: frozenset[Method] = ALL
    """The ways of asking for a form that it knows; it refuses others."""
    ignores: frozenset[Method] = frozenset()
    """Those that it takes and then answers in prose."""
    context_tokens: int | None = None
    """What a prompt and its answer may have together, in characters by 4; it refuses more, as llama.cpp's server does."""
    requests: list[Request] = field(default_factory=lambda: list[Request]())
    unscripted: list[str] = field(default_factory=lambda: list[str]())
    _scripts: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict[str, list[Answer]](list))
    _repeated: dict[str, Answer] = field(default_factory=lambda: dict[str, Answer]())
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def script(self, form: str, *answers: Answer, repeat: bool = False) -> None:
        """What it answers to requests for this form, in order; with `repeat` the last one again and again."""
        self._scripts[form].extend(answers[:-1] if repeat else answers)
        if repeat:
            self._repeated[form] = answers[-1]

    def count(self, form: str | None = None) -> int:
        """Requests for this form, or for any."""
        return sum(form in {None, request.form} for request in self.requests)

    @property
    def url(self) -> str:
        """For OPENAI_BASE_URL."""
        assert self._server is not None, "the server is open as a context manager"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def respond(
        self, body: Mapping[str, Any], path: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], dict[str, Any]] | Silence:
        """Status, headers and body of the response; or none."""
        form, method = _form_of(body)
        request = Request(form, method, body, path, {name.lower(): value for name, value in headers.items()})
        with self._lock:
            self.requests.append(request)
            if self.context_tokens is not None and _tokens(request) > self.context_tokens:
                said = f"request ({_tokens(request)} tokens) exceeds the available context size ({self.context_tokens} tokens)"
                return _error(400, f"{said}, try increasing it")
            if method is not None and method not in self.supports:
                return _error(400, f"{method} is not supported")
            if method in self.ignores:
                return 200, {}, _completion(request, Said("Certainly! Here is what I think."))
            queue = self._scripts[form]
            answer = queue.pop(0) if queue else self._repeated.get(form)
        if callable(answer) and not isinstance(answer, type):
            answer = answer(request)
        if answer is None:
            self.unscripted.append(f"{form}: {request.user[:500]}")
            return _error(400, f"nobody scripted an answer of the form {form!r}")
        if isinstance(answer, Silence):
            return answer
        if isinstance(answer, Failure):
            again = {"retry-after-ms": "1"} if answer.retry_after_s is None else {"retry-after": str(answer.retry_after_s)}
            return _error(answer.status, answer.message, again)
        return 200, {}, _completion(request, answer)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        if error is None:
            assert self.unscripted == [], "requests that no script expects"


def _tokens(request: Request) -> int:
    answer = request.body.get("max_tokens") or request.body.get("max_completion_tokens") or 0
    return len(request.text) // 4 + int(answer)


def _is_gone(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def _form_of(body: Mapping[str, Any]) -> tuple[str, Method | None]:
    asked: Mapping[str, Any] = body.get("response_format") or {}
    if asked.get("type") == "json_schema":
        return str(asked["json_schema"]["name"]), "json_schema"
    if body.get("tools"):
        return str(body["tools"][0]["function"]["name"]), "function_calling"
    named = re.search(r"of the form (\w+)", str(body["messages"][0]["content"]))
    return (named[1] if named else ""), "json_mode" if asked.get("type") == "json_object" else None


def _completion(request: Request, answer: Any) -> dict[str, Any]:
    said = answer if isinstance(answer, Said) else None
    message: dict[str, Any] = {"role": "assistant", "content": said.content if said else json.dumps(answer)}
    if said is None and request.method == "function_calling":
        function = {"name": request.form, "arguments": json.dumps(answer)}
        message = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    tokens_in, tokens_out = len(request.text) // 4, len(json.dumps(message)) // 4
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": request.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish_reason if said else "stop"}],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
        if said is None or said.usage
        else None,
    }


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], dict[str, Any]]:
    return status, headers or {}, {"error": {"message": message, "type": "scripted", "code": None}}


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            response = model.respond(body, self.path, dict(self.headers))
            if isinstance(response, Silence):
                response.last(self.connection, model.closing)
                self.close_connection = True
                return
            status, headers, body = response
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler
