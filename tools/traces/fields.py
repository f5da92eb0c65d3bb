"""Fields of traces by path, as MLflow's own command line has them: `info.trace_id`, `data.spans.*.name`."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UserError


def split_fields(text: str) -> list[str]:
    """The paths of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def need_spans(paths: Sequence[str]) -> bool:
    """Whether a path leads beyond what a trace says of itself."""
    return any(not path.startswith("info") for path in paths)


def pick_fields(documents: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[dict[str, Any]]:
    """Each document cut down to the fields, which keep their places in it.

    Raises:
        UserError: no document has one of the fields.
    """
    from mlflow.utils.jsonpath_utils import filter_json_by_fields

    for path in paths:
        require_field(documents, path)
    return [filter_json_by_fields(dict(document), list(paths)) for document in documents]


def field_values(document: Mapping[str, Any], path: str) -> list[Any]:
    """What stands at a path; several values where it has a `*`."""
    from mlflow.utils.jsonpath_utils import jsonpath_extract_values

    return jsonpath_extract_values(dict(document), path)


def require_field(documents: Sequence[Mapping[str, Any]], path: str) -> None:
    """Passes a path that some document has, or that may lead to nothing because it has a `*`.

    Raises:
        UserError: none has it; near ones are named.
    """
    from mlflow.utils.jsonpath_utils import get_available_field_suggestions

    if not documents or "*" in path or any(field_values(document, path) for document in documents):
        return
    known = sorted({field for document in documents for field in get_available_field_suggestions(dict(document))})
    near = difflib.get_close_matches(path.replace("`", ""), known, n=3, cutoff=0.5) or [each for each in known if "." in each][:8]
    raise UserError(
        f"No trace has a field {path!r}. Near: {', '.join(near)}. "
        "A name with dots stands in backticks, as in info.tags.`mlflow.traceName`."
    )
