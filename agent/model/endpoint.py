"""Where a language model answers: any endpoint that speaks OpenAI's chat completions, or Azure's."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...tools.errors import UserError

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI
    from openai import DefaultAsyncHttpxClient

OPENAI = "https://api.openai.com/v1"
AZURE_VERSION = "2024-10-21"
"""The version of Azure's interface that is spoken where OPENAI_API_VERSION says no other: the first with json_schema."""
TIMEOUT_S = 300.0
"""For one attempt; small models on a processor take minutes."""
RETRIES = 4
"""Attempts beyond the first, by the client library, which heeds what the server says about when."""
THINKING_TOKENS = 4000
"""What models that think first may use beyond the answer itself; OpenAI and Azure count it as output."""


@dataclass(frozen=True)
class Endpoint:
    """A model at an address."""

    model: str
    """The model's name; on Azure the deployment's."""
    base_url: str
    _: KW_ONLY
    api_key: str = field(default="", repr=False)
    azure_version: str = ""
    """Version of Azure's interface; empty where it isn't Azure."""
    timeout_s: float = TIMEOUT_S
    retries: int = RETRIES

    @classmethod
    def from_environment(cls, model: str, environ: Mapping[str, str], *, timeout_s: float = TIMEOUT_S) -> "Endpoint":
        """The endpoint that the usual variables name.

        `OPENAI_BASE_URL` and `OPENAI_API_KEY`; else `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_API_KEY` and `OPENAI_API_VERSION`.

        Raises:
            UserError: an address is none, or a key is missing.
        """
        base_url, azure = environ.get("OPENAI_BASE_URL", "").strip(), environ.get("AZURE_OPENAI_ENDPOINT", "").strip()
        if azure and not base_url:
            key = environ.get("AZURE_OPENAI_API_KEY", "").strip()
            if not key:
                raise UserError("AZURE_OPENAI_ENDPOINT is set and AZURE_OPENAI_API_KEY is not: set it, here or in an env file.")
            version = environ.get("OPENAI_API_VERSION", "").strip() or AZURE_VERSION
            address = _checked(azure, "AZURE_OPENAI_ENDPOINT")
            return cls(model, address, api_key=key, azure_version=version, timeout_s=timeout_s)
        key = environ.get("OPENAI_API_KEY", "").strip()
        if not key and not base_url:
            raise UserError(
                f"The model {model!r} needs OPENAI_API_KEY (or, for another endpoint, OPENAI_BASE_URL): set it, here or in an "
                "env file. docs/models.md has examples; --analyst statistical needs none."
            )
        # Servers of one's own seldom ask for a key, and the client insists on one.
        return cls(model, _checked(base_url or OPENAI, "OPENAI_BASE_URL"), api_key=key or "none", timeout_s=timeout_s)

    @property
    def address(self) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}".rstrip("/")

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own or Azure's: these name the limit of the output otherwise, and may think first."""
        return bool(self.azure_version) or urlsplit(self.base_url).hostname == "api.openai.com"

    def output_limit(self, answer_tokens: int) -> int:
        """The tokens that an answer of this size may take in all."""
        return answer_tokens + (THINKING_TOKENS if self.is_openai else 0)

    def parameters(self, limit: int) -> dict[str, object]:
        """The parameters of a request whose output may have `limit` tokens."""
        if self.is_openai:
            return {"max_completion_tokens": limit}
        # What others understand; temperature 0, because small models keep to a form better so, and OpenAI's newer refuse it.
        return {"temperature": 0, "extra_body": {"max_tokens": limit}}

    def open(self, http: "DefaultAsyncHttpxClient") -> "BaseChatOpenAI":
        """The client, speaking through `http`; nothing is sent yet."""
        from langchain_openai import AzureChatOpenAI, ChatOpenAI
        from pydantic import SecretStr

        if self.azure_version:
            return AzureChatOpenAI(
                azure_endpoint=self.base_url,
                azure_deployment=self.model,
                model=self.model,
                api_key=SecretStr(self.api_key),
                api_version=self.azure_version,
                timeout=self.timeout_s,
                max_retries=self.retries,
                use_responses_api=False,
                http_async_client=http,
            )
        return ChatOpenAI(
            model=self.model,
            base_url=self.base_url,
            api_key=SecretStr(self.api_key),
            timeout=self.timeout_s,
            max_retries=self.retries,
            use_responses_api=False,
            http_async_client=http,
        )


def _checked(address: str, name: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(f"{name} is {address!r}, which is no address: it begins with http:// or https://.")
    return address.rstrip("/")
