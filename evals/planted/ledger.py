"""Keeps account of what is planted while the traces are made, so that the truth can't differ from them."""

from collections import defaultdict

from .agents import Agent
from .clusters import Clusters
from .conditions import Conditions
from .facts import FactBook
from .faults import Fault
from .rows import EXPERIMENT_ID
from .spans import Trace
from .truth import LookAlike, PlantedFault, Truth


class Ledger:
    """Enters one trace after the other, then closes with the truth."""

    def __init__(self, agent: Agent, conditions: Conditions) -> None:
        self.agent = agent
        self.conditions = conditions
        self._traces = self._spans = 0
        self._facts = FactBook()
        self._faults = agent.faults(conditions)
        self._clusters = Clusters()
        self._outcomes: dict[str, dict[str, bool]] = {"error": {}, "feedback": {}}
        self._affected: dict[str, list[str]] = defaultdict(list)
        self._pointed: dict[str, list[str]] = defaultdict(list)
        self._related: dict[str, list[str]] = defaultdict(list)
        self._possible: dict[str, list[str]] = defaultdict(list)
        self._failing_calls: dict[str, int] = defaultdict(int)
        self._calls: dict[str, int] = defaultdict(int)

    def enter(self, trace: Trace) -> None:
        """Notes what a trace shows."""
        self._traces += 1
        self._spans += len(trace.spans)
        self._facts.enter(trace)
        self._clusters.enter(trace)
        for fault in self._faults:
            self._enter_fault(fault, trace)
        self._outcomes["error"][trace.trace_id] = trace.root.failure is not None
        if trace.story.feedback:
            self._outcomes["feedback"][trace.trace_id] = not trace.story.feedback.up
        for key in trace.story.look_alikes:
            self._affected[key].append(trace.trace_id)

    def _enter_fault(self, fault: Fault, trace: Trace) -> None:
        story = trace.story
        if fault.population(story):
            self._possible[fault.key].append(trace.trace_id)
        if fault.key in story.faults:
            if fault.claims_done:
                self._facts.enter_claim(trace)
            self._affected[fault.key].append(trace.trace_id)
            self._pointed[fault.key] += self._pointed_spans(fault, trace)
        elif fault.key in story.related:
            self._related[fault.key].append(trace.trace_id)
        calls = [span for span in trace.spans if span.name == fault.finding.tool]
        self._calls[fault.key] += len(calls)
        self._failing_calls[fault.key] += sum(span.marked for span in calls) if fault.key in story.faults else 0

    def _pointed_spans(self, fault: Fault, trace: Trace) -> list[str]:
        if fault.shows_in == "steps":
            return [span.span_id for span in trace.spans if span.marked]
        return [trace.last_answer.span_id] if fault.shows_in == "answer" else []

    def close(self) -> Truth:
        """The truth about all that was entered."""
        conditions = self.conditions
        return Truth(
            agent=self.agent.profile.name,
            experiment_name=self.agent.profile.experiment,
            experiment_id=str(EXPERIMENT_ID),
            variant=conditions.variant,
            seed=conditions.seed,
            traces=self._traces,
            spans=self._spans,
            faults=tuple(self._planted(fault) for fault in self._faults if self._affected[fault.key]),
            look_alikes=tuple(
                LookAlike(
                    look_alike_id=item.key,
                    title=item.title,
                    why=item.why,
                    resembles=item.resembles,
                    trace_ids=tuple(sorted(self._affected[item.key])),
                )
                for item in self.agent.look_alikes
            ),
            facts=tuple(self._facts.true_facts()),
            icc=conditions.icc,
            clusters=self._clusters.close(),
        )

    def _rest(self, fault: Fault) -> dict[str, bool]:
        if fault.finding.way != "slices":
            return {}
        possible = set(self._possible[fault.key])
        return {key: had for key, had in self._outcomes[fault.finding.outcome].items() if key not in possible}

    def _planted(self, fault: Fault) -> PlantedFault:
        finding, key = fault.finding, fault.key
        calls, affected = self._calls[key], self._affected[key]
        rest = self._rest(fault)
        return PlantedFault(
            fault_id=key,
            title=fault.title,
            kind=fault.kind,
            category=fault.category,
            cause=fault.cause,
            trace_ids=tuple(sorted(affected)),
            span_ids=tuple(sorted(self._pointed[key])),
            possible_ids=tuple(sorted(self._possible[key])),
            population_title=fault.population_title,
            segment=dict(fault.segment),
            related_trace_ids=tuple(sorted(self._related[key])),
            related_title=fault.support_title,
            way=finding.way,
            entry=finding.entry,
            threshold=finding.threshold,
            of_all=finding.of_all,
            tool=finding.tool,
            share=self._failing_calls[key] / calls if calls else len(affected) / max(1, len(self._possible[key])),
            process_rate=fault.rate,
            mechanism=fault.mechanism,
            rest_ids=tuple(sorted(rest)),
            rest_rate=sum(rest.values()) / len(rest) if rest else 0.0,
        )
