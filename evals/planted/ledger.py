"""Keeps account of what is planted while the traces are made, so that the truth can't differ from them."""

from collections import defaultdict

from .faults import DISLIKED, FAULTS, in_segment
from .lookalikes import LOOK_ALIKES
from .roles import Fault
from .rows import EXPERIMENT_ID
from .spans import Trace
from .store import EXPERIMENT
from .traffic import RUSH_START
from .truth import LookAlike, PlantedFault, Truth, Variant

CAST = {role.key for role in LOOK_ALIKES}
FROM_TRAFFIC = {
    "empty_error_field": (
        "Tool outputs with an empty error field",
        "The field is part of every output of these tools; empty means that all is well.",
        "swallowed_tool_error",
    ),
    "weekend": ("Fewer traces on weekends", "Customers write less on Saturdays and Sundays.", ""),
    "rush": (
        f"A rush on {RUSH_START:%d %B} after the newsletter",
        "More customers write in these two hours; by itself that is no fault.",
        "rate_limit_burst",
    ),
}
"""Look-alikes that aren't cast: title, why it is no fault, what it resembles."""


class Ledger:
    """Enters one trace after the other, then closes with the truth."""

    def __init__(self, variant: Variant, seed: int) -> None:
        self.variant: Variant = variant
        self.seed = seed
        self._traces = self._spans = 0
        self._affected: dict[str, list[str]] = defaultdict(list)
        self._pointed: dict[str, list[str]] = defaultdict(list)
        self._related: dict[str, list[str]] = defaultdict(list)
        self._population: dict[str, int] = defaultdict(int)

    def enter(self, trace: Trace) -> None:
        """Notes what a trace shows."""
        self._traces += 1
        self._spans += len(trace.spans)
        slot = trace.story.slot
        for fault in FAULTS if self.variant == "faulty" else ():
            self._enter_fault(fault, trace)
        if slot.role in CAST and not slot.support:
            self._affected[slot.role].append(trace.trace_id)
        for key, shows in self._from_traffic(trace).items():
            if shows:
                self._affected[key].append(trace.trace_id)

    def _enter_fault(self, fault: Fault, trace: Trace) -> None:
        story = trace.story
        self._population[fault.key] += fault.population(story)
        if fault.key in story.faults:
            self._affected[fault.key].append(trace.trace_id)
            self._pointed[fault.key] += self._pointed_spans(fault, trace)
        elif (story.slot.role == fault.key and story.slot.support) or (fault is DISLIKED and in_segment(story)):
            self._related[fault.key].append(trace.trace_id)

    def _pointed_spans(self, fault: Fault, trace: Trace) -> list[str]:
        if fault.shows_in == "steps":
            return [span.span_id for span in trace.spans if span.marked]
        return [trace.last_answer.span_id] if fault.shows_in == "answer" else []

    def _from_traffic(self, trace: Trace) -> dict[str, bool]:
        story = trace.story
        empty_field = any(
            isinstance(call.output, dict) and "error" in call.output and not call.output["error"] for call in story.turn.calls()
        )
        return {
            "empty_error_field": empty_field,
            "weekend": story.slot.weekend,
            "rush": story.slot.rush and "rate_limit_burst" not in story.faults,
        }

    def close(self) -> Truth:
        """The truth about all that was entered."""
        return Truth(
            experiment_name=EXPERIMENT,
            experiment_id=str(EXPERIMENT_ID),
            variant=self.variant,
            seed=self.seed,
            traces=self._traces,
            spans=self._spans,
            faults=tuple(self._planted(fault) for fault in FAULTS if self._affected[fault.key]),
            look_alikes=tuple(self._look_alikes()),
        )

    def _planted(self, fault: Fault) -> PlantedFault:
        return PlantedFault(
            fault_id=fault.key,
            title=fault.title,
            kind=fault.kind,
            category=fault.category,
            cause=fault.cause,
            trace_ids=tuple(sorted(self._affected[fault.key])),
            span_ids=tuple(sorted(self._pointed[fault.key])),
            population=self._population[fault.key],
            population_title=fault.population_title,
            segment=dict(fault.segment),
            related_trace_ids=tuple(sorted(self._related[fault.key])),
            related_title=fault.support_title,
        )

    def _look_alikes(self) -> list[LookAlike]:
        described = {role.key: (role.title, role.why, role.resembles) for role in LOOK_ALIKES} | FROM_TRAFFIC
        return [
            LookAlike(look_alike_id=key, title=title, why=why, resembles=resembles, trace_ids=tuple(sorted(self._affected[key])))
            for key, (title, why, resembles) in described.items()
        ]
