"""The outcomes of labelled conversations once more, by reference answers that were corrected since.

The conversations of `airline` were graded by the references of tau-bench (Yao et al., 2024, arXiv:2406.12045), some of which
break the agent's own rules; tau2-bench (github.com/sierra-research/tau2-bench, `data/tau2/domains/airline/tasks.json`) has
corrected them. A task is matched by its customer and the words of its request. Where its reference changes something else
now, a conversation is right if its successful calls change just that; every other outcome stays as it was graded. How well
calls that are the same as the old reference tell the old outcome is printed: that is what the new outcomes rest on.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlflow import MlflowClient

from ..command_line import command_line

READS = ("get_", "find_", "list_", "search_", "calculate", "think", "transfer_")
"""How the names of tools begin that change nothing."""
FAILED = "Error"
"""How the result of a call begins that did nothing."""
UNORDERED = ("payment_methods", "passengers", "flights")
PAGE = 100

Call = tuple[str, str]
"""A tool and its arguments, written so that what is the same compares equal."""


class Corrected(NamedTuple):
    """The labels with the new outcomes, and what they rest on."""

    labels: dict[str, dict[str, Any]]
    tasks: int
    changed: int
    """Tasks whose reference changes something else now."""
    agreeing: int
    """Conversations in which calls like the old reference tell the old outcome."""
    turned: int
    """Conversations with another outcome than before."""

    def __str__(self) -> str:
        failed = sum(not label["success"] for label in self.labels.values())
        return (
            f"{self.tasks} tasks, {self.changed} with a corrected reference. Calls like the old reference tell the old outcome "
            f"of {self.agreeing} of {len(self.labels)} conversations. {self.turned} have another outcome now; {failed} failed."
        )


def correct(
    labels: Mapping[str, Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], made: Mapping[str, Sequence[Call]]
) -> Corrected:
    """The labels with the outcome by the corrected references.

    Args:
        labels: Of each trace its task, the calls of the old reference and the old outcome.
        tasks: The corrected ones.
        made: Of each trace the calls that changed something, sorted.
    """
    references = {label["task_id"]: label for label in labels.values()}
    old = {task: _reference(label["gold_actions"], "kwargs") for task, label in references.items()}
    new = {
        task: _reference(_matching(label, tasks)["evaluation_criteria"]["actions"], "arguments")
        for task, label in references.items()
    }
    success = {
        trace_id: bool(label["success"])
        if old[label["task_id"]] == new[label["task_id"]]
        else list(made.get(trace_id, ())) == new[label["task_id"]]
        for trace_id, label in labels.items()
    }
    return Corrected(
        {trace_id: {**label, "success": success[trace_id]} for trace_id, label in labels.items()},
        tasks=len(references),
        changed=sum(old[task] != new[task] for task in references),
        agreeing=sum(
            (list(made.get(each, ())) == old[label["task_id"]]) == bool(label["success"]) for each, label in labels.items()
        ),
        turned=sum(success[each] != bool(label["success"]) for each, label in labels.items()),
    )


def calls_made(uri: str, experiment_id: str) -> dict[str, list[Call]]:
    """Of each trace the successful calls that changed something."""
    client, made, token = MlflowClient(uri), dict[str, list[Call]](), None
    while True:
        page = client.search_traces(locations=[experiment_id], max_results=PAGE, page_token=token)
        for trace in page:
            tools = [span for span in trace.data.spans if span.span_type == "TOOL" and not str(span.outputs).startswith(FAILED)]
            made[trace.info.trace_id] = sorted(_calls((span.name, span.inputs) for span in tools))
        token = page.token
        if not token:
            return made


def _reference(actions: Iterable[Mapping[str, Any]], arguments: str) -> list[Call]:
    return sorted(_calls((action["name"], action[arguments]) for action in actions))


def _calls(pairs: Iterable[tuple[str, Any]]) -> Iterator[Call]:
    for name, given in pairs:
        if not name.startswith(READS):
            yield name, json.dumps({key: _comparable(key, value) for key, value in dict(given or {}).items()}, sort_keys=True)


def _comparable(key: str, value: Any) -> Any:
    """What is given in any order is sorted; of a flight that is booked only which it is counts, not what was copied with it."""
    if key not in UNORDERED or not isinstance(value, list):
        return value
    copied = {"price", "origin", "destination"}
    kept = ({name: each[name] for name in each if name not in copied} for each in value if isinstance(each, dict))
    return sorted(json.dumps(each, sort_keys=True) for each in kept)


def _matching(label: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The corrected task of the same customer whose words are most alike."""
    asked, customers = _words(label["task_instruction"]), _customers(label["task_instruction"])
    alike = [task for task in tasks if customers & _customers(_instructions(task))] or list(tasks)
    return max(alike, key=lambda task: len(asked & _words(_instructions(task))) / len(asked | _words(_instructions(task))))


def _instructions(task: Mapping[str, Any]) -> str:
    return json.dumps(task["user_scenario"]["instructions"])


def _customers(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+_[a-z]+_\d{4}", text.lower()))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def main() -> None:
    """Writes the truth with the new outcomes, and prints what they rest on."""
    parser = command_line("labelled.corrected", __doc__, takes="seconds")
    parser.add_argument("uri", metavar="URI", help="the tracking URI of the store with the conversations")
    parser.add_argument("experiment_id", metavar="EXPERIMENT_ID")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="the truth.json as the labelled experiment has it")
    parser.add_argument("tasks", type=Path, metavar="TASKS", help="the corrected tasks, as tau2-bench publishes them")
    parser.add_argument("to", type=Path, metavar="TO", help="where the truth with the new outcomes is written")
    asked = parser.parse_args()
    truth, tasks = json.loads(asked.truth.read_text(encoding="utf-8")), json.loads(asked.tasks.read_text(encoding="utf-8"))
    found = correct(truth["labels"]["labels"], tasks, calls_made(asked.uri, asked.experiment_id))
    truth["labels"]["labels"] = found.labels
    asked.to.write_text(json.dumps(truth), encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
