"""Why what was read occurs, sought for several issues at once: a model takes minutes for each, and none waits for another.

What is read stands by itself (`telling.py`), so it is known before anything is told that its cause will be asked for. What was
counted may be an aspect of another issue, and is explained when it is told.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from ..tools.testing.consequences import Flagged
from ..tools.testing.endings import asks_for_ending
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .ports import Explanation
from .reading import flagged_traces, is_read
from .telling import Finding


class Sought(NamedTuple):
    """What a judge flagged, and the search for its cause; None of how traces end, which other issues say."""

    flagged: Flagged
    explanation: "asyncio.Task[Explanation] | None"


@asynccontextmanager
async def seek_causes(context: Context, bench: Workbench, findings: Sequence[Finding]) -> AsyncGenerator[dict[str, Sought]]:
    """Begins to look for the causes of all that was read; by hypothesis. What nobody has taken at the end is called back."""
    sought: dict[str, Sought] = {}
    try:
        for hypothesis, _ in findings:
            if is_read(hypothesis):
                flagged = await in_thread(lambda subject=hypothesis: flagged_traces(bench, subject))
                begun = None
                if not asks_for_ending(hypothesis.plan):
                    begun = asyncio.create_task(context.analyst.explain(bench, hypothesis, flagged.traces))
                sought[hypothesis.hypothesis_id] = Sought(flagged, begun)
        yield sought
    finally:
        tasks = [each.explanation for each in sought.values() if each.explanation is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
