"""Asks a language model for typed answers: each once, within the budget, and kept in the memory as soon as it is there."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from ...prompts import Rendered, prompt_hashes
from ...tools.errors import Stopped, UserError
from ...tools.insights.models import AnswerRecord, ModelRecord, Usage
from ...tools.insights.store import InsightStore
from ...tools.redaction import redact
from .budget import Budget, BudgetSpent, estimate_tokens
from .endpoint import Endpoint
from .exchange import Exchange, Meter, TooLong, Unanswerable, Unanswered
from .methods import METHODS, BadAnswer, Method, strict_schema
from .recorder import CallRecorder

T = TypeVar("T", bound=BaseModel)
ATTEMPTS = 3
"""A bad answer is asked again twice, with what was wrong with it."""
MORE = 4
"""Times as many tokens an answer may have when the first was cut off."""
SMALLER = 0.8
"""Of a question that was refused for its length, what the next is cut to where the endpoint names no size that explains it."""
LEAST_CONTEXT = 1_000
"""Tokens below which no question fits, however short its traces are shown."""
HEED_S = 0.2
"""How long a stop may go unheeded, in seconds."""
SAID_CHARS = 2000
"""Of a bad answer that it is reminded of."""


@dataclass(frozen=True)
class GivenUp:
    """There is no usable answer to a question; the run goes on without."""

    why: str
    final: bool = False
    """Whether no further question will be answered either: the budget is spent."""
    passing: bool = False
    """Whether it may be answered another time: the endpoint failed for now."""


class LanguageModel:
    """A model behind an endpoint, for one analysis at a time. Used from one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        budget: Budget,
        *,
        redacts: bool = False,
        width: int = 4,
        context_tokens: int | None = None,
        check_stop: Callable[[], None] = lambda: None,
        recorder: CallRecorder | None = None,
    ) -> None:
        """Sends nothing yet.

        Args:
            endpoint: Where it answers.
            budget: What may be spent.
            redacts: Whether secrets and personal data are masked before anything is sent.
            width: Questions in flight at the same time.
            context_tokens: What a question and its answer may have together; learnt from refusals where it is None.
            check_stop: Raises `Stopped` where a stop was asked for; called while a question is in flight.
            recorder: Records each call, where that is wanted.
        """
        self.endpoint = endpoint
        self.budget = budget
        self.redacts = redacts
        self.width = width
        self.context_tokens = context_tokens
        self._check_stop = check_stop
        self._recorder = recorder
        self.declined = False
        """Whether a person has said that it is not to be asked for this analysis."""
        self._desk: _Desk | None = None

    def beside(self) -> "LanguageModel":
        """The same model for who asks beside the analysis: one budget, but what stops or ends the one leaves the other."""
        return LanguageModel(
            self.endpoint, self.budget, redacts=self.redacts, recorder=self._recorder, context_tokens=self.context_tokens
        )

    def affords(self, prompt: Rendered) -> bool:
        """Whether the budget has room for a prompt now."""
        most = Usage(
            prompt_tokens=estimate_tokens(prompt.system) + estimate_tokens(prompt.user),
            completion_tokens=self.endpoint.output_limit(prompt.max_tokens),
        )
        return self.budget.affords(most)

    async def attach(self, store: InsightStore, run_id: str) -> None:
        """Goes on with an analysis: its answers are known again, and what it has spent counts. Attaching twice is once."""
        if self._desk is None or self._desk.run_id != run_id:
            analysis = await asyncio.to_thread(store.get_analysis, run_id)
            if self._recorder is not None and self._recorder.experiment_id == analysis.experiment_id:
                raise UserError("--trace-agent names the experiment that is analysed: our own calls belong into another one.")
            answered = analysis.answer("spend")
            self.declined = answered is not None and answered.answer == "no"
            self.budget.go_on_from(run_id, analysis.spend)
            known = await asyncio.to_thread(store.list_answers, run_id)
            await self.close()
            exchange = Exchange(self.endpoint, method=self._known_method(analysis.model))
            self._desk = _Desk(store, run_id, exchange, asyncio.Semaphore(self.width), set(known))
            await self._desk.note_model()

    async def ask(self, prompt: Rendered, answer: type[T], *, purpose: str) -> T | GivenUp:
        """The model's answer to a prompt: from the memory where it is kept, else from the endpoint.

        Args:
            prompt: What is asked.
            answer: The form of the answer: a flat model with bounded strings and lists, named in the prompt's front matter.
            purpose: What it is for, in a word; the report says what was skipped by it.

        Raises:
            ModelError: nobody answers any more.
            ValueError: the prompt asks for another form.
        """
        if self._desk is None:
            raise ValueError("attach the model to an analysis first: its answers are kept there")
        if prompt.answer != answer.__name__:
            raise ValueError(f"prompt {prompt.name!r} asks for {prompt.answer}, not for {answer.__name__}")
        if self.declined:
            return GivenUp("a person has left the model out of this analysis", final=True)
        if self.redacts:
            prompt = replace(prompt, system=redact(prompt.system), user=redact(prompt.user))
        question = _Question(prompt, purpose, self._key(prompt, answer))
        async with self._desk.slots:
            if question.key in self._desk.known and (record := await self._desk.read(question.key)):
                return GivenUp(record.given_up) if record.given_up else answer.model_validate_json(record.answer)
            return await self._ask(self._desk, question, answer)

    async def close(self) -> None:
        """Ends the connections; attached again, it goes on."""
        if self._desk is not None:
            await self._desk.exchange.close()
            self._desk = None
        if self._recorder is not None:
            await self._recorder.close()

    def _known_method(self, record: ModelRecord | None) -> Method | None:
        """How this endpoint is made to answer in a form, where an earlier session found it out."""
        if record is None or (record.model, record.endpoint) != (self.endpoint.model, self.endpoint.address):
            return None
        known: dict[str, Method] = {each: each for each in METHODS}
        return known.get(record.method)

    def _key(self, prompt: Rendered, answer: type[BaseModel]) -> str:
        """What an answer is kept under: all that it depends on, except how the form is asked for."""
        about = [
            self.endpoint.model,
            self.endpoint.parameters(self.endpoint.output_limit(prompt.max_tokens)),
            prompt.system,
            prompt.user,
            strict_schema(answer),
        ]
        return hashlib.sha256(json.dumps(about, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:32]

    async def _ask(self, desk: "_Desk", question: "_Question", answer: type[T]) -> T | GivenUp:
        try:
            found = await self._until_usable(desk, question, answer)
        except TooLong as error:
            if self._learn(error, question.prompt):  # not kept: a shorter question may be put instead
                await desk.write_spend(self.budget)
                return GivenUp(str(error))
            return await self._give_up(desk, question, str(error))
        except (BadAnswer, Unanswerable) as error:
            return await self._give_up(desk, question, str(error))
        except Unanswered as error:  # not kept: it may be answered another time
            self.budget.leave_unanswered(question.purpose)
            await desk.write_spend(self.budget)
            return GivenUp(str(error), passing=True)
        except BudgetSpent as error:
            self.budget.skip(question.purpose)
            await desk.write_spend(self.budget)
            return GivenUp(str(error), final=True)
        await desk.keep(question, found, budget=self.budget, model=self.endpoint.model)
        return found

    async def _give_up(self, desk: "_Desk", question: "_Question", why: str) -> GivenUp:
        """Keeps that there is no answer, and none will come."""
        self.budget.give_up()
        await desk.keep(question, None, given_up=why, budget=self.budget, model=self.endpoint.model)
        return GivenUp(why)

    def _learn(self, error: TooLong, prompt: Rendered) -> bool:
        """Takes the context for as small as the endpoint says, or as the refusal shows; whether that is smaller than before."""
        asked = estimate_tokens(prompt.system) + estimate_tokens(prompt.user) + self.endpoint.output_limit(prompt.max_tokens)
        told = error.context_tokens or asked
        # What was thought to fit and is refused has more tokens than were estimated.
        smaller = told if asked > told else int(asked * SMALLER)
        if smaller < LEAST_CONTEXT or self.context_tokens is not None and smaller >= self.context_tokens:
            return False
        self.context_tokens = smaller
        return True

    async def _until_usable(self, desk: "_Desk", question: "_Question", answer: type[T]) -> T:
        """Asks again after a bad answer, with what was wrong with it.

        Raises:
            BadAnswer: the last one was bad too.
        """
        limit = self.endpoint.output_limit(question.prompt.max_tokens)
        messages: list[BaseMessage] = [SystemMessage(question.prompt.system), HumanMessage(question.prompt.user)]
        attempts = AsyncRetrying(stop=stop_after_attempt(ATTEMPTS), retry=retry_if_exception_type(BadAnswer), reraise=True)
        async for attempt in attempts:
            with attempt:
                question.attempts += 1
                try:
                    return await self._send(desk, question, messages, answer, limit)
                except BadAnswer as bad:
                    limit = self._longer(limit, messages[:2]) if bad.cut_off and question.attempts == 1 else limit
                    messages = [*messages[:2], *_reminder(bad)]
                    raise
        raise AssertionError("tenacity raises the last error")

    def _longer(self, limit: int, messages: Sequence[BaseMessage]) -> int:
        """What an answer may have that was cut off: several times as much, as far as there is room."""
        if self.context_tokens is None:
            return limit * MORE
        return max(limit, min(limit * MORE, self.context_tokens - sum(estimate_tokens(each.text) for each in messages)))

    async def _send(self, desk: "_Desk", question: "_Question", messages: list[BaseMessage], answer: type[T], limit: int) -> T:
        """One exchange within the budget; what it cost is in the memory before its answer is used."""
        prompt_tokens = sum(estimate_tokens(each.text) for each in messages)
        most = Usage(prompt_tokens=prompt_tokens, completion_tokens=limit)
        number, meter = await self.budget.reserve(most), Meter()
        found: T | None = None
        error = ""
        try:
            async with asyncio.timeout(self.budget.seconds_left):
                found = await self._heeding_stop(desk.exchange.send(messages, answer, limit=limit, meter=meter))
                return found
        except TimeoutError as late:
            meter.billed, self.budget.spent_up = True, "time"
            raise BudgetSpent(self.budget.in_words()) from late
        except (asyncio.CancelledError, Stopped):
            meter.billed = True
            raise
        except (BadAnswer, Unanswerable, Unanswered) as bad:
            error = str(bad)
            raise
        finally:
            # What may have been charged without our being told counts as much as it could have been.
            usage = most if meter.billed and not meter.usage.tokens else meter.usage
            question.usage = question.usage.plus(usage)
            await self.budget.settle(number, usage, billed=meter.billed)
            await desk.write_spend(self.budget)
            await desk.note_model()
            if self._recorder is not None and meter.billed:
                said = found.model_dump_json() if found is not None else ""
                await self._recorder.record(question.purpose, self.endpoint.model, messages, said, usage, error)

    async def _heeding_stop(self, exchange: Coroutine[None, None, T]) -> T:
        """The result of an exchange, unless a stop is asked for meanwhile: then it is let go."""
        task = asyncio.ensure_future(exchange)
        try:
            while not task.done():
                self._check_stop()
                await asyncio.wait({task}, timeout=HEED_S)
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})


@dataclass
class _Question:
    """A question on its way."""

    prompt: Rendered
    purpose: str
    key: str
    attempts: int = 0
    usage: Usage = Usage()


@dataclass
class _Desk:
    """Where the answers of one analysis are kept, and what is known of its endpoint."""

    store: InsightStore
    run_id: str
    exchange: Exchange
    slots: asyncio.Semaphore
    known: set[str]
    noted: ModelRecord | None = None

    async def read(self, key: str) -> AnswerRecord | None:
        return await asyncio.to_thread(self.store.read_answer, self.run_id, key)

    async def write_spend(self, budget: Budget) -> None:
        await asyncio.to_thread(self.store.record_spend, self.run_id, budget.spend)

    async def note_model(self) -> None:
        """Notes which model is asked and how, where that isn't noted yet."""
        endpoint = self.exchange.endpoint
        record = ModelRecord(model=endpoint.model, endpoint=endpoint.address, method=self.exchange.method or "")
        if record != self.noted:
            await asyncio.to_thread(self.store.record_model, self.run_id, record, prompt_hashes())
            self.noted = record

    async def keep(self, question: _Question, found: BaseModel | None, *, budget: Budget, model: str, given_up: str = "") -> None:
        """Keeps an answer, or that there is none."""
        prompt = question.prompt
        record = AnswerRecord(
            key=question.key,
            prompt=f"{prompt.name} {prompt.version}",
            template_hash=prompt.template_hash,
            purpose=question.purpose,
            model=model,
            answer=found.model_dump_json() if found is not None else "",
            given_up=given_up,
            attempts=question.attempts,
            usage=question.usage,
        )
        await asyncio.to_thread(self.store.write_answer, self.run_id, record)
        self.known.add(question.key)
        if given_up:
            await self.write_spend(budget)


def _reminder(bad: BadAnswer) -> list[BaseMessage]:
    """What the model is told after a bad answer."""
    asked = HumanMessage(f"That answer can't be used: {bad}. Answer again, in the form asked for.")
    return [AIMessage(bad.said[:SAID_CHARS]), asked] if bad.said.strip() else [asked]
