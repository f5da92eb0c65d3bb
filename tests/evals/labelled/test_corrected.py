"""Outcomes by references that were corrected since."""

import json
from typing import Any

from analyze_experiment.evals.labelled.corrected import Call, correct


def reference(name: str, key: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, key: arguments}


def called(name: str, **arguments: Any) -> Call:
    return name, json.dumps(arguments, sort_keys=True)


def label(task: int, asked: str, *gold: dict[str, Any], success: bool) -> dict[str, Any]:
    return {"task_id": task, "task_instruction": asked, "gold_actions": list(gold), "success": success}


def task(asked: str, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"user_scenario": {"instructions": {"reason_for_call": asked}}, "evaluation_criteria": {"actions": list(actions)}}


REFUND = "You are ann_lee_1234 and want a refund for the delay"
CANCEL = "You are ann_lee_1234 and want to cancel trip A1"
PAYS = reference("send_certificate", "kwargs", amount=50)
CANCELS = reference("cancel_trip", "kwargs", trip="A1")
TASKS = [
    task(f"{CANCEL}.", reference("get_trip", "arguments", trip="A1"), reference("cancel_trip", "arguments", trip="A1")),
    task(f"{REFUND}!"),
]
LABELS = {
    "paid": label(1, REFUND, PAYS, success=True),
    "refused": label(1, REFUND, PAYS, success=False),
    "cancelled": label(2, CANCEL, CANCELS, success=True),
    "cancelled and told wrongly": label(2, CANCEL, CANCELS, success=False),
}
MADE = {
    "paid": [called("send_certificate", amount=50)],
    "cancelled": [called("cancel_trip", trip="A1")],
    "cancelled and told wrongly": [called("cancel_trip", trip="A1")],
}


def test_only_where_a_reference_changes_something_else_now_the_outcome_is_given_again() -> None:
    found = correct(LABELS, TASKS, MADE)
    assert {trace_id: each["success"] for trace_id, each in found.labels.items()} == {
        "paid": False,
        "refused": True,
        "cancelled": True,
        "cancelled and told wrongly": False,
    }
    assert (found.tasks, found.changed, found.turned) == (2, 1, 2)
    assert found.agreeing == 3, "what is told wrongly can't be seen from the calls"
    assert str(found).endswith("2 have another outcome now; 2 failed.")


def test_what_is_given_in_another_order_is_the_same() -> None:
    flights = [{"flight_number": "H1", "date": "d"}, {"flight_number": "H2", "date": "d"}]
    books = reference("book", "kwargs", flights=flights)
    again = task("book for ann_lee_1234", reference("book", "arguments", flights=flights[::-1]))
    found = correct({"booked": label(1, "book for ann_lee_1234", books, success=True)}, [again], {})
    assert found.changed == 0
