"""An analysis with a language model that is killed twice by the server it asks, and gone on with.

A program, because only a process without threads may fork: `python killed_reader.py URI ADDRESS` runs it three times, each in a
process of its own whose id it writes beside the store, and prints the exit codes.
"""

import gc
import importlib
import json
import os
import sys

from analyze_experiment.agent.analysts.language import LanguageAnalyst
from analyze_experiment.agent.model.configured import configured_model
from analyze_experiment.agent.settings import Settings
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, folder_of, memory_of
from analyze_experiment.tests.quick_stores import quicken_stores
from analyze_experiment.tests.tools.insights.crashes import in_child
from analyze_experiment.tools.insights.models import HypothesisDraft
from analyze_experiment.tools.traces import workers
from analyze_experiment.tools.tracking import connect

PARALLEL = 3
STATED = HypothesisDraft(statement="It promises refunds.", testing_plan="As it says.", source="user", kind="quality")
"""In words: its plan is written while hypotheses are tested."""


def run(uri: str, address: str) -> None:
    """The analysis, from its beginning or from where it was killed."""
    folder_of(uri).joinpath("pid").write_text(str(os.getpid()), encoding="utf-8")
    begun = memory_of(uri).list_analyses("1")
    resume = begun[0].run_id if begun else None
    settings = Settings(model="small", model_parallel=PARALLEL, cache=folder_of(uri) / "cache")
    environ = {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "k"}
    model = configured_model(settings, environ, check_stop=lambda: None, tracking=connect(uri))
    assert model is not None
    watcher = Watcher()
    analyst = LanguageAnalyst(GivenAnalyst([STATED]), model, watcher, sample=0)
    analyse(uri, analyst=analyst, watcher=watcher, model="small", model_parallel=PARALLEL, resume=resume)


def main() -> None:
    """Prints the exit codes as JSON."""
    uri, address = sys.argv[1:]
    quicken_stores()
    for name in ("alembic.command", "matplotlib.figure", "matplotlib.backends.backend_svg", "langchain_openai"):
        importlib.import_module(name)  # once, not in each of the processes that are forked
    workers.WORKERS = 1
    gc.freeze()
    sys.stdout.write(json.dumps([in_child(lambda: run(uri, address)) for _ in range(3)]))


if __name__ == "__main__":
    main()
