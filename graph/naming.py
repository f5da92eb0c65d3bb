"""How an analysis is named, by its focus (workflow 2.1.6)."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class AnalysisName(NamedTuple):
    """The run's name, of three or four words at most, and the full one."""

    run_name: str
    name: str


THEMES = (
    (r"error|fail|exception|crash|bug", "Error Investigation", "Error Pattern Analysis - {agent}"),
    (r"laten|slow|perform|speed|timeout|duration", "Latency Analysis", "Latency Investigation - {agent}"),
    (r"quality|wrong|halluc|incorrect|answer|verbos", "Quality Review", "Response Quality Analysis - {agent}"),
)
"""Words of a focus, and the names that the workflow gives such an analysis."""


def provisional_name(experiment_id: str, now: datetime) -> AnalysisName:
    """The name before the focus is known: that of a general analysis."""
    return AnalysisName("Full Analysis", f"Experiment {experiment_id} Comprehensive Analysis - {now:%Y-%m-%d}")


def name_analysis(experiment_id: str, agent: str, focus: Sequence[str], began: datetime) -> AnalysisName:
    """The name for this focus."""
    if not focus:
        return provisional_name(experiment_id, began)
    text = " ".join(focus).lower()
    for words, run_name, name in THEMES:
        if re.search(words, text):
            return AnalysisName(run_name, name.format(agent=agent))
    short = " ".join(word.capitalize() for word in re.findall(r"\w+", focus[0])[:3])
    return AnalysisName(f"{short} Investigation", f"{focus[0][:80]} Analysis - {agent}")
