"""One question to an endpoint and what came back: an answer of the form asked for, or why there is none; and what it cost."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langsmith import tracing_context
from pydantic import BaseModel

from ...tools.errors import ModelError
from ...tools.insights.models import Usage
from .endpoint import Endpoint
from .methods import METHODS, BadAnswer, Method, form_in_words, read_answer, request_form

if TYPE_CHECKING:
    from openai.types.completion_usage import CompletionUsage

T = TypeVar("T", bound=BaseModel)
TOO_LONG = re.compile(
    r"context[ _](length|size|window)|(prompt|input|request)\W+(\w+\W+){0,4}too (long|large)|too many (input )?tokens",
    re.IGNORECASE,
)
"""How endpoints say that a question is too long: OpenAI and vLLM, llama.cpp, Anthropic's, gateways."""
CONTEXT = re.compile(r"context (?:length|size|window)\D{0,20}([\d,]{3,})", re.IGNORECASE)
AWAY = frozenset({408, 502, 503, 504, 529})
"""Statuses of an endpoint, or of what stands before it, that has no time now: they say nothing about the question. 500 isn't
among them, because some servers fail so on a form that they don't know."""
NOT_ANSWERED_IN_A_ROW = 3
"""Questions in a row that the endpoint fails to answer, each after the retries of the client, before it is called dead."""


class Unanswerable(Exception):
    """The endpoint refuses this question and would refuse it again: it is too long, or against its rules."""


class TooLong(Unanswerable):
    """The question and its answer have more tokens than the model can take."""

    def __init__(self, why: str, *, context_tokens: int | None) -> None:
        super().__init__(why)
        self.context_tokens = context_tokens
        """How many it can take, where the endpoint says so."""


class Unanswered(Exception):
    """The endpoint failed to answer this question: overloaded, over its time, or broken for now."""


class MethodRefused(Exception):
    """The endpoint doesn't take this way of asking for a form."""


class Meter:
    """Usage of one exchange; `billed` where the endpoint may have charged for it."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.billed = False


class Exchange:
    """Talks to one endpoint. How its model is made to answer in a form is found out by the first question."""

    def __init__(self, endpoint: Endpoint, *, method: Method | None = None) -> None:
        from openai import DefaultAsyncHttpxClient  # late, here as below: it takes long, and most analyses ask no model

        self.endpoint = endpoint
        self.method: Method | None = method
        self._http = DefaultAsyncHttpxClient()  # of our own: the one that langchain shares outlives its event loop
        self._chat = endpoint.open(self._http)
        self._first = asyncio.Lock()
        self._unanswered = 0

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def send(self, messages: Sequence[BaseMessage], answer: type[T], *, limit: int, meter: Meter) -> T:
        """The typed answer to these messages.

        Args:
            messages: The conversation.
            answer: The form of the answer.
            limit: Tokens that the output may have.
            meter: Told what it cost, whatever comes of it.

        Raises:
            BadAnswer: what came back isn't usable.
            Unanswerable, Unanswered: nothing came back.
            ModelError: nobody will answer, whatever is asked.
        """
        if self.method is None:
            async with self._first:  # what others wait for is what the first finds out
                if self.method is None:
                    return await self._find_method(messages, answer, limit, meter)
        try:
            return await self._send(self.method, messages, answer, limit, meter)
        except MethodRefused as error:
            raise Unanswerable(str(error)) from error

    async def _find_method(self, messages: Sequence[BaseMessage], answer: type[T], limit: int, meter: Meter) -> T:
        """Tries one way after the other; where none gives a usable answer, the first that gave any is kept."""
        bad: list[tuple[Method, BadAnswer]] = []
        refused: MethodRefused | None = None
        for method in METHODS:
            try:
                found = await self._send(method, messages, answer, limit, meter)
            except MethodRefused as error:
                refused = error
            except BadAnswer as error:
                bad.append((method, error))
                if error.cut_off:
                    break  # it was of no use because of its length, which another way doesn't change
            else:
                self.method = method
                return found
        if not bad:
            raise ModelError(f"{self._name} refuses every way of asking for an answer in a form: {refused}.") from refused
        self.method = bad[0][0] if not bad[0][1].cut_off else None
        raise bad[0][1]

    async def _send(self, method: Method, messages: Sequence[BaseMessage], answer: type[T], limit: int, meter: Meter) -> T:
        message = await self._message(_spelled_out(messages, form_in_words(method, answer)), method, answer, limit, meter)
        if message.response_metadata.get("finish_reason") == "length":
            raise _cut_off(limit, message.text)
        return read_answer(method, message, answer)

    async def _message(
        self, messages: Sequence[BaseMessage], method: Method, answer: type[BaseModel], limit: int, meter: Meter
    ) -> AIMessage:
        """The endpoint's message; every error of the client becomes one of ours."""
        import openai

        form = {**request_form(method, answer), **self.endpoint.parameters(limit)}
        try:
            with tracing_context(enabled=False):  # whatever the environment says, nothing goes anywhere else
                message = await self._chat.bind(**form).ainvoke(list(messages))
        except openai.LengthFinishReasonError as error:
            _book(meter, error.completion.usage)
            raise _cut_off(limit, error.completion.choices[0].message.content or "") from error
        except openai.ContentFilterFinishReasonError as error:
            meter.billed = True
            raise Unanswerable("the endpoint's content filter stopped the answer") from error
        except openai.OpenAIError as error:
            raise self._translated(error, meter) from error
        except (ValueError, TypeError, KeyError) as error:  # what langchain raises for a body that is no completion
            raise BadAnswer(f"the endpoint's reply is no chat completion ({type(error).__name__})") from error
        self._unanswered = 0
        _book_message(meter, message)
        return message

    def _translated(self, error: Exception, meter: Meter) -> Exception:
        """What an error of the client means for us."""
        import openai

        said = _one_line(error)
        if isinstance(error, openai.APITimeoutError):
            meter.billed = True  # the work may have been done
            return self._not_answered(f"no answer within {self.endpoint.timeout_s:g} s")
        if isinstance(error, openai.APIConnectionError):
            return ModelError(f"{self._name} can't be reached: check OPENAI_BASE_URL, and that it runs.")
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return ModelError(f"{self._name} refuses the key: check OPENAI_API_KEY. It says: {said}")
        if isinstance(error, openai.NotFoundError):
            return ModelError(f"{self._name} isn't there: check --model and OPENAI_BASE_URL. It says: {said}")
        if isinstance(error, openai.RateLimitError):
            return self._not_answered(f"it asks for fewer requests (429): {said}")
        if type(error).__name__ == "OpenAIContextOverflowError" or TOO_LONG.search(said):
            return TooLong(f"it is too long for this model: {said}", context_tokens=_context_in(said))
        if isinstance(error, openai.APIStatusError) and error.status_code in AWAY:
            return self._not_answered(f"the endpoint has no time for it ({error.status_code}): {said}")
        if self.method is None and isinstance(error, openai.APIStatusError):
            return MethodRefused(said)
        if isinstance(error, openai.APIStatusError) and error.status_code < 500:
            return Unanswerable(f"the endpoint refuses it ({error.status_code}): {said}")
        return self._not_answered(f"the endpoint failed: {said}")

    def _not_answered(self, why: str) -> Exception:
        self._unanswered += 1
        if self._unanswered >= NOT_ANSWERED_IN_A_ROW:
            return ModelError(f"{self._name} has not answered {self._unanswered} questions in a row, the last because {why}.")
        return Unanswered(why)

    @property
    def _name(self) -> str:
        return f"The model {self.endpoint.model!r} at {self.endpoint.address}"


def _spelled_out(messages: Sequence[BaseMessage], form: str) -> list[BaseMessage]:
    """The messages with what the first, the system's, must say of the form."""
    if not form:
        return list(messages)
    return [SystemMessage(f"{messages[0].text}{form}"), *messages[1:]]


def _cut_off(limit: int, said: str) -> BadAnswer:
    return BadAnswer(f"it was cut off after {limit:,} tokens: be shorter", said=said, cut_off=True)


def _book(meter: Meter, usage: "CompletionUsage | None") -> None:
    meter.billed = True
    if usage is not None:
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        meter.usage = meter.usage.plus(
            Usage(prompt_tokens=usage.prompt_tokens, cached_tokens=cached or 0, completion_tokens=usage.completion_tokens)
        )


def _book_message(meter: Meter, message: AIMessage) -> None:
    meter.billed = True
    if message.usage_metadata is not None:
        used = message.usage_metadata
        cached = used.get("input_token_details", {}).get("cache_read", 0) or 0
        meter.usage = meter.usage.plus(
            Usage(prompt_tokens=used["input_tokens"], cached_tokens=cached, completion_tokens=used["output_tokens"])
        )


def _context_in(said: str) -> int | None:
    """The size of the context that an endpoint names in its refusal."""
    found = CONTEXT.search(said)
    return int(found[1].replace(",", "")) if found else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
