"""Sessions of a small experiment whose second version fails more often, and a plan of each kind over them."""

from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace
from analyze_experiment.tools.testing.execute import Execution, PlanExecutor
from analyze_experiment.tools.testing.plan import (
    Contrast,
    Count,
    Decision,
    Plan,
    QueryStep,
    Rate,
    Role,
    Shift,
    SliceAttribute,
    SliceOutcome,
    Slices,
)

TRACES, SESSIONS = 240, 60
ERRORS = "SELECT trace_id FROM traces WHERE state = 'ERROR'"
NEW = "SELECT trace_id FROM traces WHERE version = 'v2'"
TOOL = "SELECT trace_id, span_id, concat(name, ': ', error_text) AS note FROM spans WHERE error_text IS NOT NULL"


def trace(number: int) -> TinyTrace:
    """Four traces a session; version v2 fails in every second, v1 in every tenth trace, and takes half as long."""
    new = number % SESSIONS >= SESSIONS // 2
    fails = number % 2 == 0 if new else number % 10 == 0
    return TinyTrace(
        f"t{number:03}",
        state="ERROR" if fails else "OK",
        session=f"s{number % SESSIONS:02}",
        version="v2" if new else "v1",
        at_minute=number,
        duration_ms=2000 + number if new else 1000 + number,
        spans=(TinySpan("search", error="broken" if fails else ""), TinySpan("answer")),
    )


def step(role: Role, sql: str, title: str = "what is looked for") -> QueryStep:
    return QueryStep(role=role, title=title, sql=sql)


def plan_of(decision: Decision, *steps: QueryStep, population: str = "SELECT trace_id FROM traces", half: str = "all") -> Plan:
    estimand = "snapshot" if isinstance(decision, Count) else "process"
    return Plan.model_validate(
        {"estimand": estimand, "population": population, "half": half, "steps": steps, "decision": decision.model_dump()}
    )


def run(executor: PlanExecutor, plan: Plan) -> Execution:
    return executor.run(plan, owner="H1", on_step=lambda title, sql, traces: None)


COUNT = plan_of(Count(at_least=3, threshold_source="playbook"), step("affected", ERRORS))
RATE = plan_of(Rate(threshold=0.1, threshold_source="playbook"), step("affected", ERRORS))
CONTRAST = plan_of(Contrast(ratio=1.5, threshold_source="playbook"), step("exposed", NEW, "version v2"), step("affected", TOOL))
SHIFT = plan_of(
    Shift(ratio=1.2, threshold_source="playbook"),
    step("exposed", NEW, "version v2"),
    step("measure", "SELECT trace_id, execution_duration_ms AS value FROM traces", "duration"),
)
SLICES = plan_of(
    Slices(
        outcomes=(
            SliceOutcome(name="error", title="Errors", sql=ERRORS),
            SliceOutcome(
                name="slow", title="Slow", sql="SELECT trace_id, execution_duration_ms AS value FROM traces", quantile="p95"
            ),
        ),
        attributes=(SliceAttribute(name="version", title="version", sql="SELECT trace_id, version AS value FROM traces"),),
        threshold_source="playbook",
    )
)
ALL = {"count": COUNT, "rate": RATE, "contrast": CONTRAST, "shift": SHIFT, "slices": SLICES}
FAILING_NEW, FAILING_OLD = 60, 12
