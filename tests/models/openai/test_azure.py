"""AzureChatOpenAI over real HTTP: where requests go, and with which credentials."""

import asyncio

import openai
import pytest

from tests.chat_server import ChatServer
from workbench import AzureChatOpenAI, AzureOpenAI, AzureOpenAIEmbeddings, init_chat_model, init_embeddings
from workbench.errors import ModelError

VERSION = "2024-10-21"
PATH = f"/openai/deployments/gpt/chat/completions?api-version={VERSION}"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_API_VERSION", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def azure(server, **options):
    endpoint = server.base_url.removesuffix("/v1")
    return AzureChatOpenAI(
        **{"azure_endpoint": endpoint, "azure_deployment": "gpt", "api_version": VERSION, **options}
    )


def test_requests_go_to_the_deployment_with_the_key(run_chain):
    with ChatServer() as server:
        assert run_chain(azure(server, api_key="secret"), "hi").content == "Hello world"
        assert server.paths == [PATH]
        assert server.headers[0]["api-key"] == "secret"


def test_everything_can_come_from_the_environment(run_chain, monkeypatch):
    with ChatServer() as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.base_url.removesuffix("/v1"))
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")
        monkeypatch.setenv("OPENAI_API_VERSION", VERSION)
        run_chain(init_chat_model("azure_openai:gpt"), "hi")
        assert server.paths == [PATH]
        assert server.headers[0]["api-key"] == "secret"


def test_a_token_or_what_provides_one_goes_into_the_request(run_chain):
    with ChatServer() as server:
        run_chain(azure(server, azure_ad_token="token1"), "hi")
        run_chain(azure(server, azure_ad_token_provider=lambda: "token2"), "hi")
        sent = [headers["authorization"] for headers in server.headers]
    assert sent == ["Bearer token1", "Bearer token2"]


def test_an_asynchronous_provider_serves_the_asynchronous_forms_only():
    async def provide():
        return "token"

    with ChatServer() as server:
        model = azure(server, azure_ad_token_provider=provide)
        assert asyncio.run(model.ainvoke("hi")).content == "Hello world"
        assert server.headers[0]["authorization"] == "Bearer token"
        with pytest.raises(TypeError, match="azure_ad_token_provider is asynchronous: call ainvoke"):
            model.invoke("hi")


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("azure_endpoint", "AZURE_OPENAI_ENDPOINT"),
        ("azure_deployment", "which model"),
        ("api_version", "OPENAI_API_VERSION"),
        ("api_key", "AZURE_OPENAI_API_KEY"),
    ],
)
def test_what_is_missing_is_named_with_its_variable(run_chain, missing, named):
    given = {
        "azure_endpoint": "http://127.0.0.1:9",
        "azure_deployment": "gpt",
        "api_version": VERSION,
        "api_key": "k",
    }
    del given[missing]
    with pytest.raises(ModelError, match=named):
        run_chain(AzureChatOpenAI(**given), "hi")


def test_a_wrong_key_says_where_it_came_from_and_no_secret_is_shown(run_chain):
    with ChatServer(fail_with=(401, "Access denied")) as server:
        model = azure(server, azure_ad_token="secret-token")
        with pytest.raises(openai.AuthenticationError, match="Access denied") as caught:
            run_chain(model, "hi")
    notes = " ".join(caught.value.__notes__)
    assert "given as azure_ad_token" in notes
    assert "secret-token" not in notes + repr(model)


def test_texts_and_embeddings_are_deployed_there_too(run_chain):
    with ChatServer() as server:
        place = {
            "azure_endpoint": server.base_url.removesuffix("/v1"),
            "api_version": VERSION,
            "api_key": "k",
        }
        assert run_chain(AzureOpenAI(azure_deployment="gpt", **place), "hi") == "Hello world"
        assert len(AzureOpenAIEmbeddings(azure_deployment="embed", **place).embed_query("hi")) == 32
        assert isinstance(init_embeddings("azure_openai:embed", **place), AzureOpenAIEmbeddings)
        with pytest.raises(ModelError, match="AzureOpenAI: which model"):
            run_chain(AzureOpenAI(**place), "hi")
    assert server.paths == [
        f"/openai/deployments/gpt/completions?api-version={VERSION}",
        f"/openai/deployments/embed/embeddings?api-version={VERSION}",
    ]
    assert {headers["api-key"] for headers in server.headers} == {"k"}
