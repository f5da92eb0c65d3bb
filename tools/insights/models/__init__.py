"""The documents of the memory: what an analysis writes into MLflow as YAML, and what it reads back.

Every document is closed to unknown keys. Times are UTC; durations end in `_ms`; shares are fractions. Those that are changed
after they were made carry `rev`, which counts the changes, and `ops`, the keys of the operations already applied, so that a step
that is carried out again changes nothing.
"""

from .analysis import Analysis, AnalysisStatus, Closing, Question, Resumption, Scope
from .base import EVIDENCE_LIMIT, Document, Evidence, Interval, Kind, Part, Polarity, Severity, Unit
from .counted import Bucket, Census, Links, QueryRecord, SnapshotRecord
from .hypothesis import Anchor, Hypothesis, HypothesisDraft, HypothesisSource, Proposals
from .issue import Aspect, Cause, Consequences, Endings, Fingerprint, Issue, IssueDraft, IssueStatus, Mirrored, Onset
from .labels import Correction, Drawing, DrawnTrace, HumanLabel, LabelSet
from .reading import Consequence, Judgement, Noticed, Refusal, Refusals, TraceReading
from .spending import AnswerRecord, ModelRecord, Spend, Usage
from .tested import Agreement, Arm, Cell, HypothesisStatus, InOrder, ReadOn, Reads, TestResult, Verdict
from .trend import Standing, TrendPoint

__all__ = [
    "Agreement",
    "Analysis",
    "AnalysisStatus",
    "Anchor",
    "AnswerRecord",
    "Arm",
    "Aspect",
    "Bucket",
    "Cause",
    "Cell",
    "Census",
    "Closing",
    "Consequence",
    "Consequences",
    "Endings",
    "Correction",
    "Document",
    "Drawing",
    "DrawnTrace",
    "EVIDENCE_LIMIT",
    "Evidence",
    "Fingerprint",
    "HumanLabel",
    "Hypothesis",
    "HypothesisDraft",
    "HypothesisSource",
    "HypothesisStatus",
    "InOrder",
    "Interval",
    "Issue",
    "IssueDraft",
    "IssueStatus",
    "Judgement",
    "Kind",
    "LabelSet",
    "Links",
    "Mirrored",
    "ModelRecord",
    "Noticed",
    "Onset",
    "Part",
    "Polarity",
    "Proposals",
    "QueryRecord",
    "Question",
    "ReadOn",
    "Reads",
    "Refusal",
    "Refusals",
    "Resumption",
    "Scope",
    "Severity",
    "SnapshotRecord",
    "Spend",
    "Standing",
    "TestResult",
    "TrendPoint",
    "TraceReading",
    "Unit",
    "Usage",
    "Verdict",
]
