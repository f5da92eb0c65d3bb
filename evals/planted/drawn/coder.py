"""Coding: an agent changes repositories and runs their tests. One task a trace, no users; some tasks are run many times."""

import random

from ..profile import Profile, Tool
from ..steps import Call, Failure
from .harmless import RUSH, WEEKEND, asked_for_length, heavy_tail, lonely_refusals, many_arguments, recovers
from .operational import (
    fails_in_segment,
    never_ends,
    refuses_arguments,
    repeats_call,
    retries_in_vain,
    run_dies,
    slow_tail,
    slow_version,
    tool_fails,
    unknown_tool,
)
from .quality import claims_undone, cut_off_answer, empty_answer, provider_message, swallows_error
from .reading import ignored_condition, says_the_opposite, wrong_figure
from .scene import Act, Scene, Script

REPOSITORIES = (
    "ferry-timetable",
    "tide-tables",
    "berth-ledger",
    "harbour-lights",
    "fuel-quay",
    "pilot-roster",
    "ice-reports",
    "crane-queue",
)
MODULES = (
    "parser",
    "storage",
    "api",
    "scheduler",
    "report",
    "cli",
    "cache",
    "auth",
    "sync",
    "importer",
    "units",
    "calendar",
    "mailer",
    "geo",
)
VERBS = (
    "rename",
    "split up",
    "simplify",
    "speed up",
    "type",
    "document",
    "make immutable",
    "inline",
    "cache",
    "validate the input of",
)
NOUNS = (
    *(
        "Departure",
        "read_rows",
        "Berth",
        "merge_days",
        "TideCurve",
        "load_zone",
        "Quay",
        "to_local",
        "Vessel",
        "draw_map",
        "Roster",
    ),
    *(
        "next_slot",
        "Ledger",
        "parse_key",
        "Window",
        "send_batch",
        "Beacon",
        "fold_hours",
        "Draught",
        "pack_frame",
        "Manifest",
        "snap",
    ),
)
CONDITIONS = (
    "without new dependencies",
    "in Python 3.9 syntax",
    "without changing the public names",
    "for the Windows build too",
    "behind a flag",
)
REQUESTS = (
    "In {repository}, {verb} {noun} of the module {module}, {condition}.",
    "{repository}: please {verb} {noun} ({module}), {condition}. All checks have to pass.",
    "We need to {verb} {noun} in {module}.py of {repository}, {condition}.",
    "Ticket for {repository}/{module}: {verb} {noun}, {condition}.",
)
ANSWERS = (
    "I've changed {noun} in {path}, {condition}. All {figure} tests pass.",
    "{noun} in {path} is done as asked, {condition}: I've updated the callers too, and all {figure} tests pass.",
    "I've modified {path} so that {noun} does what the ticket says, {condition}. All {figure} tests pass.",
)

PROFILE = Profile(
    *("coder", "harbour-coder", "solve_task"),
    "You change code. Read before you edit, keep to the conditions of the task, run the tests, and report what they say. Don't "
    "claim what you haven't seen.",
    {
        "search_code": Tool("Find where a name is used.", {"repository": "string", "pattern": "string"}, 210),
        "read_file": Tool("Read a file.", {"path": "string"}, 60),
        "edit_file": Tool("Replace a passage of a file.", {"path": "string", "old": "string", "new": "string"}, 120),
        "run_tests": Tool("Run the tests.", {"repository": "string", "selection": "string"}, 5200),
    },
    versions=("0.8", "0.9", "0.10"),
    with_users=False,
    with_feedback=False,
    max_tokens=4000,
)


def ordinary(scene: Scene) -> Act:
    """Search, read, edit, test, report."""
    repository, module, noun = scene.ask(REPOSITORIES), scene.ask(MODULES), scene.ask(NOUNS)
    condition = scene.ask(CONDITIONS)
    path = f"{repository}/{module}.py"
    words = {
        "repository": repository,
        "module": module,
        "noun": noun,
        "condition": condition,
        "path": path,
        "verb": scene.ask(VERBS),
    }
    figure = str(scene.number(12, 480))
    hits = [
        f"{repository}/{other}.py:{scene.number(3, 400)}"
        for other in (module, scene.pick([each for each in MODULES if each != module]))
    ]
    code = f"class {noun}:\n    limit = {scene.number(2, 99)}\n\n    def step(self, row):\n        return row[0]\n"
    steps = [
        Call("search_code", {"repository": repository, "pattern": noun}, hits),
        *(Call("read_file", {"path": hit.split(":")[0]}, code) for hit in hits[: scene.number(1, 2)]),
        Call("edit_file", {"path": path, "old": code[:40], "new": f"# {condition}\n{code[:40]}"}, "1 passage replaced"),
        Call(
            "run_tests",
            {"repository": repository, "selection": module},
            {"passed": int(figure), "failures": 0, "seconds": scene.number(2, 60)},
        ),
    ]
    answer = scene.compose(ANSWERS, {**words, "figure": figure})
    return Act(scene.ask(REQUESTS).format_map(words), [*steps], answer, figure=f"{figure} tests", condition=condition)


def labels(rng: random.Random) -> dict[str, str]:
    """Where it runs, and who asked."""
    return {
        "runner": rng.choices(("linux", "mac", "windows"), (0.6, 0.25, 0.15))[0],
        "trigger": rng.choices(("ticket", "chat", "nightly"), (0.5, 0.3, 0.2))[0],
    }


SCRIPT = Script(
    PROFILE,
    ordinary,
    labels,
    kinds=(
        tool_fails("read_file", Failure("FileNotFoundError", "no such file in the work tree", "files"), (0.04, 0.2)),
        tool_fails(
            "run_tests",
            Failure("TimeoutError", "the tests did not end within 120.0 s", "tests"),
            (0.03, 0.2),
            duration_ms=120_000,
        ),
        run_dies(Failure("StepLimitReached", "no answer after 40 steps", "loop"), (0.04, 0.4)),
        never_ends((0.02, 0.1)),
        repeats_call("search_code", (0.03, 0.2)),
        retries_in_vain(
            "edit_file", Failure("PassageNotFound", "the passage to replace is not in the file", "files"), (0.02, 0.15)
        ),
        refuses_arguments("run_tests", "selection", (0.03, 0.2)),
        unknown_tool("apply_patch", (0.005, 0.03)),
        slow_version("0.10", 1.8),
        slow_tail("0.10", 9.0),
        fails_in_segment(
            "run_tests", "runner", "windows", Failure("OSError", "path too long for this runner", "tests"), (0.2, 0.4)
        ),
        empty_answer((0.01, 0.08)),
        provider_message((0.005, 0.03)),
        cut_off_answer((0.01, 0.08), least=80),
        swallows_error("edit_file", "edit {number} conflicts with the work tree", (0.02, 0.15)),
        claims_undone("edit_file", (0.005, 0.05)),
        says_the_opposite((0.02, 0.15), "tests pass", "tests pass after I removed the failing ones"),
        wrong_figure((0.02, 0.15)),
        ignored_condition((0.02, 0.15), "with two new dependencies"),
    ),
    harmless=(
        recovers("search_code"),
        heavy_tail(),
        asked_for_length(),
        many_arguments("read_file", "path"),
        lonely_refusals(),
        WEEKEND,
        RUSH,
    ),
    repeated=0.4,
    conversations=False,
)
