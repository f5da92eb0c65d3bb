"""One of several hosts that begin at the same moment: takes each experiment that it is named on stdin, and says how that went.

A program: `python racing_hosts.py URI` prints `ready`, and per line of stdin `held` or `locked`.
"""

import sys
from datetime import UTC, datetime

from analyze_experiment.tools.errors import AnalysisLocked
from analyze_experiment.tools.insights.lease import ExperimentClaim
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def main() -> None:
    """Takes one experiment after another."""
    store = InsightStore(connect(sys.argv[1]))
    store.tracking.client.search_experiments(max_results=1)  # what is loaded late, so that the hosts are about as fast
    _say("ready")
    for line in sys.stdin:
        claim = ExperimentClaim(store, now=lambda: datetime.now(UTC), on_lost=lambda: None)
        try:
            claim.take(line.strip(), create=True)
        except AnalysisLocked:
            _say("locked")
        else:
            _say("held")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
