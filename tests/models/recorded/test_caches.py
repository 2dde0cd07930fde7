"""Response caches: an answer that was paid for once comes again, marked, in every form."""

import multiprocessing
import sqlite3
import threading

import pytest

from tests.chat_server import ChatServer
from workbench import (
    LLM,
    AIMessage,
    BaseCache,
    BaseChatModel,
    CallMeter,
    ChatGeneration,
    ChatOpenAI,
    ChatResult,
    FakeChatModel,
    HumanMessage,
    InMemoryCache,
    SQLiteCache,
    StrOutputParser,
    get_llm_cache,
    set_llm_cache,
)

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}


@pytest.fixture(params=["memory", "sqlite"])
def cache(request, tmp_path):
    return InMemoryCache() if request.param == "memory" else SQLiteCache(tmp_path / "answers.db")


@pytest.fixture
def global_cache():
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


class Counting(BaseChatModel):
    """Streams a number that grows, a tool call and its usage."""

    model: str = "gpt-4o"
    temperature: float | None = None
    asked: list[int] = []

    @property
    def _identifying_params(self):
        return {"model": self.model, "temperature": self.temperature}

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(1)
        message = AIMessage(
            f"answer {len(self.asked)}",
            tool_calls=[CALL],
            usage_metadata=USAGE,
            response_metadata={"model_name": "gpt-4o"},
        )
        yield from FakeChatModel(responses=[message])._stream(messages)


def test_an_answer_comes_again_in_every_form_marked_and_with_its_usage(cache, run_chain):
    model = Counting(cache=cache)
    first = run_chain(model, "q")
    again = run_chain(model, "q")
    assert (first.content, again.content) == ("answer 1", "answer 1")
    assert len(model.asked) == 1
    assert "cached" not in first.response_metadata
    assert again.response_metadata == {"model_name": "gpt-4o", "cached": True}
    assert again.usage_metadata == USAGE
    assert again.tool_calls == [CALL]
    assert again.id != first.id


def test_a_cached_answer_streams_as_one_chunk(cache, collect):
    model = Counting(cache=cache)
    assert len(collect(model, "q")) > 1
    (chunk,) = collect(model, "q")
    assert chunk.content == "answer 1"
    assert chunk.chunk_position == "last"


def test_what_is_cached_costs_nothing(cache, run_chain):
    model = Counting(cache=cache)
    meter = CallMeter()
    for _ in range(2):
        run_chain(model, "q", {"callbacks": [meter]})
    paid, free = meter.calls
    assert (paid.cached, free.cached) == (False, True)
    assert paid.cost_usd > 0
    assert free.cost_usd == 0.0
    assert meter.total.input_tokens == 3
    assert "1 from the cache" in repr(meter)


@pytest.mark.parametrize(
    "other",
    [
        lambda model: model.invoke("another question"),
        lambda model: model.bind(stop=["."]).invoke("q"),
        lambda model: model.invoke([("system", "s"), ("human", "q")]),
        lambda model: model.model_copy(update={"temperature": 1.0}).invoke("q"),
        lambda model: model.model_copy(update={"model": "gpt-5"}).invoke("q"),
        lambda model: model.bind(tools=[{"type": "function"}]).invoke("q"),
    ],
)
def test_whatever_changes_the_answer_is_another_question(cache, other):
    model = Counting(cache=cache)
    model.invoke("q")
    assert other(model).content == "answer 2"


def test_ids_of_messages_and_names_of_runs_do_not_matter(cache):
    model = Counting(cache=cache)
    history = [HumanMessage("a", id="1"), AIMessage("b", id="run-1", usage_metadata=USAGE)]
    model.invoke(history)
    model.invoke([HumanMessage("a"), AIMessage("b", id="run-2")], {"run_name": "other", "tags": ["t"]})
    assert len(model.asked) == 1


def test_the_api_key_is_no_part_of_the_key_and_is_not_kept(tmp_path):
    cache = SQLiteCache(tmp_path / "answers.db")
    with ChatServer(["a"]) as server:
        for key in ("sk-secret-number-one", "sk-secret-number-two"):
            ChatOpenAI(model="m", base_url=server.base_url, api_key=key, cache=cache).invoke("q")
        assert len(server.requests) == 1
    cache.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"answers" in kept
    assert b"secret-number" not in kept


def test_the_same_model_at_another_address_is_another_model(tmp_path):
    cache = SQLiteCache(tmp_path / "answers.db")
    for answer in ("a", "b"):
        with ChatServer([answer]) as server:
            address = server.base_url.replace("//", "//me:pass-word-1@")
            model = ChatOpenAI(model="m", base_url=address, api_key="k", cache=cache)
            assert model.invoke("q").content == answer
    cache.close()
    assert all(b"pass-word" not in path.read_bytes() for path in tmp_path.iterdir())


def test_models_that_answer_over_http_are_cached_in_every_form(run_chain):
    with ChatServer(["a", "b"]) as server:
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key="k", cache=InMemoryCache())
        assert [run_chain(model | StrOutputParser(), "q") for _ in range(2)] == ["ab", "ab"]
        assert len(server.requests) == 1


def test_a_model_of_text_is_cached_and_its_run_says_so(cache, run_chain):
    asked = []

    class Text(LLM):
        def _call(self, prompt, stop=None, run_manager=None, **kwargs):
            asked.append(prompt)
            return f"answer {len(asked)}"

    meter = CallMeter()
    model = Text(cache=cache)
    assert [run_chain(model, "q", {"callbacks": [meter]}) for _ in range(2)] == ["answer 1", "answer 1"]
    assert [call.cached for call in meter.calls] == [False, True]


def test_the_set_cache_serves_every_model_that_does_not_refuse(global_cache, run_chain):
    assert get_llm_cache() is global_cache
    model, refusing, own = Counting(), Counting(cache=False), Counting(cache=InMemoryCache())
    for _ in range(2):
        run_chain(model, "q")
        run_chain(refusing, "q")
        run_chain(own, "q")
    assert [len(one.asked) for one in (model, refusing, own)] == [1, 2, 1]
    assert len(global_cache) == 1


def test_asking_for_a_cache_that_is_not_set_says_what_to_do(run_chain):
    with pytest.raises(ValueError, match=r"Counting\(cache=True\) needs a cache: call set_llm_cache"):
        run_chain(Counting(cache=True), "q")
    with pytest.raises(TypeError, match="expected a BaseCache or None, got str"):
        set_llm_cache("answers.db")


def test_answers_that_failed_or_were_cut_short_are_not_kept():
    cache = InMemoryCache()
    model = FakeChatModel(responses=[["so", ValueError("broken")], "a b c", "whole"], cache=cache)
    with pytest.raises(ValueError, match="broken"):
        list(model.stream("q"))
    stream = model.stream("q")
    next(stream)
    stream.close()
    assert len(cache) == 0
    assert model.invoke("q").content == "whole"
    assert len(cache) == 1


def test_all_generations_are_kept(cache):
    asked = []

    class Two(BaseChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            asked.append(1)
            return ChatResult([ChatGeneration(AIMessage("a")), ChatGeneration(AIMessage("b"))])

    model = Two(cache=cache)
    for _ in range(2):
        assert [one.text for one in model.generate([["q"]]).generations[0]] == ["a", "b"]
    assert len(asked) == 1


def test_changing_an_answer_does_not_change_the_cache(run_chain):
    model = Counting(cache=InMemoryCache())
    run_chain(model, "q")
    run_chain(model, "q").response_metadata["model_name"] = "mine"
    assert run_chain(model, "q").response_metadata["model_name"] == "gpt-4o"


def test_the_answers_used_last_are_kept():
    cache = InMemoryCache(maxsize=2)
    model = Counting(cache=cache)
    for question in ("a", "b", "a", "c", "a", "b"):
        model.invoke(question)
    assert len(model.asked) == 4  # a, b, c, and b again
    assert len(cache) == 2
    with pytest.raises(ValueError, match="maxsize: expected a whole number of 1 or more, got 0"):
        InMemoryCache(maxsize=0)


def test_a_cleared_cache_has_nothing(cache):
    model = Counting(cache=cache)
    model.invoke("q")
    cache.clear()
    assert model.invoke("q").content == "answer 2"


def test_a_cache_of_one_s_own_needs_only_lookup_update_and_clear(run_chain):
    kept = {}

    class Own(BaseCache):
        def lookup(self, prompt, llm_string):
            return kept.get((prompt, llm_string))

        def update(self, prompt, llm_string, return_val):
            kept[prompt, llm_string] = return_val

        def clear(self, **kwargs):
            kept.clear()

    model = Counting(cache=Own())
    assert [run_chain(model, "q").content for _ in range(2)] == ["answer 1", "answer 1"]
    ((prompt, llm_string),) = kept
    assert '"q"' in prompt
    assert "gpt-4o" in llm_string


# The file


def test_a_file_serves_a_process_that_comes_later(tmp_path):
    path = tmp_path / "answers.db"
    Counting(cache=SQLiteCache(path)).invoke("q")
    assert Counting(cache=SQLiteCache(path)).invoke("q").response_metadata["cached"] is True


def test_what_is_in_the_file_is_text_that_people_can_read(tmp_path):
    path = tmp_path / "answers.db"
    Counting(cache=SQLiteCache(path)).invoke("q")
    (row,) = sqlite3.connect(path).execute("SELECT prompt, model, generations FROM answers").fetchall()
    assert all(isinstance(text, str) for text in row)
    assert '"answer 1"' in row[2]


def test_many_threads_use_one_file(tmp_path):
    cache = SQLiteCache(tmp_path / "answers.db")
    model = Counting(cache=cache)
    errors = []

    def work(number):
        try:
            for question in range(20):
                assert "answer" in model.invoke(f"{number % 3} {question}").content
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    rows = sqlite3.connect(cache.path).execute("SELECT COUNT(*) FROM answers").fetchone()
    assert rows == (60,)


def _fill(path, start):
    cache = SQLiteCache(path)
    for number in range(start, start + 25):
        cache.update(f"prompt {number}", "m", [ChatGeneration(AIMessage(f"answer {number}"))])


def test_many_processes_use_one_file(tmp_path):
    path = tmp_path / "answers.db"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(path, start)) for start in (0, 25)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    cache = SQLiteCache(path)
    found = [cache.lookup(f"prompt {number}", "m") for number in range(50)]
    assert [one[0].message.content for one in found] == [f"answer {number}" for number in range(50)]


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "text.db").write_text("this is no database" * 100)
    for path in (tmp_path / "text.db", tmp_path / "no folder" / "x.db"):
        with pytest.raises(sqlite3.Error) as caught:
            Counting(cache=SQLiteCache(path)).invoke("q")
        assert any(str(path) in note for note in caught.value.__notes__)
