"""FAISS on a real index: distances, filters, files. What it shares with other stores is in test_memory."""

import json
import pickle
import subprocess
import sys

import pytest

from tests.retrieval.stores import Compass, Cube, texts
from workbench import FAISS, Document, InMemoryVectorStore
from workbench.errors import DimensionError, MissingDependencyError

DIRECTIONS = ["east", "north", "west"]


@pytest.fixture
def store():
    return FAISS.from_texts(DIRECTIONS, Compass(), [{"n": n} for n in range(3)], ids=DIRECTIONS)


@pytest.mark.parametrize(
    ("distance", "scores"),
    [("l2", [0.0, 2.0, 4.0]), ("cosine", [1.0, 0.0, -1.0]), ("inner_product", [1.0, 0.0, -1.0])],
)
def test_scores_are_the_chosen_distance(distance, scores):
    store = FAISS.from_texts(DIRECTIONS, Compass(), distance=distance)
    found = store.similarity_search_with_score("east", k=3)
    assert texts(document for document, _ in found) == DIRECTIONS
    assert [score for _, score in found] == pytest.approx(scores, abs=1e-6)


def test_an_unknown_distance_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="expected one of l2, cosine, inner_product, got 'taxicab'"):
        FAISS(Compass(), distance="taxicab")


def test_a_filter_function_is_given_the_metadata(store):
    assert texts(store.similarity_search("east", filter=lambda metadata: metadata["n"] > 0)) == DIRECTIONS[1:]


def test_a_saved_store_is_the_same_when_it_is_loaded(store, tmp_path):
    store.delete(["north"])
    store.save_local(tmp_path / "new folder")
    assert sorted(path.name for path in (tmp_path / "new folder").iterdir()) == ["index.faiss", "index.json"]
    loaded = FAISS.load_local(str(tmp_path / "new folder"), Compass())
    assert loaded.similarity_search_with_score("west") == store.similarity_search_with_score("west")
    assert loaded.get_by_ids(["east"]) == [Document("east", metadata={"n": 0}, id="east")]
    loaded.add_texts(["north"])
    assert len(loaded) == 3


def test_what_would_allow_pickles_may_be_said_and_changes_nothing(store, tmp_path):
    store.save_local(tmp_path)
    loaded = FAISS.load_local(tmp_path, Compass(), allow_dangerous_deserialization=True)
    assert len(loaded) == len(store)
    (tmp_path / "other.pkl").write_bytes(b"x")
    with pytest.raises(ValueError, match="is not read"):
        FAISS.load_local(tmp_path, Compass(), "other", allow_dangerous_deserialization=True)


def test_one_store_takes_in_another(store):
    other = FAISS.from_texts(["west", "east"], Compass(), [{"new": True}] * 2, ids=["w", "e2"])
    before = len(store)
    store.merge_from(other)
    store.merge_from(other)
    store.merge_from(FAISS(Compass()))
    assert len(store) == before + 2
    assert store.get_by_ids(["w"])[0].metadata == {"new": True}
    assert texts(store.similarity_search("west", k=2)) == ["west", "west"]
    with pytest.raises(ValueError, match="of distance 'l2', got 'cosine'"):
        store.merge_from(FAISS(Compass(), distance="cosine"))
    with pytest.raises(ValueError, match="got 'InMemoryVectorStore'"):
        store.merge_from(InMemoryVectorStore(Compass()))


def test_a_loaded_store_keeps_its_distance(tmp_path):
    FAISS.from_texts(DIRECTIONS, Compass(), distance="cosine").save_local(tmp_path, "mine")
    assert FAISS.load_local(tmp_path, Compass(), "mine").distance == "cosine"


def test_a_pickle_is_never_read(tmp_path):
    (tmp_path / "index.pkl").write_bytes(pickle.dumps("boo"))
    with pytest.raises(ValueError, match="is a pickle, which can run code and is not read"):
        FAISS.load_local(tmp_path, Compass())


def test_what_is_missing_or_damaged_is_said_with_its_path(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"index\.json"):
        FAISS.load_local(tmp_path, Compass())
    store.save_local(tmp_path)
    index, about = tmp_path / "index.faiss", tmp_path / "index.json"
    whole = json.loads(about.read_text())
    about.write_text(json.dumps({**whole, "documents": whole["documents"][1:]}))
    with pytest.raises(ValueError, match="3 vectors for 2 documents"):
        FAISS.load_local(tmp_path, Compass())
    about.write_text(json.dumps(whole))
    index.write_bytes(b"not an index")
    with pytest.raises(ValueError, match=r"index\.faiss is damaged"):
        FAISS.load_local(tmp_path, Compass())
    index.unlink()
    with pytest.raises(FileNotFoundError, match=r"index\.faiss"):
        FAISS.load_local(tmp_path, Compass())
    about.write_text("{")
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        FAISS.load_local(tmp_path, Compass())
    about.write_text("[]")
    with pytest.raises(ValueError, match=r"expected what FAISS\.save_local writes"):
        FAISS.load_local(tmp_path, Compass())


def test_metadata_that_no_file_can_hold_is_named_and_nothing_is_written(tmp_path):
    store = FAISS.from_documents([Document("east", metadata={"when": object()})], Compass())
    with pytest.raises(TypeError, match=r"metadata of Document.*east.*not JSON serializable"):
        store.save_local(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    with pytest.raises(ValueError, match="the store is empty"):
        FAISS(Compass()).save_local(tmp_path)


def test_a_store_loaded_with_other_embeddings_says_so_when_it_is_asked(store, tmp_path):
    store.save_local(tmp_path)
    with pytest.raises(DimensionError, match=r"of 2 floats .* got 3"):
        FAISS.load_local(tmp_path, Cube()).similarity_search("east")


def test_vectors_of_unequal_length_are_refused():
    class Ragged(Compass):
        def embed_documents(self, texts):
            return [[1.0] * (n + 1) for n, _ in enumerate(texts)]

    with pytest.raises(DimensionError, match=r"vectors of one length, got \[1, 2\]"):
        FAISS.from_texts(["a", "b"], Ragged())


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r'faiss-cpu: pip install "chain-workbench\[faiss\]"'):
        FAISS(Compass())


def test_the_class_can_be_had_without_the_package():
    script = "import sys; sys.modules['faiss'] = None; from workbench import FAISS; print(FAISS.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "FAISS"


@pytest.mark.parametrize("name", ["../x", "a/b", "", 3])
def test_an_index_stays_in_its_folder(store, tmp_path, name):
    folder = tmp_path / "inner"
    with pytest.raises(ValueError, match="expected the name of a file in the folder, got"):
        store.save_local(folder, name)
    with pytest.raises(ValueError, match="expected the name of a file in the folder, got"):
        FAISS.load_local(folder, Compass(), name)
    assert list(tmp_path.iterdir()) == []
