"""init_chat_model: which class, model and address a name stands for, and models that each call chooses."""

import asyncio

import pytest

from tests.chat_server import ChatServer
from workbench import (
    AzureChatOpenAI,
    ChatLocal,
    ChatOpenAI,
    ChatPromptTemplate,
    StrOutputParser,
    init_chat_model,
    init_embeddings,
)
from workbench.models import factory


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(factory, "_said", set())


def test_a_name_says_the_provider_and_the_model():
    openai = init_chat_model("openai:gpt-4o", temperature=0)
    assert (type(openai), openai.model, openai.temperature) == (ChatOpenAI, "gpt-4o", 0)
    ollama = init_chat_model("ollama:llama3.2:3b")
    assert (ollama.model, ollama.base_url) == ("llama3.2:3b", "http://localhost:11434/v1")
    assert type(init_chat_model("local:smollm2")) is ChatLocal
    azure = init_chat_model("azure_openai:my-deployment", azure_endpoint="https://x.openai.azure.com")
    assert (type(azure), azure.model) == (AzureChatOpenAI, "my-deployment")
    assert init_chat_model("gpt-4o", model_provider="openai").model == "gpt-4o"


def test_a_name_alone_is_a_local_model_s_or_openai_s():
    assert type(init_chat_model("smollm2")) is ChatLocal
    assert type(init_chat_model("gpt-4o")) is ChatOpenAI


def test_a_provider_alone_has_its_usual_model():
    assert type(init_chat_model("local")) is ChatLocal
    assert init_chat_model("openai", api_key="x").model == ChatOpenAI(api_key="x").model
    with pytest.raises(ValueError, match='after "ollama:"'):
        init_chat_model("ollama")
    with pytest.raises(ValueError, match="unknown provider 'magic'"):
        init_chat_model("magic:")


@pytest.mark.parametrize("name", ["any-model", "org/any-model:7b", "smollm2"])
def test_an_address_is_enough_whatever_the_model_is_called(run_chain, name):
    with ChatServer() as server:
        model = init_chat_model(name, base_url=server.base_url)
        assert run_chain(model, "hi").content == "Hello world"
        assert server.requests[0]["model"] == name


def test_an_address_without_a_model_asks_for_its_name():
    with pytest.raises(ValueError, match=r"which model at http://localhost:1/v1\? Give its name first"):
        init_chat_model(base_url="http://localhost:1/v1")


def test_the_environment_chooses_the_default_and_no_password_is_said(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:secret@localhost:1/v1")
    monkeypatch.setenv("OPENAI_MODEL", "m")
    assert init_chat_model().model == "m"
    said = capsys.readouterr().err
    assert "using m at http://localhost:1/v1" in said
    assert "secret" not in said


def test_without_anything_the_local_model_is_taken_and_said_once(capsys):
    assert type(init_chat_model()) is ChatLocal
    init_chat_model()
    assert capsys.readouterr().err.count("using the local model smollm2") == 1


def test_an_unknown_provider_lists_those_there_are():
    with pytest.raises(
        ValueError, match=r"unknown provider 'mars' .*local, openai, ollama, azure_openai.*base_url"
    ):
        init_chat_model("mars:rover")
    with pytest.raises(ValueError, match="unknown local model 'big'"):
        init_chat_model("local:big")
    with pytest.raises(ValueError, match='expected a model after "ollama:"'):
        init_chat_model("ollama:")
    with pytest.raises(TypeError, match="expected a name such as"):
        init_chat_model(7)
    with pytest.raises(ValueError, match="unknown embeddings"):
        init_embeddings("mars:rover")


def test_a_call_may_choose_the_model_and_its_options(run_chain):
    with ChatServer() as server:
        model = init_chat_model(
            "first",
            base_url=server.base_url,
            temperature=0,
            configurable_fields=("model", "temperature"),
            config_prefix="llm",
        )
        chain = ChatPromptTemplate.from_template("{t}") | model | StrOutputParser()
        run_chain(chain, {"t": "hi"})
        chosen = {"llm_model": "second", "llm_temperature": 1, "llm_seed": 3, "model": "not this"}
        run_chain(chain, {"t": "hi"}, {"configurable": chosen})
    assert [(sent["model"], sent["temperature"]) for sent in server.requests] == [("first", 0), ("second", 1)]
    assert "seed" not in server.requests[1]


def test_any_option_may_be_chosen_if_that_is_asked_for(run_chain):
    with ChatServer() as server:
        model = init_chat_model("m", base_url=server.base_url, configurable_fields="any")
        run_chain(model, "hi", {"configurable": {"seed": 3, "session_id": "of another step"}})
    assert server.requests[0]["seed"] == 3


def test_a_chosen_model_may_be_of_another_class():
    model = init_chat_model("openai:gpt-4o", configurable_fields=["model"])
    assert type(model.default) is ChatOpenAI
    assert type(model.prepare({"configurable": {"model": "local:smollm2"}})[0]) is ChatLocal


def test_what_is_bound_is_bound_to_whichever_model_runs():
    with ChatServer() as server:
        model = init_chat_model("a", base_url=server.base_url, configurable_fields=["model"])
        stopping = model.bind(stop=["x"])
        stopping.invoke("hi", {"configurable": {"model": "b"}})
        asyncio.run(stopping.ainvoke("hi"))
    assert [(sent["model"], sent["stop"]) for sent in server.requests] == [("b", ["x"]), ("a", ["x"])]


def test_its_configurable_values_are_listed_and_no_key_is_shown():
    model = init_chat_model("m", api_key="sk-secret", configurable_fields=["model"], config_prefix="llm")
    assert [(spec.id, spec.default) for spec in model.config_specs] == [("llm_model", "m")]
    assert "sk-secret" not in repr(model)


def test_configurable_fields_are_a_list():
    with pytest.raises(TypeError, match='expected a list of names, or "any"'):
        init_chat_model("m", configurable_fields="model")
    with pytest.raises(ValueError, match="config_prefix needs configurable_fields"):
        init_chat_model("m", config_prefix="llm")
