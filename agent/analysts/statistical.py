"""The statistical analyst: no model, no key, no cost; the same snapshot and the same memory give the same answers."""

import asyncio
from collections.abc import Mapping, Sequence

from ...graph.ports import Estimate, Explanation, Judge, Planner, Proposal
from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Analysis, Cell, Census, Hypothesis, Issue, Noticed
from ...tools.testing.causes import CauseFinder
from ...tools.testing.playbooks import Entry
from ...tools.testing.proposals import propose_counting
from ...tools.workbench import Workbench
from .portrait import portray


class StatisticalAnalyst:
    """Describes by counting, proposes from census, slices, siblings and playbook, explains by what the spans say."""

    name = "statistical"
    judge: Judge | None = None
    planner: Planner | None = None

    def __init__(self, playbook: Mapping[str, Entry]) -> None:
        self._playbook = playbook

    async def estimate(self, bench: Workbench, analysis: Analysis) -> Estimate | None:
        """Nothing: counting is free."""
        return None

    async def close(self) -> None:
        """It holds nothing."""

    async def describe(self, bench: Workbench) -> str:
        """One paragraph from the tools, the models, the system prompt and the words that users use most."""
        return await asyncio.to_thread(portray, bench)

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """What counting can suspect; the focus of the user comes first."""
        del earlier  # matching them by fingerprint is the store's; their plans are stated by the playbook again
        proposed = await asyncio.to_thread(propose_counting, bench.sql, census, self._playbook, analysis.focus)
        return Proposal(proposed.drafts, proposed.left_out)

    async def follow_up(
        self,
        bench: Workbench,
        analysis: Analysis,
        noticed: Sequence[Noticed],
        tested: Sequence[Hypothesis],
        earlier: Sequence[Issue],
    ) -> Proposal:
        """Nothing: nobody judges for it, so nobody notes anything."""
        return Proposal(())

    async def explain(
        self, bench: Workbench, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], cell: Cell | None = None
    ) -> Explanation:
        """A message that the affected traces share, a circumstance that goes with them, or what the playbook suspects."""
        entry = self._playbook.get(hypothesis.playbook)
        suspected = entry.issue.cause if entry is not None else "Not known: counting shows where it happens, not why."
        finder = CauseFinder(bench.sql, bench.executor)
        return Explanation(await asyncio.to_thread(finder.find, hypothesis, affected, suspected=suspected, cell=cell))
