"""Which tool outputs read as an error, and which only look like one."""

import json

import pytest

from analyze_experiment.tools.traces.failures import error_in_output

ERRORS = {
    "plain": "Error: user not found",
    "lower case": "error: user not found",
    "without colon": "Error executing tool search: timeout",
    "with a code": "Error 404: no such order",
    "alone": "ERROR",
    "named": "ValueError: invalid literal",
    "qualified": "openai.RateLimitError: slow down",
    "constructor": "ToolException('no such tool')",
    "exception": "Exception: boom",
    "exception in words": "Exception while calling the API",
    "traceback": "Traceback (most recent call last):\n  File ...",
    "failed to": "Failed to fetch https://x",
    "failed": "Failed.",
    "failed colon": "FAILED: quota",
    "failure": "failure: no seats",
    "fatal": "fatal: not a git repository",
    "http": "HTTP Error 503: Service Unavailable",
    "indented": "\n  Error: late",
    "quoted": "'Error: x'",
    "error text": {"error": "not found"},
    "error object": {"error": {"code": 7, "message": "not found"}, "data": None},
    "error true": {"error": True, "message": "no"},
    "errors": {"errors": [{"message": "bad field"}]},
    "exception key": {"exception": "KeyError('a')"},
    "MCP": {"content": [{"type": "text", "text": "no such file"}], "isError": True},
    "is_error": {"is_error": True, "text": "no"},
    "not successful": {"success": False, "message": "Order not found"},
    "not ok": {"ok": False, "detail": "invalid token"},
    "status error": {"status": "error", "items": [], "page": 1, "total": 0},
    "status failed": {"status": "failed"},
    "status failure with a reason": {"status": "FAILURE", "reason": "quota", "id": 1, "at": 2},
    "JSON in a text": '{"error": "not found"}',
    "tool message": {"type": "tool", "content": "Error: boom", "name": "t"},
    "content parts": [{"type": "text", "text": "Error: boom"}],
}

LOOK_ALIKES = {
    "prose": "The order was refused because of an error in the address.",
    "a report about errors": "Error rate is 0.3 % today",
    "a guide": "Error handling in Python is done with try and except.",
    "no errors": "0 errors found",
    "none": "No error.",
    "errors counted": "Errors: 0",
    "a log": "2024-05-01 12:00 ERROR db: timeout\n2024-05-01 12:01 INFO ok",
    "a log that begins so": "ERROR 2024-05-01 12:00 db: timeout\nINFO 2024-05-01 ok",
    "another log": "ERROR [2024-05-01 12:00] db: timeout",
    "failed things": "Failed login attempts: 12",
    "an exception to a rule": "Exceptional service was given",
    "exceptions": "Exceptions to the return policy are listed below",
    "erroneous": "Erroneous charges are refunded",
    "null error": {"error": None, "data": {"id": 1}},
    "empty error": {"error": "", "data": 1},
    "no error in words": {"error": "none", "data": 1},
    "false error": {"error": False},
    "empty errors": {"errors": [], "data": [1]},
    "counted errors": {"errors": 12, "requests": 900},
    "not MCP's error": {"content": [{"type": "text", "text": "fine"}], "isError": False},
    "success": {"success": True, "message": "nothing failed"},
    "not successful, no error": {"success": False, "message": "No seats in this class"},
    "a record of a failed thing": {"payment": 7, "status": "failed", "amount": 12, "currency": "EUR"},
    "documents": [{"page_content": "Error: as an example", "metadata": {}}],
    "deep error": {"order": {"error": "E7"}},
    "number": 404,
    "empty": "",
}


@pytest.mark.parametrize("name", ERRORS)
def test_output_reads_as_an_error(name: str) -> None:
    assert error_in_output(json.dumps(ERRORS[name]))


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alike_does_not_read_as_an_error(name: str) -> None:
    assert error_in_output(json.dumps(LOOK_ALIKES[name])) is None


def test_nothing_is_no_error() -> None:
    assert error_in_output(None) is None
    assert error_in_output("null") is None


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("  Error: user not found \n", "Error: user not found"),
        ({"error": "not found", "hint": "x"}, "not found"),
        ({"error": {"message": "not found"}}, "not found"),
        ({"error": True, "message": "no"}, "no"),
        ({"success": False, "message": "Order not found"}, "Order not found"),
        ({"content": [{"type": "text", "text": "no such file"}], "isError": True}, "no such file"),
        ({"status": "failed"}, '{"status": "failed"}'),
    ],
)
def test_error_is_told_in_its_own_words(output: object, text: str) -> None:
    assert error_in_output(json.dumps(output)) == text
