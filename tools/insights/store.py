"""The insight store: the memory's one door, and the only writer of an analysis into MLflow."""

from .answers import AnswerMemory
from .feedback import FeedbackMemory
from .labels import LabelMemory
from .readings import ReadingMemory
from .records import RecordMemory
from .scopes import ScopeMemory


class InsightStore(FeedbackMemory, ScopeMemory, RecordMemory, ReadingMemory, LabelMemory, AnswerMemory):
    """Analyses, hypotheses, evidence and issues, kept in MLflow.

    Every write may be made again and changes nothing then; what the rules of the memory forbid is a `MemoryRefused` that names
    the rule. Synchronous, and safe to share between threads. The verbs stand in `parents.py`, `analyses.py`, `scopes.py`,
    `records.py`, `hypotheses.py`, `issues.py`, `readings.py`, `labels.py`, `mirror.py`, `feedback.py` and `answers.py`; the
    rules in `transitions.py` and `mirror_rules.py`.
    """
