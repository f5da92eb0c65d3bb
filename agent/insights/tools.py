"""The verbs as tools of others: each function of the memory one typed function, described by its docstring."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from pydantic import BaseModel, Field, PydanticUserError, TypeAdapter

from ...tools.errors import AnalyzeError
from .opened import Insights

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

Verb = Callable[..., Any]


def verbs() -> Iterator[Verb]:
    """Every verb of this package: the public functions of the memory whose further parameters are all named."""
    package = __name__.rpartition(".")[0]
    for module in sorted(each.name for each in pkgutil.iter_modules(importlib.import_module(package).__path__) if not each.ispkg):
        found = importlib.import_module(f"{package}.{module}")
        for name, value in vars(found).items():
            if inspect.isfunction(value) and value.__module__ == found.__name__ and not name.startswith("_") and _is_verb(value):
                yield value


def as_tool(verb: Verb, insights: Callable[[], Insights], *, refused: Callable[[str], Exception]) -> Verb:
    """The verb as a function of its named parameters alone, each described; what it refuses is raised as `refused`.

    Args:
        verb: A function of the memory.
        insights: Gives the memory; called with the first use.
        refused: Makes the error that a caller of tools is to read.
    """
    text, described = _documentation(verb)

    def call(**given: Any) -> Any:
        try:
            return _plain(verb(insights(), **given))
        except AnalyzeError as error:
            raise refused(str(error)) from error

    signature = inspect.signature(verb, eval_str=True)
    parameters = [
        each.replace(annotation=Annotated[each.annotation, Field(description=described.get(each.name, ""))])
        for each in list(signature.parameters.values())[1:]
    ]
    call.__name__, call.__doc__ = verb.__name__, text
    returned = _answer(signature.return_annotation)
    # Functions may have one of their own, which is what those who make tools of functions go by.
    call.__signature__ = signature.replace(parameters=parameters, return_annotation=returned)  # type: ignore[attr-defined] - functions may have one
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": returned}
    return call


def langchain_tools(memory: Insights) -> "list[StructuredTool]":
    """The verbs as tools for agents built with LangChain; what a verb refuses comes back to the model as the tool's answer."""
    from langchain_core.tools import StructuredTool, ToolException

    functions = [as_tool(verb, lambda: memory, refused=ToolException) for verb in verbs()]
    return [StructuredTool.from_function(each, handle_tool_error=True) for each in functions]


def _is_verb(function: Verb) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    named = all(each.kind is each.KEYWORD_ONLY for each in parameters[1:])
    return bool(parameters) and parameters[0].name == "insights" and named


def _answer(annotation: Any) -> Any:
    """The type of an answer: as the verb has it, or JSON values where it holds what only this process can."""
    try:
        TypeAdapter(annotation).json_schema()
    except (PydanticUserError, NameError):
        return list[dict[str, Any]] if get_origin(annotation) is list else dict[str, Any]
    return annotation


def _plain(value: Any) -> Any:
    """JSON values under the names of the fields; what begins with an underscore is nobody's business."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude={"ops", "mirrored"})
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if not each.name.startswith("_")}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _documentation(verb: Verb) -> tuple[str, dict[str, str]]:
    """What a docstring says of the function as a whole, and of each argument."""
    text = inspect.getdoc(verb) or ""
    head, *_ = re.split(r"\n(?:Args|Returns|Raises):\n", text, maxsplit=1)
    arguments = re.search(r"\nArgs:\n(.*?)(?=\n\S|\Z)", text, re.DOTALL)
    described: dict[str, str] = {}
    name = ""
    for line in arguments[1].splitlines() if arguments else ():
        begun = re.fullmatch(r" {4}(\w+): (.*)", line)
        name = begun[1] if begun else name
        described[name] = begun[2] if begun else f"{described[name]} {line.strip()}".rstrip()
    return head.strip(), described
