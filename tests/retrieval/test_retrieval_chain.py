"""The retrieval chain that people write first: a store, embeddings, a prompt, a model and a parser."""

from __future__ import annotations

import pytest

from tests.chat_server import ChatServer
from workbench import (
    FAISS,
    ChatOpenAI,
    ChatPromptTemplate,
    OpenAIEmbeddings,
    RunnablePassthrough,
    StrOutputParser,
    init_chat_model,
    init_embeddings,
)

TEXTS = ["bears like to eat honey", "harrison worked at kensho", "the moon is far away"]
TEMPLATE = """Answer the question based only on the following context:
{context}

Question: {question}
"""


def retrieval_chain(embeddings, model, texts=TEXTS):
    retriever = FAISS.from_texts(texts, embedding=embeddings).as_retriever(search_kwargs={"k": 1})
    return (
        {"context": retriever.with_config(run_name="Docs"), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template(TEMPLATE)
        | model.with_config(run_name="my_llm")
        | StrOutputParser()
    )


def test_it_answers_offline_with_local_embeddings_and_the_local_model(local_model, run_chain, monkeypatch):
    pytest.importorskip("wordllama")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    model = init_chat_model(local_model, temperature=0, max_tokens=30)
    answer = run_chain(retrieval_chain(init_embeddings("local"), model), "where did harrison work?")
    assert "harrison worked at kensho" in answer.lower()


def test_it_answers_through_a_server_with_the_document_that_was_found(run_chain, recorder):
    def tokens(body):
        asked = body["messages"][-1]["content"]
        return (
            ["Harrison", " worked", " at", " Kensho."]
            if "kensho" in asked and "honey" not in asked
            else ["?"]
        )

    with ChatServer(tokens) as server:
        place = {"base_url": server.base_url, "api_key": "k"}
        chain = retrieval_chain(OpenAIEmbeddings(**place), ChatOpenAI(model="m", **place))
        assert (
            run_chain(chain, "where did harrison work?", {"callbacks": [recorder]})
            == "Harrison worked at Kensho."
        )
    assert server.paths == ["/v1/embeddings"] * 2 + ["/v1/chat/completions"]
    types = {event.run.name: event.run.type for event in recorder.events}
    assert types["Docs"] == "retriever"
    assert types["my_llm"] == "chat_model"
    assert recorder.unended() == []


HOSTILE = [
    "{question.__class__.__init__.__globals__} {0} {context} {{x}}",
    "<script>window.__pwned = 1</script><img src=x onerror=window.__pwned=1>",
    "{{ ''.__class__.__mro__ }} {% for x in range(9) %}{{ x }}{% endfor %}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_document_and_a_question_are_data_whatever_they_say(run_chain, text):
    with ChatServer() as server:
        place = {"base_url": server.base_url, "api_key": "k"}
        chain = retrieval_chain(OpenAIEmbeddings(**place), ChatOpenAI(model="m", **place), texts=[text])
        run_chain(chain, text)
        (sent,) = server.requests[-1]["messages"]
    assert f"Question: {text}\n" in sent["content"]
    assert repr(text)[1:-1] in sent["content"]  # the document, in the list that the retriever gave
