"""What the chat completes: commands, handles, what may follow them, relations and their columns, traces that were seen."""

import re
from collections.abc import Collection, Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ...tools.insights.models import Severity
from ...tools.sql.relations import RELATIONS
from .commands import COMMANDS, ISSUE_ACTIONS, SHOWN
from .handles import Handles

SQL_WORDS = ("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "count(*)")


class ChatCompleter(Completer):
    """Completes the word before the cursor."""

    def __init__(self, handles: Handles, seen: Collection[str]) -> None:
        """`seen` are the ids of traces that were shown."""
        self._handles, self._seen = handles, seen

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The completions at the cursor; none where the line is no command."""
        del complete_event
        text = document.text_before_cursor.lstrip()
        if not text.startswith("/"):
            return
        *before, word = re.split(r"\s+", text)
        for each in self._choices(before):
            if each.lower().startswith(word.lower()) and each != word:
                yield Completion(each if each == "/help" else f"{each} ", start_position=-len(word), display=each)

    def _choices(self, before: Sequence[str]) -> Sequence[str]:
        if not before:
            return [f"/{name}" for name in COMMANDS]
        spec = COMMANDS.get(before[0][1:].lower())
        match (spec.takes if spec else "", len(before)):
            case ("hypothesis", 1):
                return self._handles.known("H")
            case ("issue", 1):
                return self._handles.known("I")
            case ("issue", 2):
                return ISSUE_ACTIONS
            case ("issue", 3) if before[2] == "severity":
                return list(Severity)
            case ("shown", 1):
                return SHOWN
            case ("trace", 1):
                return sorted(self._seen)
            case ("trace", 2):
                return ("full",)
            case ("sql", _):
                columns = [column.name for relation in RELATIONS for column in relation.columns]
                return [*SQL_WORDS, *(relation.name for relation in RELATIONS), *dict.fromkeys(columns)]
            case _:
                return ()
