"""The questions that the graph asks: their payloads, and how the answers are read.

Payloads follow the current human-in-the-loop convention of LangChain (`action_requests` and `review_configs`), with the
question's name and the declared default beside them, so that any front end that knows the convention can ask, and nobody need
be there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..tools.insights.models import Hypothesis
from ..tools.tracking import experiments_with_traces
from .context import Context, in_thread
from .ports import Estimate
from .state import Pending, QuestionName, Reply


def pending(name: QuestionName, subjects: Sequence[str] = ()) -> dict[str, Pending | None]:
    """The change of state that has a question asked next."""
    return {"question": Pending(name=name, subjects=list(subjects))}


async def pose(asked: Pending, context: Context, run_id: str) -> dict[str, Any]:
    """The payload of a question, made from the memory; changes nothing."""
    if asked["name"] == "spend":
        return ask_spend(await _estimated(context, run_id))
    return await in_thread(lambda: _payload(asked, context, run_id))


async def _estimated(context: Context, run_id: str) -> Estimate:
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    bench = await in_thread(lambda: context.bench(analysis))
    estimate = await context.analyst.estimate(bench, analysis)
    assert estimate is not None, "an analyst that costs nothing isn't asked about"
    return estimate


def _payload(asked: Pending, context: Context, run_id: str) -> dict[str, Any]:
    match asked["name"]:
        case "experiment":
            candidates = experiments_with_traces(context.tracking)
            return ask_which_experiment([(each.experiment_id, each.name) for each in candidates], default=None)
        case "purpose":
            analysis = context.store.get_analysis(run_id)
            return ask_purpose(analysis.agent_description, analysis.focus)
        case "review":
            listed = {each.hypothesis_id: each for each in context.store.list_hypotheses(run_id)}
            return ask_review([listed[subject] for subject in asked["subjects"]])
        case _:
            return ask_where_to_save(default_report(run_id))


def default_report(run_id: str) -> str:
    """The file that a report is written to where nobody says otherwise, in the current folder."""
    return f"report-{run_id[:8]}.md"


def as_reply(asked: Pending, answer: object, *, requests: int) -> Reply | None:
    """The answer to a question as the next step reads it; None where it is none, and the question is to be asked again.

    An answer is `{"decisions": [...]}` with one decision a request; for a single request a plain text or True will do.
    """
    given = cast(Mapping[str, Any], answer) if isinstance(answer, Mapping) else {}
    decisions = given.get("decisions")
    if requests == 1 and isinstance(answer, str):
        decisions = [_respond(answer)]
    if answer is True:
        decisions = [{"type": "approve"}] * requests
    if not isinstance(decisions, list) or len(cast(list[Any], decisions)) != requests or not all(map(_is_decision, decisions)):
        return None
    answered_by = given.get("answered_by", "person")
    return Reply(question=asked["name"], subjects=asked["subjects"], decisions=decisions, answered_by=answered_by)


def _is_decision(decision: object) -> bool:
    match decision:
        case {"type": "approve" | "reject"} | {"type": "respond", "message": str()}:
            return True
        case {"type": "edit", "edited_action": {"args": dict(arguments)}}:
            return bool(arguments)
        case _:
            return False


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


def ask_review(hypotheses: Sequence[Hypothesis]) -> dict[str, Any]:
    """Whether the hypotheses shall be tested as they stand; a rejection drops one, an edit states another in its place."""
    return _question(
        "review",
        [
            _request(
                "test_hypothesis",
                {"statement": each.statement, "hypothesis_id": each.hypothesis_id},
                f"Test this? {each.statement}\n{each.testing_plan}",
                ("approve", "edit", "reject"),
            )
            for each in hypotheses
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
