"""Documents and retrievers."""

import asyncio

import pytest

from tests.tracing.event_steps import events_of
from workbench import (
    BaseRetriever,
    DeterministicFakeEmbedding,
    Document,
    LiveState,
    RunnableLambda,
    RunnablePassthrough,
)
from workbench.tracing.encode import data


class Words(BaseRetriever):
    """The documents that have a word of the query."""

    documents: list[Document]

    def _get_relevant_documents(self, query, *, run_manager):
        words = query.split()
        return [each for each in self.documents if any(word in each.page_content for word in words)]


class Both(Words):
    async def _aget_relevant_documents(self, query):
        await asyncio.sleep(0)
        return [Document("awaited")]


DOCUMENTS = [Document("harrison worked at kensho"), Document("bears like honey", metadata={"page": 3})]


def test_a_document_shows_its_text_and_what_else_was_given():
    assert repr(DOCUMENTS[0]) == "Document(page_content='harrison worked at kensho')"
    assert repr(DOCUMENTS[1]) == "Document(page_content='bears like honey', metadata={'page': 3})"
    assert "id" not in repr(Document("x", id="1"))


def test_documents_of_the_same_content_are_equal():
    assert Document("x") == Document(page_content="x") != Document("x", metadata={"a": 1})


def test_a_document_must_be_text():
    with pytest.raises(ValueError, match="page_content"):
        Document(7)


def test_documents_do_not_share_their_metadata():
    one, other = Document("a"), Document("b")
    one.metadata["k"] = 1
    assert other.metadata == {}


def test_views_are_given_what_a_document_says():
    assert data(Document("x", metadata={"a": 1}, id="7")) == {
        "page_content": "x",
        "metadata": {"a": 1},
        "id": "7",
    }
    assert data(Document("x")) == {"page_content": "x"}


def test_a_retriever_gives_documents_in_every_form(run_chain):
    assert run_chain(Words(documents=DOCUMENTS), "honey") == DOCUMENTS[1:]


def test_a_retriever_that_can_await_does_so_on_an_event_loop(run_chain):
    expected = [Document("awaited")] if run_chain.form.startswith("a") else DOCUMENTS[1:]
    assert run_chain(Both(documents=DOCUMENTS), "honey") == expected


def test_a_retriever_says_what_it_takes_and_gives():
    retriever = Words(documents=DOCUMENTS)
    assert retriever.input_schema.schema() == {"title": "WordsInput", "type": "string"}
    schema = retriever.output_schema.schema()
    assert schema["items"] == {"$ref": "#/$defs/Document"}


def test_a_query_that_is_no_text_is_refused_with_what_came():
    with pytest.raises(TypeError, match=r"Words: expected a query as text, got dict: \{'question'"):
        Words(documents=DOCUMENTS).invoke({"question": "honey"})


def test_a_retriever_without_its_method_says_which():
    class Nothing(BaseRetriever):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define _get_relevant_documents"):
        Nothing().invoke("x")


def test_what_a_retriever_calls_with_its_run_manager_joins_its_run(recorder):
    inner = RunnableLambda(str.upper, name="inner")

    class Nested(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            assert run_manager.run.name == "Nested"
            return [Document(inner.invoke(query, {"callbacks": run_manager.get_child()}))]

    (RunnablePassthrough() | Nested()).invoke("x", {"callbacks": [recorder]})
    run = next(event.run for event in recorder.events if event.run.name == "inner")
    assert run.parent.name == "Nested"


def test_a_retriever_with_a_run_manager_works_unobserved():
    assert Words(documents=DOCUMENTS).invoke("honey") == DOCUMENTS[1:]


def test_a_failing_retriever_is_named_and_ends_its_run(recorder):
    class Broken(BaseRetriever):
        def _get_relevant_documents(self, query):
            raise OSError("no index")

    with pytest.raises(OSError, match="no index") as caught:
        (Broken() | str).invoke("x", {"callbacks": [recorder]})
    assert caught.value.__notes__ == ["in RunnableSequence > Broken"]
    assert ("error", "Broken") in recorder.kinds()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_of_a_retriever_in_a_chain(version):
    events = events_of(
        Words(documents=DOCUMENTS) | str, "honey", version=version, include_types=["retriever"]
    )
    found = {"documents": DOCUMENTS[1:]} if version == "v1" else DOCUMENTS[1:]
    assert [(event["event"], event["data"]) for event in events] == [
        ("on_retriever_start", {"input": {"query": "honey"}}),
        ("on_retriever_end", {"input": {"query": "honey"}, "output": found}),
    ]


def test_a_live_view_shows_the_documents():
    live = LiveState()
    Words(documents=DOCUMENTS).invoke("honey", {"callbacks": [live]})
    assert "bears like honey" in str(live.snapshot())


def test_the_fake_embedding_is_the_same_for_the_same_text():
    model = DeterministicFakeEmbedding(size=5)
    assert len(model.embed_query("a")) == 5
    assert model.embed_documents(["a", "b"]) == [model.embed_query("a"), model.embed_query("b")]
    assert model.embed_query("a") != model.embed_query("b")
    assert asyncio.run(model.aembed_query("a")) == model.embed_query("a")
    assert asyncio.run(model.aembed_documents(["a"])) == [model.embed_query("a")]
    with pytest.raises(ValueError, match="size: expected at least 1, got 0"):
        DeterministicFakeEmbedding(size=0)
