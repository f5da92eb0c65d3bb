"""What is sent to each kind of endpoint, over real HTTP: the address, the key, the name of the model and the limits."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

import pytest

from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel
from analyze_experiment.tests.agent.model.conftest import Desk
from analyze_experiment.tests.agent.model.test_asking import GOOD, KETCH, asked
from analyze_experiment.tests.scripted_model import Failure
from analyze_experiment.tools.errors import ModelError


@dataclass(frozen=True)
class Case:
    """An endpoint by its variables; HOST is where the server of the test is."""

    environ: Mapping[str, str]
    path: str
    _: KW_ONLY
    key: tuple[str, str]
    """The header that holds the key, and its value."""
    openai: bool = False
    """Whether it is spoken to as OpenAI's own models are."""


CASES = {
    "Azure": Case(
        {"AZURE_OPENAI_ENDPOINT": "HOST", "AZURE_OPENAI_API_KEY": "secret"},
        "/openai/deployments/boats/chat/completions?api-version=2024-10-21",
        key=("api-key", "secret"),
        openai=True,
    ),
    "Azure of another version": Case(
        {"AZURE_OPENAI_ENDPOINT": "HOST/", "AZURE_OPENAI_API_KEY": "secret", "OPENAI_API_VERSION": "2025-04-01-preview"},
        "/openai/deployments/boats/chat/completions?api-version=2025-04-01-preview",
        key=("api-key", "secret"),
        openai=True,
    ),
    "Databricks": Case(
        {"OPENAI_BASE_URL": "HOST/serving-endpoints", "OPENAI_API_KEY": "dapi-1"},
        "/serving-endpoints/chat/completions",
        key=("authorization", "Bearer dapi-1"),
    ),
    "MLflow AI Gateway": Case(
        {"OPENAI_BASE_URL": "HOST/gateway/mlflow/v1/", "OPENAI_API_KEY": ""},
        "/gateway/mlflow/v1/chat/completions",
        key=("authorization", "Bearer none"),
    ),
    "vLLM": Case(
        {"OPENAI_BASE_URL": "HOST/v1", "OPENAI_API_KEY": "token-abc"},
        "/v1/chat/completions",
        key=("authorization", "Bearer token-abc"),
    ),
    "Ollama": Case({"OPENAI_BASE_URL": "HOST/v1"}, "/v1/chat/completions", key=("authorization", "Bearer none")),
}


def endpoint_of(desk: Desk, environ: Mapping[str, str]) -> Endpoint:
    host = desk.server.url.removesuffix("/v1")
    return Endpoint.from_environment("boats", {name: value.replace("HOST", host) for name, value in environ.items()})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_request_has_the_shape_that_its_endpoint_takes(desk: Desk, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_API_VERSION", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, "what-the-client-library-must-not-take")
    desk.server.script("Boat", GOOD)
    assert asked(desk, LanguageModel(endpoint_of(desk, case.environ), Budget())) == [KETCH]
    (request,) = desk.server.requests
    header, value = case.key
    assert (request.path, request.headers[header]) == (case.path, value)
    assert request.body["model"] == "boats"
    assert request.method == "json_schema"
    limits = {"max_tokens", "max_completion_tokens", "temperature"} & request.body.keys()
    assert limits == ({"max_completion_tokens"} if case.openai else {"max_tokens", "temperature"})
    assert request.body.get("stream") is not True


def test_models_of_openai_may_think_beyond_the_length_of_the_answer(desk: Desk) -> None:
    desk.server.script("Boat", GOOD)
    asked(desk, LanguageModel(endpoint_of(desk, CASES["Azure"].environ), Budget()))
    assert desk.server.requests[0].body["max_completion_tokens"] > 1000


def test_an_azure_deployment_that_is_not_there_is_said_with_what_to_check(desk: Desk) -> None:
    desk.server.script("Boat", Failure(404, "The API deployment for this resource does not exist"))
    with pytest.raises(ModelError, match="--model.*deployment for this resource does not exist"):
        asked(desk, LanguageModel(endpoint_of(desk, CASES["Azure"].environ), Budget()))
