"""What is bound to a runnable stays so in what its methods make; and wrappers can be pickled."""

from __future__ import annotations

import asyncio
import copy
import pickle
from contextlib import aclosing

import pytest

from workbench import (
    AIMessage,
    BaseChatModel,
    ChatGeneration,
    ChatPromptTemplate,
    ChatResult,
    ConfigurableField,
    FakeChatModel,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    tool,
)
from workbench.models.structured import tool_arguments


class Asked(BaseChatModel):
    """A model that answers with the arguments of its call."""

    level: int = 0

    def bind_tools(self, tools, *, tool_choice=None, **kwargs):
        return self.bind(**tool_arguments(tools, tool_choice), **kwargs)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if kwargs.pop("parallel_tool_calls", None) is not None:
            kwargs["parallel"] = True
        names = [each["function"]["name"] for each in kwargs.pop("tools", [])]
        kwargs.pop("tool_choice", None)
        about = {"stop": stop, "tools": names, "level": self.level, **kwargs}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(repr(about)))])


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def halve(a: int) -> int:
    """Halve."""
    return a // 2


def arguments_of(chain, config=None):
    return eval(chain.invoke("q", config).content)  # what Asked wrote


SCHEMA = {"title": "Answer", "type": "object", "properties": {"a": {"type": "string"}}}
ASKED = Asked()

WRAPPERS = {
    "bind": lambda model: model.bind(stop=["."]),
    "bind twice": lambda model: model.bind(stop=["."]).bind(seed=1),
    "config": lambda model: model.bind(stop=["."]).with_config(tags=["mine"]),
    "listeners": lambda model: model.with_listeners(on_end=print).bind(stop=["."]),
    "retry": lambda model: model.bind(stop=["."]).with_retry(),
    "fallbacks": lambda model: model.bind(stop=["."]).with_fallbacks([model]),
    "bound fallbacks": lambda model: model.with_fallbacks([model]).bind(stop=["."]),
    "bound retry": lambda model: model.with_retry().bind(stop=["."]),
    "types": lambda model: model.bind(stop=["."]).with_types(input_type=str),
    "fields": lambda model: model.configurable_fields(level=ConfigurableField(id="level")).bind(stop=["."]),
    "bound fields": lambda model: model.bind(stop=["."]).configurable_fields(
        level=ConfigurableField(id="level")
    ),
    "alternatives": lambda model: model.bind(stop=["."]).configurable_alternatives(
        ConfigurableField(id="which"), other=model
    ),
}


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_what_is_bound_stays_with_the_tools(wrapper):
    chain = WRAPPERS[wrapper](ASKED)
    assert arguments_of(chain.bind_tools([add])) == {**arguments_of(chain), "tools": ["add"]}
    again = chain.bind_tools([add]).bind_tools([halve])
    assert arguments_of(again) == {**arguments_of(chain), "tools": ["halve"]}
    assert arguments_of(chain)["stop"] == ["."]
    assert arguments_of(chain)["tools"] == []  # the chain itself is as before


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
@pytest.mark.parametrize("include_raw", [False, True])
def test_what_is_bound_stays_with_the_structured_output(wrapper, include_raw):
    seen = []

    class Watched(Asked):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            seen.append(stop)
            call = {"name": "Answer", "args": {"a": "x"}, "id": "1", "type": "tool_call"}
            return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])

    chain = WRAPPERS[wrapper](Watched())
    answer = chain.with_structured_output(SCHEMA, include_raw=include_raw).invoke("q")
    assert (answer["parsed"] if include_raw else answer) == {"a": "x"}
    assert seen == [["."]]


def test_the_later_of_two_bindings_counts():
    chain = ASKED.bind_tools([add], tool_choice="any").bind_tools([halve]).bind(stop=["a"]).bind(stop=["b"])
    assert (arguments_of(chain)["tools"], arguments_of(chain)["stop"]) == (["halve"], ["b"])
    assert chain.kwargs["stop"] == ["b"]


def test_tags_and_names_go_on_to_the_runs():
    runs = []
    chain = ASKED.with_config(tags=["mine"], run_name="my model").bind_tools([add])
    chain.invoke("q", {"callbacks": [lambda event: runs.append((event.run.name, event.run.tags))]})
    assert runs[0] == ("my model", ["mine"])


def test_listeners_are_called_for_what_is_made():
    seen = []
    chain = FakeChatModel(responses=["hi"]).with_listeners(on_end=lambda run: seen.append(run.name))
    chain.bind_tools([add]).invoke("q")
    assert seen == ["FakeChatModel"]


def test_what_is_retried_is_retried_with_tools():
    flaky = FakeChatModel(responses=[ConnectionError("gone"), "hi"])
    chain = flaky.with_retry(wait_exponential_jitter=False).bind_tools([add])
    assert chain.invoke("q").content == "hi"


def test_a_prompt_that_is_bound_stays_so_when_it_is_completed():
    prompt = ChatPromptTemplate.from_template("{a} and {b}").with_config(run_name="mine").partial(b="two")
    runs = []
    assert prompt.invoke("one", {"callbacks": [lambda event: runs.append(event.run.name)]}).to_string() == (
        "Human: one and two"
    )
    assert runs[0] == "mine"


FIELD = {"responses": ConfigurableField(id="answers")}


def test_fields_of_alternatives_are_those_of_each_that_has_them():
    model = FakeChatModel(responses=["default"]).configurable_alternatives(
        ConfigurableField(id="which"),
        other=FakeChatModel(responses=["other"]),
        made=lambda: FakeChatModel(responses=["made"]),
        upper=RunnableLambda(lambda text: text.upper()),
    )
    chain = model.configurable_fields(**FIELD)

    def answer(**configurable):
        output = chain.invoke("q", {"configurable": configurable})
        return getattr(output, "content", output)

    assert [answer(), answer(answers=["set"])] == ["default", "set"]
    assert [answer(which="other"), answer(which="other", answers=["set"])] == ["other", "set"]
    assert [answer(which="made"), answer(which="made", answers=["set"])] == ["made", "set"]
    assert answer(which="upper", answers=["set"]) == "Q"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([RunnableLambda(str)]),
        lambda model: model.with_retry().with_fallbacks([model]),
        lambda model: model.with_fallbacks([model]).with_retry(),
        lambda model: model.bind(stop=["."]).with_retry(),
        lambda model: model.with_retry().configurable_alternatives(ConfigurableField(id="which"), b=model),
    ],
)
def test_fields_can_be_made_configurable_after_retries_and_fallbacks(wrap):
    chain = wrap(FakeChatModel(responses=["default"])).configurable_fields(**FIELD)
    assert chain.invoke("q").content == "default"
    assert chain.invoke("q", {"configurable": {"answers": ["set"]}}).content == "set"
    with pytest.raises(ValueError, match="no 'nothing'"):
        wrap(FakeChatModel()).configurable_fields(nothing=ConfigurableField(id="x"))


def is_small(error):
    return len(str(error)) < 10


@pytest.mark.parametrize(
    "chain",
    [
        RunnableLambda(str.upper).with_retry(stop_after_attempt=2),
        RunnableLambda(str.upper).with_retry(retry_if_exception_type=(ValueError, KeyError)),
        RunnableLambda(str.upper).with_retry(retry_if_exception_type=is_small),
        RunnableLambda(str.upper).with_listeners(on_end=is_small, on_error=is_small),
        RunnableLambda(str.upper).with_fallbacks([str.lower]),
        RunnableLambda(str.upper).with_config(max_concurrency=2, tags=["a"]).bind(),
        RunnableLambda(str.upper).with_retry().with_config(run_name="a") | str.strip,
        RunnableParallel(a=str.upper) | (RunnablePassthrough.assign(b=len) | RunnableLambda(str)),
        RunnableBranch((str.isupper, str.lower), str.upper),
        RunnableLambda(str.split) | RunnableLambda(str.upper).map(),
        ASKED.bind(stop=["."]).with_retry(),
    ],
    ids=repr,
)
def test_wrappers_can_be_pickled_and_copied(chain):
    for other in (pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain), copy.copy(chain)):
        outputs = [each.invoke("ab") for each in (other, chain)]
        assert len({getattr(output, "content", repr(output)) for output in outputs}) == 1


# What functions return and raise


async def collect(stream):
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


ALL_FORMS = {
    "invoke": lambda chain: chain.invoke(1),
    "stream": lambda chain: list(chain.stream(1))[-1],
    "transform": lambda chain: list(chain.transform([1]))[-1],
    "batch": lambda chain: chain.batch([1, 1])[-1],
    "batch_as_completed": lambda chain: list(chain.batch_as_completed([1, 1]))[-1][1],
    "ainvoke": lambda chain: asyncio.run(chain.ainvoke(1)),
    "astream": lambda chain: asyncio.run(collect(chain.astream(1)))[-1],
    "abatch": lambda chain: asyncio.run(chain.abatch([1, 1]))[-1],
    "abatch_as_completed": lambda chain: asyncio.run(collect(chain.abatch_as_completed([1, 1])))[-1][1],
    "astream_events": lambda chain: asyncio.run(collect(chain.astream_events(1)))[-1]["data"]["output"],
}
AROUND = {
    "alone": lambda step: step,
    "in a sequence": lambda step: RunnablePassthrough() | step,
    "before another": lambda step: step | (lambda x: x),
    "retried": lambda step: step.with_retry(stop_after_attempt=1),
    "chosen": lambda step: RunnableBranch((lambda x: True, step), step),
    "watched": lambda step: step.with_listeners(on_end=lambda run: None),
    "limited": lambda step: step.with_config(max_concurrency=1),
}
every_form = pytest.mark.parametrize("form", sorted(ALL_FORMS))
every_place = pytest.mark.parametrize("around", sorted(AROUND))


@every_form
@every_place
def test_a_function_may_return_a_generator(form, around):
    chain = AROUND[around](RunnableLambda(lambda x: (letter for letter in "abc")))
    assert list(ALL_FORMS[form](chain)) == ["a", "b", "c"]


@every_form
@every_place
def test_a_branch_that_gives_none_gives_none(form, around):
    chain = AROUND[around](RunnableBranch((lambda x: True, lambda x: None), lambda x: 1))
    assert ALL_FORMS[form](chain) is None


@every_form
def test_a_key_that_is_not_there_is_none(form):
    for step in (
        RunnableLambda(lambda x: {"a": 1}).pick("b"),
        RunnableLambda(lambda x: {"b": None}).pick("b"),
    ):
        assert ALL_FORMS[form](step) is None
    assert ALL_FORMS[form](RunnableLambda(lambda x: {"a": 1}).pick(["b"])) is None


def raising(kind):
    def function(x):
        raise kind(5)

    async def coroutine(x):
        raise kind(5)

    def generator(x):
        yield 1
        raise kind(5)

    async def agenerator(x):
        yield 1
        raise kind(5)

    def transform(chunks):
        yield 1
        raise kind(5)

    async def atransform(chunks):
        yield 1
        raise kind(5)

    yield RunnableLambda(function)
    yield RunnableLambda(lambda x: x, coroutine)
    yield RunnableLambda(generator)
    yield RunnableLambda(agenerator)
    yield RunnableGenerator(transform)
    yield RunnableGenerator(transform, atransform)
    yield RunnablePassthrough(function)
    yield RunnableBranch((function, str), str)
    yield RunnableLambda(lambda x: 1 / 0).with_retry(retry_if_exception_type=function)


@every_form
@every_place
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
def test_a_stop_of_an_iteration_in_user_code_is_an_error(form, around, kind):
    """It neither gets lost nor ends a stream as if all were well."""
    for step in raising(kind):
        needs_a_loop = not form.startswith("a") and "agenerator" in repr(step)
        if form.startswith("a") or getattr(step, "afunc", None) is None:
            with pytest.raises(TypeError if needs_a_loop else RuntimeError):
                ALL_FORMS[form](AROUND[around](step))


def test_a_stop_from_an_iterator_of_the_user_is_an_error():
    class Broken:
        def __iter__(self):
            return self

        def __next__(self):
            raise StopAsyncIteration

    with pytest.raises(RuntimeError, match="StopAsyncIteration"):
        list(RunnableLambda(str).transform(Broken()))
