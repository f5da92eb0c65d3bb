"""The questions that the graph asks: their payloads, and how the answers are read.

Payloads follow the current human-in-the-loop convention of LangChain (`action_requests` and `review_configs`), with the
question's name and the declared default beside them, so that any front end that knows the convention can ask, and nobody need
be there.
"""

from collections.abc import Sequence
from typing import Any

from .ports import Estimate
from .state import QuestionName, Reply


def ask_which_experiment(candidates: Sequence[tuple[str, str]], *, default: str | None) -> dict[str, Any]:
    """Which experiment to analyse; `candidates` are (id, name)."""
    listing = [{"experiment_id": experiment_id, "name": name} for experiment_id, name in candidates]
    return _question(
        "experiment",
        [_request("choose_experiment", {"candidates": listing}, "Which experiment shall be analysed?")],
        default=None if default is None else [_respond(default)],
        option="--experiment",
    )


def ask_spend(estimate: Estimate) -> dict[str, Any]:
    """Whether a language model may be asked for this much; a rejection goes on without it."""
    arguments = {"calls": estimate.calls, "tokens": estimate.tokens, "usd": estimate.usd, "model": estimate.model}
    return _question(
        "spend",
        [_request("approve_spending", arguments, f"{estimate.text} Ask it?", ("approve", "reject"))],
        default=[{"type": "approve"}],
        option="--budget-tokens",
    )


def ask_purpose(description: str, focus: Sequence[str]) -> dict[str, Any]:
    """Whether the description fits the agent, and what to focus on: one interrupt with two requests (workflow 2.1.5)."""
    return _question(
        "purpose",
        [
            _request(
                "confirm_description", {"description": description}, "Is this what the agent is for?", ("approve", "respond")
            ),
            _request("choose_focus", {"focus": list(focus)}, "Anything to focus on? Leave it empty for a general report."),
        ],
        default=[{"type": "approve"}, _respond("; ".join(focus))],
        option="--unattended",
    )


def ask_review(hypotheses: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Whether the hypotheses shall be tested as they stand; a rejection drops one."""
    return _question(
        "review",
        [
            _request("test_hypothesis", hypothesis, f"Test this? {hypothesis['statement']}", ("approve", "reject"))
            for hypothesis in hypotheses
        ],
        default=[{"type": "approve"} for _ in hypotheses],
        option="--unattended",
    )


def ask_where_to_save(path: str) -> dict[str, Any]:
    """Where to write the report (workflow 2.7)."""
    return _question(
        "report",
        [_request("save_report", {"path": path}, "Where shall the report be saved?", ("approve", "respond"))],
        default=[{"type": "approve"}],
        option="--report",
    )


def text_of(reply: Reply, index: int) -> str | None:
    """The free text of a decision; None where the request was approved as it stood."""
    decision = reply["decisions"][index]
    if decision.get("type") == "edit":
        arguments = decision["edited_action"]["args"]
        return str(next(iter(arguments.values()), ""))
    if decision.get("type") in {"respond", "reject"}:
        return str(decision.get("message", ""))
    return None


def _question(name: QuestionName, requests: list[dict[str, Any]], *, default: Any, option: str) -> dict[str, Any]:
    return {
        "question": name,
        "action_requests": [{key: request[key] for key in ("name", "args", "description")} for request in requests],
        "review_configs": [
            {"action_name": request["name"], "allowed_decisions": list(request["allowed"])} for request in requests
        ],
        "default": default,
        "option": option,
    }


def _request(name: str, arguments: dict[str, Any], description: str, allowed: Sequence[str] = ("respond",)) -> dict[str, Any]:
    return {"name": name, "args": arguments, "description": description, "allowed": allowed}


def _respond(message: str) -> dict[str, str]:
    return {"type": "respond", "message": message}
