"""What a language model is asked about a real experiment: how many questions, and how long; its answers are scripted.

Works on a copy of the SQLite store. Lengths are characters by 4, as English and JSON have them. Half of the plans are decided by
reading; how often what they ask about is so is scripted too: of ten, four are frequent, three are rare and three hardly ever so;
every second harms users.
"""

import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.display import make_display
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.agent.model.configured import configured_model
from analyze_experiment.agent.session import run_session
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tests.scripted_model import Request, ScriptedModel
from analyze_experiment.tools.tracking import connect

QUOTED = re.compile(r"^\[(s\d+) [^\n]*\]\nuser: (.{12,60}?)$", re.MULTILINE)
ASKED = re.compile(r"^(\d+)\. Is kind (\d+) of trouble", re.MULTILINE)
SHARES = (0.25, 0.08, 0.0, 0.25, 0.01, 0.08, 0.25, 0.0, 0.08, 0.25)
LOOKS = (
    "SELECT trace_id, name, substring(outputs, 1, 200) AS gave FROM spans WHERE error_text IS NOT NULL ORDER BY 1, position",
    "SELECT trace_id, substring(response_text, 1, 150) AS ended FROM traces ORDER BY trace_id",
)


def main() -> None:
    """Prints the table."""
    parser = command_line("bench.questions", __doc__, takes="one to three minutes for 100 traces")
    parser.add_argument("database", type=Path, metavar="DATABASE", help="the SQLite file; its folder is copied whole")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="its id or name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ScriptedModel() as server:
        copy = Path(folder) / "store"
        shutil.copytree(options.database.parent, copy)
        _script(server)
        _analyse(copy / options.database.name, options.experiment, server)
        _print(server)


def _script(server: ScriptedModel) -> None:
    """Answers of ordinary length: a failure in every third trace, a dozen behaviours, two looks a round."""
    server.script("Purpose", {"description": "It helps the users of a service, and looks things up for them."})
    server.script("TraceReading", lambda request: _reading(request, server.count("TraceReading")), repeat=True)
    server.script("Grouping", {"modes": [{**_candidate(place), "notes": [place + 1]} for place in range(8)]}, repeat=True)
    server.script("Exploration", lambda _: _explored(server.count("Exploration")), repeat=True)
    server.script("Duplicates", {"pairs": []}, repeat=True)
    server.script("WrittenPlan", lambda _: _plan(server.count("WrittenPlan")), repeat=True)
    server.script("Judgements", _judged, repeat=True)
    server.script("Explanation", _explained, repeat=True)


def _reading(request: Request, place: int) -> Mapping[str, Any]:
    found = QUOTED.search(request.user.partition("<trace>")[2])
    span_id, quote = found.groups() if found and place % 3 == 0 else ("", "")
    noted = {
        "went_wrong": bool(span_id),
        "what": "It did what the rules forbid." * 3,
        "span": span_id,
        "quote": quote,
        "also": [],
    }
    return {"show": [], "weighed": "What was wanted was done as the rules allow. " * 6, **noted}


def _candidate(place: int) -> Mapping[str, Any]:
    check = f"It counts where behaviour {place} is seen, and not where something like it is." * 3
    return {"title": f"Behaviour {place} of this agent", "statement": f"The agent shows {place}.", "check": check, "by_sql": True}


def _explored(place: int) -> Mapping[str, Any]:
    looks = [_look(f"{sql} LIMIT {10 + place}") for sql in LOOKS]
    return {"learnt": "Something was learnt from that. " * 4, "found": [_candidate(100 + place)], "looks": looks}


def _look(sql: str) -> Mapping[str, Any]:
    nothing_else = {"group": "", "beside": "", "overview": "", "trace_id": "", "span_ids": []}
    return {"why": "to see what it is like", "sql": sql, **nothing_else}


def _explained(request: Request) -> Mapping[str, Any]:
    """One round of looks, then an answer."""
    words = {"title": "The agent has trouble with its tools", "cause": "It isn't known why it does.", "mechanism_sql": ""}
    looks = [_look(f"{LOOKS[0]} LIMIT 12")] if "You may look around 2 more times" in request.user else []
    return {"learnt": "", "looks": looks, **words, "recommendation": "Change the rule of the prompt on tools."}


def _judged(request: Request) -> Mapping[str, Any]:
    """The share of each question is a matter of its number; one trace in ten shows something else as well."""
    trace = request.user.partition("<trace>")[2]
    found, chance = QUOTED.search(trace), random.Random(trace)
    findings = [
        _finding(int(number), chance.random() < SHARES[int(kind) % 10], found, harms=int(kind) % 2 == 0)
        for number, kind in ASKED.findall(request.user)
    ]
    noted = {"what": "It did something else that the rules forbid.", "span": found[1], "quote": found[2]} if found else None
    return {"show": [], "findings": findings, "others": [noted] if noted and chance.random() < 0.1 else []}


def _finding(number: int, so: bool, found: re.Match[str] | None, *, harms: bool) -> Mapping[str, Any]:
    span, quote = (found[1], found[2]) if so and found else ("", "")
    answer = "affected" if quote else "not"
    said = {"number": number, "answer": answer, "span": span, "quote": quote, "reason": "It is as the rules have it. " * 3}
    came_of_it = {"consequence": "wrong", "consequence_span": span, "consequence_quote": quote}
    return {**said, **came_of_it} if harms and quote else said


def _plan(place: int) -> Mapping[str, Any]:
    empty = dict.fromkeys(("population_sql", "population_title", "exposed_sql", "question", "rejected_if", "why_none"), "")
    if place % 2:
        question = f"Is kind {place // 2} of trouble to be seen? " + "It counts where a rule is broken by what is done. " * 6
        return {
            **empty,
            "decision": "read",
            "statement": f"The agent has trouble, kind {place}.",
            "affected_sql": "",
            "question": question,
        }
    sql = f"SELECT trace_id FROM spans WHERE position > {place % 9}"
    return {**empty, "decision": "rate", "statement": f"The agent needs many steps, kind {place}.", "affected_sql": sql}


def after_all_traces() -> datetime:
    """The present of the analysis."""
    return datetime(2027, 1, 1, tzinfo=UTC)


def _analyse(database: Path, experiment: str, server: ScriptedModel) -> None:
    settings = Settings.model_validate(
        {
            "tracking_uri": f"sqlite:///{database}",
            "experiment": experiment,
            "cache": database.parent / "cache",
            "report": database.parent / "report.md",
            "model": "scripted",
        }
    )
    environ = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "k"}
    tracking, stop = connect(settings.tracking_uri or ""), StopSignal()
    model = configured_model(settings, environ, check_stop=stop.check, tracking=tracking)
    assert model is not None
    with make_display("plain", sys.stderr) as display:
        analyst = LanguageAnalyst(StatisticalAnalyst({}), model, display, sample=settings.read_sample)
        run_session(settings, display=display, human=PolicyHuman(), stop=stop, now=after_all_traces, analyst=analyst)


def _print(server: ScriptedModel) -> None:
    lengths: dict[str, list[int]] = {}
    for request in server.requests:
        lengths.setdefault(request.form, []).append(len(request.text) // 4)
    print("| question | asked | prompt tokens, mean | most |\n|---|---|---|---|")
    lengths["all"] = [length for each in lengths.values() for length in each]
    for form, each in lengths.items():
        print(f"| {form} | {len(each)} | {sum(each) // len(each):,} | {max(each):,} |")
    asked = Counter(len(ASKED.findall(request.user)) for request in server.requests if request.form == "Judgements")
    print(f"questions a judgement: {', '.join(f'{questions} in {calls}' for questions, calls in sorted(asked.items()))}")


if __name__ == "__main__":
    main()
