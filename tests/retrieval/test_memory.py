"""What every vector store does, in memory and in FAISS; and the arithmetic."""

import asyncio
import math
import random
import threading

import pytest

from tests.retrieval.stores import DEGREES, Compass, Cube, texts
from workbench import FAISS, Document, InMemoryVectorStore, RunnableLambda, VectorStore
from workbench.errors import DimensionError
from workbench.retrieval.stores.vectors import cosine, diverse

ALL = list(DEGREES)


@pytest.fixture(params=[InMemoryVectorStore, FAISS])
def kind(request):
    return request.param


@pytest.fixture
def store(kind):
    metadatas = [{"degrees": DEGREES[text], "half": "east" in text} for text in ALL]
    return kind.from_texts(ALL, Compass(), metadatas, ids=ALL)


def test_the_nearest_come_first(store):
    assert texts(store.similarity_search("east", k=3)) == ["east", "nearly east", "north-east"]
    assert len(store.similarity_search("east")) == 4
    assert len(store.similarity_search("east", k=99)) == 5


def test_a_vector_can_be_searched_for(store):
    assert texts(store.similarity_search_by_vector([0.0, 2.0], k=2)) == ["north", "north-east"]
    [(document, _)] = store.similarity_search_with_score_by_vector([0.0, 1.0], k=1)
    assert document.page_content == "north"


def test_relevance_is_the_cosine_from_zero_to_one(store):
    scored = store.similarity_search_with_relevance_scores("east", k=5)
    expected = [max(0.0, math.cos(math.radians(DEGREES[text]))) for text in ALL]
    assert texts(document for document, _ in scored) == ALL
    assert [score for _, score in scored] == pytest.approx(expected, abs=1e-6)
    found = store.similarity_search_with_relevance_scores("east", k=5, score_threshold=0.7)
    assert texts(document for document, _ in found) == ALL[:3]


def test_a_filter_of_values_counts_before_the_nearest_are_taken(store):
    assert texts(store.similarity_search("east", k=1, filter={"half": False})) == ["north"]
    assert texts(store.similarity_search("east", k=5, filter={"degrees": [180, 90], "half": False})) == [
        "north",
        "west",
    ]
    assert store.similarity_search("east", filter={"no such": 1}) == []


def test_marginal_relevance_prefers_variety(store):
    assert texts(store.max_marginal_relevance_search("east", k=2, lambda_mult=1.0)) == ALL[:2]
    assert texts(store.max_marginal_relevance_search("east", k=2, lambda_mult=0.0)) == ["east", "west"]
    assert texts(store.max_marginal_relevance_search("east", k=2, fetch_k=2, lambda_mult=0.0)) == ALL[:2]
    with pytest.raises(ValueError, match="lambda_mult: expected 0 to 1, got 2"):
        store.max_marginal_relevance_search("east", lambda_mult=2)


def test_a_search_may_be_named_by_its_type(store):
    assert store.search("east", "similarity", k=1) == store.similarity_search("east", k=1)
    varied = store.max_marginal_relevance_search("east", k=2, lambda_mult=0.1)
    assert asyncio.run(store.asearch("east", search_type="mmr", k=2, lambda_mult=0.1)) == varied
    with pytest.raises(ValueError, match="search_type: expected one of similarity, mmr"):
        store.search("east", "nearest")


def test_vectors_that_are_known_are_not_made_again(kind):
    compass = Compass()
    store = kind.from_embeddings([("east", [1.0, 0.0]), ("north", [0.0, 1.0])], compass, ids=["e", "n"])
    assert compass.asked == 0
    assert texts(store.similarity_search("north-east", k=1, filter=None)) in (["east"], ["north"])
    assert texts(store.get_by_ids(["n"])) == ["north"]
    assert store.add_embeddings([("west", [-1.0, 0.0])], [{"far": True}], ids=["w"]) == ["w"]
    assert store.get_by_ids(["w"])[0].metadata == {"far": True}


def test_asynchronous_searches_give_the_same_and_embed_on_the_loop(store):
    async def main():
        assert await store.asimilarity_search("east", k=2) == store.similarity_search("east", k=2)
        assert await store.asimilarity_search_with_score("east", k=2) == store.similarity_search_with_score(
            "east", k=2
        )
        assert await store.asimilarity_search_with_relevance_scores(
            "east", score_threshold=0.9
        ) == store.similarity_search_with_relevance_scores("east", score_threshold=0.9)
        assert await store.amax_marginal_relevance_search("east", k=2) == store.max_marginal_relevance_search(
            "east", k=2
        )

    asyncio.run(main())
    assert store.embeddings.awaited == 4


def test_a_store_can_be_made_and_filled_on_an_event_loop(kind):
    async def main():
        store = await kind.afrom_texts(["east"], Compass())
        await store.aadd_texts(["west"])
        await store.aadd_documents([Document("north")])
        return store

    assert texts(asyncio.run(main()).similarity_search("west", k=2)) == ["west", "north"]


def test_added_documents_keep_their_ids_and_others_get_one(kind):
    store = kind(Compass())
    ids = store.add_documents([Document("east", id="e"), Document("west")])
    assert ids[0] == "e"
    assert texts(store.get_by_ids([ids[1], "nobody", "e"])) == ["west", "east"]
    assert store.similarity_search("east", k=1)[0].id == "e"
    assert store.add_texts([]) == []


def test_what_is_added_under_an_id_that_is_there_replaces_it(store):
    store.add_texts(["west"], ids=["east"])
    assert len(store) == 5
    assert "east" not in texts(store.similarity_search("east", k=5))


def test_deleted_documents_are_not_found(store):
    store.delete(["east", "north", "nobody"])
    assert texts(store.similarity_search("east", k=5)) == ["nearly east", "north-east", "west"]
    assert texts(store.similarity_search("west", k=1)) == ["west"]


def test_a_caller_s_documents_are_not_changed(kind):
    document = Document("east", metadata={"a": 1})
    kind.from_documents([document], Compass())
    assert document == Document("east", metadata={"a": 1})


def test_an_empty_store_finds_nothing(kind):
    assert kind(Compass()).similarity_search("east") == []


def test_a_store_of_no_texts_is_refused_with_the_way_to_make_one(kind):
    with pytest.raises(ValueError, match=rf"at least one text.*{kind.__name__}\(embedding\)"):
        kind.from_texts([], Compass())


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_cannot_be_asked_for(store, k):
    with pytest.raises(ValueError, match=f"k: expected at least 1, got {k}"):
        store.similarity_search("east", k=k)


def test_what_is_no_count_filter_or_document_is_refused_with_what_came(store):
    with pytest.raises(TypeError, match="k: expected a whole number of documents, got str: '2'"):
        store.similarity_search("east", k="2")
    with pytest.raises(TypeError, match="filter: expected a dict of metadata or a function, got int: 5"):
        store.similarity_search("east", filter=5)
    for wrong in ("east", ["east"]):
        with pytest.raises(TypeError, match=r"expected a list of Documents, .* add_texts takes texts"):
            store.add_documents(wrong)


def test_vectors_of_another_length_are_refused_with_both_lengths(store):
    with pytest.raises(DimensionError, match=r"of 2 floats .* got 3; was the store made with another"):
        store.similarity_search_by_vector([1.0, 0.0, 0.0])
    store._embedding = Cube()
    with pytest.raises(DimensionError):
        store.add_texts(["east"])
    with pytest.raises(DimensionError):
        store.similarity_search("east")
    assert len(store) == 5


def test_lists_that_do_not_match_are_refused(kind):
    with pytest.raises(ValueError, match="metadatas: expected 2, one a text, got 1"):
        kind.from_texts(["east", "west"], Compass(), [{}])
    with pytest.raises(ValueError, match="ids: expected 2, one a document, got 1"):
        kind.from_texts(["east", "west"], Compass(), ids=["a"])
    with pytest.raises(ValueError, match="ids: expected each once"):
        kind.from_texts(["east", "west"], Compass(), ids=["a", "a"])
    with pytest.raises(TypeError, match="expected a list of texts, got the text 'east'"):
        kind.from_texts("east", Compass())
    with pytest.raises(TypeError, match=f"{kind.__name__}: expected Embeddings, got str"):
        kind("east")


def test_embeddings_that_leave_out_a_text_are_found_out(kind):
    class Lossy(Compass):
        def embed_documents(self, texts):
            return super().embed_documents(texts)[1:]

    with pytest.raises(ValueError, match="Lossy gave 1 vectors for 2 texts"):
        kind.from_texts(["east", "west"], Lossy())


def test_many_threads_can_search_while_one_adds(store):
    failures = []

    def search():
        try:
            for _ in range(50):
                assert texts(store.similarity_search("east", k=1)) == ["east"]
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        store.add_texts(["west"], ids=[f"w{number % 5}"])
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store) == 10


# As a retriever


def test_a_retriever_finds_as_it_is_told_in_every_form(store, run_chain):
    assert texts(run_chain(store.as_retriever(search_kwargs={"k": 2}), "east")) == ALL[:2]
    varied = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "lambda_mult": 0.0})
    assert texts(run_chain(varied, "east")) == ["east", "west"]
    near = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.9}
    )
    assert texts(run_chain(near, "east")) == ALL[:2]


def test_arguments_of_a_call_go_over_the_retriever_s(store):
    retriever = store.as_retriever(search_kwargs={"k": 3})
    assert len(retriever.bind(k=1).invoke("east")) == 1
    assert len(retriever.invoke("east", filter={"half": False})) == 2


def test_a_retriever_s_runs_are_tagged_with_its_store_and_embeddings(store, recorder):
    chain = {"context": store.as_retriever(tags=["mine"], name="Docs")} | RunnableLambda(len)
    chain.invoke("east", {"callbacks": [recorder]})
    run = next(event.run for event in recorder.events if event.run.name == "Docs")
    assert (run.type, run.tags) == ("retriever", ["map:key:context", "mine", type(store).__name__, "Compass"])


def test_an_unknown_search_type_is_refused_with_those_there_are(store):
    with pytest.raises(ValueError, match="expected one of similarity, mmr, similarity_score_threshold"):
        store.as_retriever(search_type="magic")
    with pytest.raises(ValueError, match=r"needs search_kwargs=\{'score_threshold'"):
        store.as_retriever(search_type="similarity_score_threshold")


def test_a_retriever_can_add_documents(store):
    store.as_retriever().add_documents([Document("east", id="again")])
    assert len(store) == 6


def test_a_store_of_one_s_own_needs_only_a_search(run_chain):
    class Fixed(VectorStore):
        def __init__(self):
            """No embeddings."""

        def similarity_search(self, query, k=4, **options):
            return [Document(query)] * k

    retriever = Fixed().as_retriever(search_kwargs={"k": 2})
    assert retriever.tags == ["Fixed"]
    assert texts(run_chain(retriever, "x")) == ["x", "x"]


def test_a_filter_function_is_given_the_document_in_memory():
    store = InMemoryVectorStore.from_texts(ALL, Compass())
    found = store.similarity_search("east", k=5, filter=lambda document: "h" in document.page_content)
    assert texts(found) == ["north-east", "north"]


# The arithmetic, beside the peer's


def test_diversity_and_cosine_are_the_peer_s():
    numpy = pytest.importorskip("numpy")
    peer = pytest.importorskip("langchain_core.vectorstores.utils")
    source = random.Random(7)
    for _ in range(20):
        vectors = [[source.gauss(0, 1) for _ in range(8)] for _ in range(15)]
        query, lambda_mult = [source.gauss(0, 1) for _ in range(8)], source.random()
        theirs = peer.maximal_marginal_relevance(numpy.array(query), vectors, lambda_mult, 6)
        assert diverse(query, vectors, 6, lambda_mult) == [int(at) for at in theirs]
        similar = peer._cosine_similarity([query], vectors)[0]
        assert [cosine(query, vector) for vector in vectors] == pytest.approx(list(similar))


def test_a_vector_of_zeros_is_like_nothing():
    assert cosine([0.0, 0.0], [1.0, 0.0]) == 0.0


def test_a_dumped_store_is_the_same_when_it_is_loaded(tmp_path):
    store = InMemoryVectorStore.from_texts(ALL, Compass(), [{"n": n} for n in range(5)], ids=ALL)
    path = tmp_path / "folder" / "store.json"
    store.dump(path)
    compass = Compass()
    loaded = InMemoryVectorStore.load(path, compass)
    assert compass.asked == 0
    assert loaded.similarity_search_with_score("east") == store.similarity_search_with_score("east")
    assert loaded.get_by_ids(["west"]) == store.get_by_ids(["west"])
    for text in ("{", "[]", '{"format": 1}', '{"format": 7, "documents": []}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"store\.json: expected what InMemoryVectorStore\.dump writes"):
            InMemoryVectorStore.load(path, compass)
    with pytest.raises(TypeError, match="not JSON serializable"):
        InMemoryVectorStore.from_texts(["east"], Compass(), [{"when": object()}]).dump(path)
