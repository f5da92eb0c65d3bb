"""The language model: one typed answer a question, within a budget, kept so that nothing is paid for twice."""

from .budget import Budget, Limits, Price
from .endpoint import Endpoint
from .language_model import GivenUp, LanguageModel

__all__ = ["Budget", "Endpoint", "GivenUp", "LanguageModel", "Limits", "Price"]
