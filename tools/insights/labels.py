"""Labels in the memory: one document a hypothesis, with what was drawn before anybody was asked."""

from .identity import require_hypothesis_id
from .memory import Memory
from .models import HumanLabel, LabelSet
from .yaml_documents import to_yaml


class LabelMemory(Memory):
    """The verbs about a person's labels."""

    def write_draw(self, run_id: str, drawn: LabelSet) -> LabelSet:
        """Keeps what was drawn; the draw that is kept already stays, and is returned."""
        with self.files.locks.hold(run_id):
            kept = self.read_labels(run_id, drawn.hypothesis_id)
            if kept is None:
                self.files.write(run_id, _name(drawn.hypothesis_id), to_yaml(drawn))
            return kept or drawn

    def add_label(self, run_id: str, hypothesis_id: str, label: HumanLabel) -> LabelSet:
        """Keeps an answer; a later one for the same trace takes the place of the earlier."""
        with self.files.locks.hold(run_id):
            kept = self.read_labels(run_id, hypothesis_id)
            assert kept is not None, "what is answered was drawn"
            others = tuple(each for each in kept.labels if each.trace_id != label.trace_id)
            changed = kept.model_copy(update={"labels": (*others, label)})
            self.files.write(run_id, _name(hypothesis_id), to_yaml(changed))
            return changed

    def read_labels(self, run_id: str, hypothesis_id: str) -> LabelSet | None:
        """The labels of a hypothesis; None where nothing was drawn."""
        return self._read(LabelSet, run_id, _name(require_hypothesis_id(hypothesis_id)))


def _name(hypothesis_id: str) -> str:
    return f"labels_{hypothesis_id}.yaml"
