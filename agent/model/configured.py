"""From the settings and the environment to a language model."""

from collections.abc import Callable, Mapping

from ...tools.errors import UserError
from ...tools.insights.models import Spend
from ...tools.tracking import Tracking, find_experiment
from ..settings import Settings
from .budget import Budget, Limits, Price
from .endpoint import Endpoint
from .language_model import LanguageModel
from .recorder import CallRecorder


def configured_model(
    settings: Settings, environ: Mapping[str, str], *, check_stop: Callable[[], None], tracking: Tracking
) -> LanguageModel | None:
    """The model that the settings name; None where they name none, or want the statistical analyst.

    Raises:
        UserError: the language analyst is wanted and no model is named, a key or an address is missing, or a price.
    """
    if settings.analyst == "statistical":
        return None
    if settings.model is None:
        if settings.analyst == "language":
            raise UserError(
                "The language analyst needs a model: name one with --model, and say where it answers with OPENAI_BASE_URL "
                "and OPENAI_API_KEY (docs/models.md)."
            )
        return None
    price = read_prices(settings.price).get(settings.model)
    if settings.budget_usd is not None and price is None:
        raise UserError(
            f"--budget-usd needs the price of {settings.model!r}: give it with --price {settings.model}=IN/OUT, in USD for a "
            "million tokens, or limit the tokens with --budget-tokens."
        )
    endpoint = Endpoint.from_environment(settings.model, environ, timeout_s=settings.model_timeout)
    budget = Budget(_limits(settings), price)
    return LanguageModel(
        endpoint,
        budget,
        redacts=settings.redact,
        width=settings.model_parallel,
        context_tokens=settings.context_tokens,
        check_stop=check_stop,
        recorder=_recorder(settings.trace_agent, tracking),
    )


def may_spend_more(settings: Settings, spent: Spend) -> bool:
    """Whether a model is named, and allowed more than has been spent already."""
    if settings.analyst == "statistical" or settings.model is None:
        return False
    return _limits(settings).leave_room(spent, read_prices(settings.price).get(settings.model))


def _limits(settings: Settings) -> Limits:
    return Limits(settings.budget_tokens, settings.budget_usd, settings.max_minutes)


def _recorder(experiment: str | None, tracking: Tracking) -> CallRecorder | None:
    return None if experiment is None else CallRecorder(tracking, find_experiment(tracking, experiment).experiment_id)


def read_prices(entries: tuple[str, ...]) -> dict[str, Price]:
    """The price table, by model; `MODEL=IN/OUT` or `MODEL=IN/OUT/CACHED`, as the settings have checked."""
    table: dict[str, Price] = {}
    for entry in entries:
        model, _, numbers = entry.rpartition("=")
        table[model.strip()] = Price(*(float(number) for number in numbers.split("/")))
    return table
