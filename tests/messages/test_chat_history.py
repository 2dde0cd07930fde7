"""Chat histories, and the runnable that remembers them."""

import asyncio
from collections import defaultdict

import pytest

from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseChatMessageHistory,
    ConfigurableFieldSpec,
    FakeChatModel,
    HumanMessage,
    InMemoryChatMessageHistory,
    RunnableGenerator,
    RunnableLambda,
    RunnableWithMessageHistory,
)


@pytest.fixture
def store():
    return defaultdict(InMemoryChatMessageHistory)


def session(id):
    return {"configurable": {"session_id": id}}


def texts(history):
    return [(message.type, message.text) for message in history.messages]


def count(messages):
    return f"{len(messages)} messages"


def test_a_conversation_is_remembered_by_session(run_chain, store):
    chain = RunnableWithMessageHistory(RunnableLambda(count), store.__getitem__)
    assert run_chain(chain, "hi", session("a")) == "1 messages"
    assert run_chain(chain, "again", session("a")) == "3 messages"
    assert (
        run_chain(chain, [HumanMessage(content="x"), HumanMessage(content="y")], session("b")) == "2 messages"
    )
    assert texts(store["a"]) == [
        ("human", "hi"),
        ("ai", "1 messages"),
        ("human", "again"),
        ("ai", "3 messages"),
    ]
    assert len(store["b"].messages) == 3


def test_a_dict_is_given_the_history_under_its_key(run_chain, store):
    seen = []

    def answer(given):
        seen.append((given["question"], len(given["history"]), given["other"]))
        return {"output": "fine", "more": 1}

    chain = RunnableWithMessageHistory(
        RunnableLambda(answer),
        store.__getitem__,
        input_messages_key="question",
        history_messages_key="history",
    )
    for _ in range(2):
        run_chain(chain, {"question": "how?", "other": 1}, session("a"))
    assert seen == [("how?", 0, 1), ("how?", 2, 1)]
    assert texts(store["a"])[:2] == [("human", "how?"), ("ai", "fine")]


def test_without_a_history_key_earlier_messages_come_before_the_input_s(run_chain, store):
    seen = []
    chain = RunnableWithMessageHistory(
        RunnableLambda(lambda d: seen.append([m.text for m in d["q"]]) or "a"),
        store.__getitem__,
        input_messages_key="q",
    )
    for _ in range(2):
        run_chain(chain, {"q": "x", "k": 1}, session("a"))
    assert seen == [["x"], ["x", "a", "x"]]


def test_a_model_s_answer_streams_and_is_kept_whole(collect, store):
    chain = RunnableWithMessageHistory(FakeChatModel(responses=["one two"]), store.__getitem__)
    chunks = collect(chain, "hi", session("a"))
    assert len(chunks) > 1
    assert texts(store["a"]) == [("human", "hi"), ("ai", "one two")]
    assert type(store["a"].messages[1]) is AIMessage
    assert isinstance(chunks[0], AIMessageChunk)


def test_a_failed_call_leaves_the_history_as_it_was(run_chain, store, recorder):
    def fails(messages):
        raise ValueError("no answer")

    chain = RunnableWithMessageHistory(RunnableLambda(fails), store.__getitem__)
    with pytest.raises(ValueError, match="no answer") as caught:
        run_chain(chain, "hi", {**session("a"), "callbacks": [recorder]})
    assert store["a"].messages == []
    assert recorder.unended() == []
    assert caught.value.__notes__ == ["in RunnableWithMessageHistory > fails"]


def test_a_stream_closed_early_leaves_the_history_as_it_was(store, recorder):
    def endless(chunks):
        while True:
            yield "word "

    chain = RunnableWithMessageHistory(RunnableGenerator(endless), store.__getitem__)
    chunks = chain.stream("hi", {**session("a"), "callbacks": [recorder]})
    assert next(chunks) == "word "
    chunks.close()
    assert store["a"].messages == []
    assert recorder.unended() == []


def test_a_call_without_a_session_says_how_to_give_one(run_chain, store):
    chain = RunnableWithMessageHistory(RunnableLambda(count), store.__getitem__)
    with pytest.raises(ValueError, match=r"expected 'session_id' .* got nothing; call with config="):
        run_chain(chain, "hi")
    with pytest.raises(ValueError, match="got 'user'"):
        run_chain(chain, "hi", {"configurable": {"user": 1}})


def test_a_session_may_have_several_keys(run_chain, store):
    specs = [ConfigurableFieldSpec("user", str), ConfigurableFieldSpec("talk", str)]
    chain = RunnableWithMessageHistory(
        RunnableLambda(count), lambda user, talk: store[user, talk], history_factory_config=specs
    )
    run_chain(chain, "hi", {"configurable": {"talk": "t", "user": "u"}})
    assert list(store) == [("u", "t")]
    assert [spec.id for spec in chain.config_specs] == ["talk", "user"]


def test_missing_messages_name_the_keys_there_are(run_chain, store):
    chain = RunnableWithMessageHistory(RunnableLambda(count), store.__getitem__, history_messages_key="h")
    with pytest.raises(ValueError, match="expected the input to have the key 'input', got 'a', 'b'"):
        run_chain(chain, {"a": "x", "b": "y"}, session("a"))
    with pytest.raises(TypeError, match="expected a dict, got str"):
        run_chain(chain, "hi", session("a"))


def test_an_asynchronous_history_is_awaited_on_an_event_loop():
    class Remote(InMemoryChatMessageHistory):
        used: list[str] = []

        async def aget_messages(self):
            self.used.append("get")
            return self.messages

        async def aadd_messages(self, messages):
            self.used.append("add")
            self.add_messages(messages)

    history = Remote()

    async def find(id):
        return history

    chain = RunnableWithMessageHistory(RunnableLambda(count), find)
    assert asyncio.run(chain.ainvoke("hi", session("a"))) == "1 messages"
    assert history.used == ["get", "add"]


def test_a_history_takes_messages_one_by_one_and_forgets_them():
    history = InMemoryChatMessageHistory()
    history.add_user_message("hi")
    history.add_ai_message("hello")
    history.add_message(HumanMessage(content="bye"))
    assert str(history) == "human: hi\nai: hello\nhuman: bye"

    async def use():
        await history.aadd_messages([AIMessage(content="bye")])
        assert len(await history.aget_messages()) == 4
        await history.aclear()

    asyncio.run(use())
    assert history.messages == []


def test_a_history_of_one_s_own_needs_one_way_to_add():
    class Printed(BaseChatMessageHistory):
        def __init__(self):
            self.messages = []

        def add_message(self, message):
            self.messages.append(message)

    history = Printed()
    history.add_messages([HumanMessage(content="a"), AIMessage(content="b")])
    assert len(history.messages) == 2

    class Nothing(BaseChatMessageHistory):
        pass

    with pytest.raises(NotImplementedError, match="override add_messages, or add_message"):
        Nothing().add_user_message("hi")
    with pytest.raises(NotImplementedError, match="override clear"):
        Nothing().clear()


def test_a_history_must_be_found_by_a_function():
    with pytest.raises(TypeError, match="a function from a session id to a history"):
        RunnableWithMessageHistory(RunnableLambda(count), InMemoryChatMessageHistory())
