"""Records our own calls to a language model as traces, in an experiment that isn't the one analysed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from ...tools.errors import StoreError
from ...tools.mlflow_calls import ask_once
from ...tools.tracking import Tracking

if TYPE_CHECKING:
    from ...tools.insights.models import Usage

ROLES = {"human": "user", "ai": "assistant"}


class CallRecorder:
    """Writes one trace a call. A trace that can't be written is left out: it is for those who look after the analyst."""

    def __init__(self, tracking: Tracking, experiment_id: str) -> None:
        """MLflow exports traces to where the process says, so that is set."""
        import mlflow

        mlflow.set_tracking_uri(tracking.uri)
        self.experiment_id = experiment_id
        self._client = tracking.client

    async def record(self, name: str, model: str, messages: Sequence[BaseMessage], said: str, usage: "Usage", error: str) -> None:
        """Records a call: what was sent, what came back, what it used."""
        sent = [{"role": ROLES.get(message.type, message.type), "content": message.text} for message in messages]
        used = [("input_tokens", usage.prompt_tokens), ("output_tokens", usage.completion_tokens), ("total_tokens", usage.tokens)]
        attributes: dict[str, Any] = {"mlflow.llm.model": model, "mlflow.chat.tokenUsage": dict(used)}

        def write() -> None:
            span = self._client.start_trace(
                name, span_type="CHAT_MODEL", inputs={"messages": sent}, attributes=attributes, experiment_id=self.experiment_id
            )
            outputs = {"role": "assistant", "content": said or error}
            self._client.end_trace(span.trace_id, outputs=outputs, status="ERROR" if error else "OK")

        with suppress(StoreError):
            await asyncio.to_thread(ask_once, f"record a call in experiment {self.experiment_id!r}", write)

    async def close(self) -> None:
        """Waits until all is written."""
        import mlflow

        await asyncio.to_thread(mlflow.flush_trace_async_logging)
