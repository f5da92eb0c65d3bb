"""A model's answers in the memory, as `answers/<key>.json` of the analysis run, and what they have cost."""

from pydantic import ValidationError

from ..errors import StoreError
from .analyses import AnalysisMemory
from .models import Analysis, AnswerRecord, ModelRecord, Spend

FOLDER = "answers"


class AnswerMemory(AnalysisMemory):
    """The verbs about what a language model was asked."""

    def list_answers(self, run_id: str) -> frozenset[str]:
        """The keys of all answers that are kept: one look, so that a question that is new costs no request here."""
        names = self.files.names(run_id, FOLDER)
        return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))

    def read_answer(self, run_id: str, key: str) -> AnswerRecord | None:
        """The answer that is kept under this key, if one is.

        Raises:
            StoreError: what is kept there is no answer.
        """
        text = self.files.read(run_id, _name(key))
        try:
            return None if text is None else AnswerRecord.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(f"insights/{_name(key)} of run {run_id} is no answer of this version: delete it.") from error

    def write_answer(self, run_id: str, record: AnswerRecord) -> None:
        """Keeps an answer; the same again changes nothing."""
        self.files.write(run_id, _name(record.key), record.model_dump_json(indent=1))

    def record_spend(self, run_id: str, spend: Spend) -> Analysis:
        """Keeps what was spent in all; what is kept never falls."""

        def change(current: Analysis) -> Analysis:
            return current if spend.calls < current.spend.calls else current.model_copy(update={"spend": spend})

        return self._revise_analysis(run_id, change)

    def record_model(self, run_id: str, model: ModelRecord, prompts: dict[str, str]) -> Analysis:
        """Notes which model is asked, and with which prompts."""
        return self._revise_analysis(run_id, lambda current: current.model_copy(update={"model": model, "prompts": prompts}))


def _name(key: str) -> str:
    return f"{FOLDER}/{key}.json"
