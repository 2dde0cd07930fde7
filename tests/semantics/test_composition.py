"""What people rely on: coercion, composition and how streams flow. The numbers are those of the project's
list of behaviours."""

import asyncio
import threading

import pytest

from workbench import (
    AddableDict,
    AIMessageChunk,
    ChatPromptTemplate,
    ConfigurableField,
    FakeChatModel,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
    StrOutputParser,
)


def inc(x):
    return x + 1


async def ainc(x):
    return x + 1


def letters(chunks):
    for chunk in chunks:
        yield from chunk


async def aletters(chunks):
    async for chunk in chunks:
        for letter in chunk:
            yield letter


def upper(chunks):
    for chunk in chunks:
        yield chunk.upper()


def test_dicts_functions_and_generators_become_steps_on_both_sides(run_chain):
    """behaviour 9"""
    assert run_chain({"x": inc} | RunnableLambda(lambda d: d["x"]) | inc, 0) == 2
    assert run_chain(inc | RunnablePassthrough() | {"y": inc}, 0) == {"y": 2}
    assert run_chain(letters | RunnableGenerator(upper), "ab") == "AB"
    assert run_chain(RunnableGenerator(letters) | upper, "ab") == "AB"


def test_async_functions_and_generators_become_steps_on_both_sides():
    """behaviour 9"""
    assert asyncio.run((ainc | RunnableLambda(inc) | ainc).ainvoke(0)) == 3
    assert asyncio.run((aletters | RunnableGenerator(upper)).ainvoke("ab")) == "AB"


def test_nested_sequences_flatten():
    """behaviour 9"""
    nested = (RunnableLambda(inc) | inc) | (RunnableLambda(inc) | inc)
    assert isinstance(nested, RunnableSequence)
    assert len(nested.steps) == 4


def test_branches_run_at_once_and_come_back_in_the_order_of_their_keys(run_chain):
    """behaviour 10"""
    meeting = threading.Barrier(3)

    def meet(x):
        meeting.wait(timeout=10)  # passed only by all three together
        return x

    output = run_chain(RunnableParallel(c=meet, a=meet, b=meet), 1)
    assert output == {"a": 1, "b": 1, "c": 1}
    if run_chain.form in ("invoke", "ainvoke"):
        assert list(output) == ["c", "a", "b"]


def test_branches_stream_chunks_of_one_key_as_they_arrive(collect):
    """behaviour 10"""
    fast_is_through = threading.Event()

    def fast(chunks):
        yield from "ab"
        fast_is_through.set()

    def slow(chunks):
        assert fast_is_through.wait(timeout=10)
        yield "z"

    chunks = collect(RunnableParallel(slow=slow, fast=fast), "x")
    assert chunks == [{"fast": "a"}, {"fast": "b"}, {"slow": "z"}]


def test_assign_streams_the_input_first_then_each_new_key(collect, run_chain):
    """behaviour 11"""
    assign = RunnablePassthrough.assign(b=lambda d: d["a"] + 1, c=lambda d: d["a"] + 2)
    first, *others = collect(assign, {"a": 1})
    assert first == {"a": 1}
    assert sorted(others, key=str) == [{"b": 2}, {"c": 3}]
    assert run_chain(assign, {"a": 1}) == {"a": 1, "b": 2, "c": 3}


def test_an_assign_of_nothing_gives_the_input(collect, run_chain):
    """behaviour 11"""
    assert run_chain(RunnablePassthrough.assign(), {"a": 1}) == {"a": 1}
    assert collect(RunnablePassthrough.assign(), {"a": 1}) == [{"a": 1}]


def test_pick_gives_a_value_or_a_dict(run_chain):
    """behaviour 11"""
    both = RunnableParallel(a=inc, b=inc)
    assert run_chain(both.pick("a"), 0) == 1
    assert run_chain(both.pick(["a"]), 0) == {"a": 1}


def test_a_function_that_returns_a_runnable_has_it_run_with_a_lowered_limit(run_chain):
    """behaviour 12"""
    limits = []

    def look(x, config):
        limits.append(config["recursion_limit"])
        return x + 1

    outer = RunnableLambda(
        lambda x, config: (limits.append(config["recursion_limit"]), RunnableLambda(look))[1]
    )
    assert run_chain(outer, 1, {"recursion_limit": 9}) == 2
    assert limits == [9, 8]


def test_functions_that_return_runnables_for_ever_raise_recursion_error(run_chain):
    """behaviour 12"""
    forever = RunnableLambda(lambda x: forever)
    with pytest.raises(RecursionError, match="recursion_limit"):
        run_chain(forever, 1, {"recursion_limit": 4})


def test_a_generator_function_streams_each_chunk_and_invoke_adds_them(collect):
    """behaviour 13"""

    def generate(x):
        for part in ("a", "b", "c"):
            yield part + x

    made = RunnableLambda(generate)
    assert collect(made, "!") == ["a!", "b!", "c!"]
    assert made.invoke("!") == asyncio.run(made.ainvoke("!")) == "a!b!c!"


def test_an_async_generator_function_does_too():
    """behaviour 13"""

    async def generate(x):
        for part in ([1], [2]):
            yield part

    async def main():
        made = RunnableLambda(generate)
        return [chunk async for chunk in made.astream(0)], await made.ainvoke(0)

    assert asyncio.run(main()) == ([[1], [2]], [1, 2])


def chunks_of(*chunks):
    def generate(_):
        yield from chunks

    return RunnableGenerator(generate)


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        (("a", "b"), "ab"),
        (([1], [2]), [1, 2]),
        (({"a": 1}, {"b": 2}), {"b": 2}),
        ((1, "last"), "last"),
        ((object, None, "end"), "end"),
        ((AddableDict(a=1), AddableDict(a="last")), {"a": "last"}),
        ((AddableDict(a="x"), AddableDict(a="y", b=None), AddableDict(b=1)), {"a": "xy", "b": 1}),
    ],
)
def test_a_step_that_does_not_stream_gathers_its_whole_input(run_chain, chunks, whole):
    """behaviour 14"""
    got = []
    run_chain(chunks_of(*chunks) | RunnableLambda(got.append), 0)
    assert got == [whole]


def test_none_between_messages_does_not_break_the_sum(run_chain):
    """behaviour 14"""
    got = []
    source = chunks_of(AIMessageChunk("a"), None, AIMessageChunk("b"), None)
    run_chain(source | RunnableLambda(got.append), 0)
    assert got[0].content == "ab"


def test_tokens_flow_through_parsers_and_passthroughs(collect):
    """behaviour 15"""
    model = FakeChatModel(responses=["Hi you"])
    chain = ChatPromptTemplate.from_template("{x}") | model | StrOutputParser() | RunnablePassthrough()
    assert collect(chain, "x") == ["Hi", " ", "you", ""]
    keyed = RunnablePassthrough.assign(answer=chain).pick("answer")
    assert collect(keyed, {"x": "x"}) == ["Hi", " ", "you", ""]


def test_a_function_gathers_the_stream(collect):
    """behaviour 15"""
    assert collect(chunks_of("a", "b") | RunnableLambda(str.upper), 0) == ["AB"]


def test_bound_arguments_reach_the_call(run_chain):
    """behaviour 16"""

    def power(x, exponent=1):
        return x**exponent

    assert run_chain(RunnableLambda(power).bind(exponent=3), 2) == 8
    assert run_chain(RunnableLambda(inc) | RunnableLambda(power).bind(exponent=3), 1) == 8


def test_attributes_and_methods_pass_through_wrappers():
    """behaviour 16"""
    model = FakeChatModel(responses=["one"])
    wrappers = [
        model.bind(stop=["x"]),
        model.with_config(tags=["t"]),
        model.configurable_fields(responses=ConfigurableField(id="responses")),
        model.configurable_alternatives(ConfigurableField(id="model"), other=FakeChatModel()),
        model.with_fallbacks([FakeChatModel()]),
        model.bind(stop=["x"]).with_fallbacks([FakeChatModel()]).with_config(tags=["t"]),
    ]
    for wrapper in wrappers:
        assert wrapper.responses == ["one"]
        assert wrapper.model_copy().responses == ["one"]
        with pytest.raises(AttributeError):
            wrapper.no_such_attribute  # noqa: B018  # asking is what raises


def test_addable_dicts_add_per_key():
    """behaviour 17"""
    total = AddableDict(a="x") + AddableDict(a="y", b=[1]) + AddableDict(b=[2])
    assert total == {"a": "xy", "b": [1, 2]}
    with pytest.raises(TypeError):
        AddableDict(a=1) + AddableDict(a="x")
