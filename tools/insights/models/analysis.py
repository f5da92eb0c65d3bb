"""An analysis: the document of its run."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from .base import Document, Part
from .spending import ModelRecord, Spend


class AnalysisStatus(StrEnum):
    """Where an analysis stands."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"
    """Given up, because going on with it led nowhere; a person may still resume it."""


class Question(Part):
    """One question that the graph asked, and what came back."""

    name: str
    answer: str
    answered_by: Literal["person", "policy", "option"]
    answered_at: datetime


class Scope(Part):
    """Which traces of an experiment a series of analyses is about; its next one goes on where its last one ended."""

    name: str = ""
    """Tells apart series about the same traces, which differ in what they look for."""
    filter: str = ""
    """The condition that its traces meet, in the Databricks dialect over `traces`; empty: all."""

    @property
    def key(self) -> str:
        """What the scope is found by: 16 hex digits."""
        return hashlib.sha256(f"{self.name}\0{self.filter}".encode()).hexdigest()[:16]


class Closing(Part):
    """One closing of the families: which hypotheses got their verdict together, at which error level."""

    batch: int
    level: float
    hypotheses: tuple[str, ...]


class Resumption(Part):
    """One time that a run without a person went on with an analysis which was left unfinished."""

    at: datetime
    steps: int
    """How many steps were done by then."""
    stopped: bool = False
    """Whether it was stopped as asked, which is no failure."""
    error: str = ""
    """Why it failed; empty too where it was killed, or did well."""


class Analysis(Document):
    """One analysis of one experiment: the document of its run."""

    run_id: str
    experiment_id: str
    name: str
    run_name: str
    description: str = ""
    agent_description: str = ""
    agent_description_by: Literal["", "analyst", "person"] = ""
    focus: tuple[str, ...] = ()
    status: AnalysisStatus = AnalysisStatus.ACTIVE
    analyst: str = "statistical"
    model: ModelRecord | None = None
    """The language model that is asked, where one is."""
    prompts: dict[str, str] = Field(default_factory=dict)
    """Version and hash of each prompt, by name."""
    spend: Spend = Spend()
    with_model: bool = False
    """Whether a language model may read traces here: a part of the error is set aside for what it flags, from the start."""
    seed: int = 0
    since: datetime | None = None
    until: datetime | None = None
    """The window of trace times that was asked for; the snapshot says what was in it."""
    scope: Scope = Scope()
    unattended: bool = False
    """Whether nobody watched, so that the next run of the scope finishes it where it was interrupted."""
    resumptions: tuple[Resumption, ...] = ()
    follows: str | None = None
    """The analysis whose window it goes on from; what that one counted is left out."""
    watermark: datetime | None = None
    """Up to where its scope is analysed once it is completed; None where it leaves a gap behind the analysis before."""
    completed_at: datetime | None = None
    progress: dict[str, datetime] = Field(default_factory=dict)
    """Per step when it was done; a step that produced nothing is done too."""
    questions: tuple[Question, ...] = ()
    closings: tuple[Closing, ...] = ()
    asked_on: int = 0
    """How often it was gone on with after its end, to ask its model what had been left out."""
    notes: tuple[str, ...] = ()
    """What a reader of the report must know: another digest found on resume, a step that was cut short, ..."""
    report_path: str | None = None

    @property
    def failures(self) -> tuple[Resumption, ...]:
        """The last resumptions in a row that came to no end and left it where it was."""
        failed: list[Resumption] = []
        for each in reversed(self.resumptions):
            if each.steps != len(self.progress):
                break
            if not each.stopped:
                failed.insert(0, each)
        return tuple(failed)

    def answer(self, question: str) -> Question | None:
        """What was answered to the question of this name, if it was."""
        return next((item for item in self.questions if item.name == question), None)
