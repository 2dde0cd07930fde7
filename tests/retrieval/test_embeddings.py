"""OpenAIEmbeddings over real HTTP, and the local embeddings."""

import asyncio
import math
import subprocess
import sys

import openai
import pytest

from tests.chat_server import ChatServer, word_vector
from workbench import (
    FAISS,
    ChatOpenAI,
    InMemoryVectorStore,
    LocalEmbeddings,
    OpenAIEmbeddings,
    init_embeddings,
)
from workbench.errors import MissingDependencyError, ModelAnswerError, ModelError

KEY = "sk-a-secret-key"


def embeddings(server, **options):
    return OpenAIEmbeddings(base_url=server.base_url, api_key=KEY, **options)


def test_texts_and_questions_are_embedded():
    with ChatServer() as server:
        model = embeddings(server)
        assert model.embed_documents(["a b", "c"]) == [word_vector("a b", 32), word_vector("c", 32)]
        assert model.embed_query("a b") == word_vector("a b", 32)
        assert server.requests[0]["model"] == "text-embedding-3-small"
        assert server.requests[0]["input"] == ["a b", "c"]
        assert "dimensions" not in server.requests[0]


def test_the_asynchronous_forms_work_on_several_event_loops():
    with ChatServer() as server:
        model = embeddings(server)
        for _ in range(2):
            assert asyncio.run(model.aembed_query("a")) == word_vector("a", 32)
            assert asyncio.run(model.aembed_documents(["a", "b"])) == model.embed_documents(["a", "b"])


def test_many_texts_go_in_several_requests_and_come_back_in_order():
    texts = [f"word{n}" for n in range(7)]
    with ChatServer() as server:
        model = embeddings(server, chunk_size=3)
        assert model.embed_documents(texts) == [word_vector(text, 32) for text in texts]
        assert [len(request["input"]) for request in server.requests] == [3, 3, 1]
        assert asyncio.run(model.aembed_documents(texts)) == model.embed_documents(texts)


def test_dimensions_and_other_parameters_reach_the_server():
    with ChatServer() as server:
        model = embeddings(server, dimensions=8, model="m", model_kwargs={"encoding_format": "float"})
        assert len(model.embed_query("a")) == 8
        assert server.requests[0] == {
            "model": "m",
            "input": ["a"],
            "dimensions": 8,
            "encoding_format": "float",
        }


def test_no_texts_make_no_request():
    with ChatServer() as server:
        assert embeddings(server).embed_documents([]) == []
        assert server.requests == []


def test_what_is_no_list_of_texts_is_refused_before_anything_is_sent():
    model = OpenAIEmbeddings(api_key="x", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(TypeError, match="expected a list of texts, got the text 'a'"):
        model.embed_documents("a")
    with pytest.raises(TypeError, match="expected texts to embed, got int: 7"):
        model.embed_documents(["a", 7])


def test_the_server_s_message_reaches_the_user():
    with (
        ChatServer(fail_with=(400, "no such model")) as server,
        pytest.raises(openai.BadRequestError, match="no such model"),
    ):
        embeddings(server).embed_query("a")


def test_a_server_that_leaves_out_a_text_is_found_out(monkeypatch):
    monkeypatch.setattr("tests.chat_server._Handler._embed", lambda self, body: self._json(200, HALF))
    with ChatServer() as server, pytest.raises(ModelError, match="gave 1 embeddings for 2 texts"):
        embeddings(server, model_kwargs={"encoding_format": "float"}).embed_documents(["a", "b"])


HALF = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}


def test_the_key_is_sent_and_shown_nowhere():
    with ChatServer() as server:
        model = embeddings(server)
        model.embed_query("a")
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(model)
    assert KEY not in repr(FAISS(model).as_retriever())


def test_options_are_those_of_the_chat_model_and_unknown_ones_are_refused(monkeypatch):
    shared = {"api_key", "base_url", "organization", "timeout", "max_retries", "default_headers"}
    assert shared <= set(OpenAIEmbeddings.model_fields) & set(ChatOpenAI.model_fields)
    with pytest.raises(ValueError, match="dimension"):
        OpenAIEmbeddings(dimension=3)
    with ChatServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        OpenAIEmbeddings(timeout=5, max_retries=0, default_headers={"x-team": "bears"}).embed_query("a")
        assert server.headers[0]["x-team"] == "bears"


def test_an_answer_without_embeddings_says_so():
    with ChatServer(
        script=[lambda handler, body: handler._json(200, {"object": "list", "data": []})]
    ) as server:
        model = OpenAIEmbeddings(base_url=server.base_url, api_key="k")
        for ask in (model.embed_query, lambda text: asyncio.run(model.aembed_query(text))):
            with pytest.raises(ModelAnswerError, match=r"text-embedding-3-small.* did not answer with embed"):
                ask("a")


def test_a_search_on_an_event_loop_can_be_cancelled_in_its_request():
    async def main(server):
        store = InMemoryVectorStore(embeddings(server))
        task = asyncio.create_task(store.asimilarity_search("a"))
        while not server.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ChatServer(delay_s=0.2) as server:
        asyncio.run(main(server))


def test_local_embeddings_find_what_a_question_means():
    pytest.importorskip("wordllama")
    answers = {
        "where did harrison work?": "harrison worked at kensho",
        "what do bears eat?": "bears like honey and berries",
        "how do I bake bread?": "knead the dough and put it into the oven",
    }
    store = InMemoryVectorStore.from_texts(list(answers.values()), init_embeddings("local"))
    for question, answer in answers.items():
        assert store.similarity_search(question, k=1)[0].page_content == answer
    model = LocalEmbeddings()
    assert len(model.embed_query("a")) == 256
    assert model.embed_documents([]) == []
    with pytest.raises(TypeError, match="expected texts to embed, got int: 5"):
        model.embed_query(5)


@pytest.mark.filterwarnings("error")
def test_local_embeddings_have_no_direction_for_a_text_without_words():
    pytest.importorskip("wordllama")
    empty, bears = LocalEmbeddings().embed_documents(["", "bears"])
    assert empty == [0.0] * 256
    assert math.hypot(*bears) == pytest.approx(1.0)


def test_local_embeddings_leave_the_logging_of_the_process_alone():
    pytest.importorskip("wordllama")
    program = (
        "import logging; from workbench import init_embeddings; init_embeddings('local').embed_query('a'); "
        "root = logging.getLogger(); print(root.handlers, root.level)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] 30\n"


def test_without_wordllama_the_extra_is_named(monkeypatch):
    from workbench.models.local import embeddings as local_embeddings

    local_embeddings._model.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "wordllama", None)
    with pytest.raises(MissingDependencyError, match=r"chain-workbench\[local\]"):
        LocalEmbeddings().embed_query("a")


def test_embeddings_are_named_by_provider(monkeypatch, capsys):
    assert init_embeddings("openai:m", api_key="x").model == "m"
    assert init_embeddings("m", provider="openai", api_key="x").model == "m"
    assert init_embeddings("openai", api_key="x").model == "text-embedding-3-small"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert isinstance(init_embeddings(), LocalEmbeddings)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert isinstance(init_embeddings(), OpenAIEmbeddings)
    with pytest.raises(ValueError, match='expected "local", "openai:NAME"'):
        init_embeddings("magic:m")
