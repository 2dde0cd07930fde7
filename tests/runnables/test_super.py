"""``super()`` in an override, whatever form it is of: it does what the classes above would do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from workbench import (
    FakeChatModel,
    Runnable,
    RunnableLambda,
    RunnableSequence,
    RunnableSerializable,
    StrOutputParser,
)

FORMS = ("invoke", "ainvoke", "stream", "astream", "transform", "atransform")


async def collect(stream):
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


async def one(value):
    yield value


def run(step, form, x="ab", config=None):
    """The output of any form."""
    method = getattr(step, form)
    if form == "invoke":
        return method(x, config)
    if form == "ainvoke":
        return asyncio.run(method(x, config))
    if form in ("stream", "transform"):
        return "".join(method(x if form == "stream" else iter([x]), config))

    async def main():
        return "".join(await collect(method(x if form == "astream" else one(x), config)))

    return asyncio.run(main())


def own(form):
    """A method of that form which does the work, and one which only calls ``super()``; both take notes."""

    def invoke(self, input, config=None, **kwargs):
        self.notes.append("invoke")
        return input.upper()

    async def ainvoke(self, input, config=None, **kwargs):
        self.notes.append("ainvoke")
        return input.upper()

    def stream(self, input, config=None, **kwargs):
        self.notes.append("stream")
        yield from input.upper()

    async def astream(self, input, config=None, **kwargs):
        self.notes.append("astream")
        for letter in input.upper():
            yield letter

    def transform(self, input, config=None, **kwargs):
        self.notes.append("transform")
        for chunk in input:
            yield chunk.upper()

    async def atransform(self, input, config=None, **kwargs):
        self.notes.append("atransform")
        async for chunk in input:
            yield chunk.upper()

    return locals()[form]


def through_super(form):
    def invoke(self, input, config=None, **kwargs):
        self.notes.append("super invoke")
        return super(self.mixin, self).invoke(input, config, **kwargs)

    async def ainvoke(self, input, config=None, **kwargs):
        self.notes.append("super ainvoke")
        return await super(self.mixin, self).ainvoke(input, config, **kwargs)

    def stream(self, input, config=None, **kwargs):
        self.notes.append("super stream")
        yield from super(self.mixin, self).stream(input, config, **kwargs)

    async def astream(self, input, config=None, **kwargs):
        self.notes.append("super astream")
        async for chunk in super(self.mixin, self).astream(input, config, **kwargs):
            yield chunk

    def transform(self, input, config=None, **kwargs):
        self.notes.append("super transform")
        yield from super(self.mixin, self).transform(input, config, **kwargs)

    async def atransform(self, input, config=None, **kwargs):
        self.notes.append("super atransform")
        async for chunk in super(self.mixin, self).atransform(input, config, **kwargs):
            yield chunk

    return locals()[form]


def needs_a_loop(form, does):
    """Whether *does* has no synchronous form, and *form* is one."""
    return form[0] != "a" and does[0] == "a"


@pytest.mark.parametrize("does", FORMS)
@pytest.mark.parametrize("form", FORMS)
def test_super_in_one_form_reaches_the_work_of_another(form, does):
    """In the same class, in a class above, and in a class beside it."""
    if form == does:
        pytest.skip("a class has one method of a form")

    class Same(Runnable):
        pass

    class Above(Runnable):
        pass

    class Below(Above):
        pass

    class Mixin(Runnable):
        pass

    class Both(Mixin, Above):
        pass

    for worker, caller in ((Same, Same), (Above, Below), (Above, Mixin)):
        setattr(worker, does, own(does))
        setattr(caller, form, through_super(form))
        caller.mixin = caller
        worker.notes = caller.notes = []
        kind = Both if caller is Mixin else caller
        for each in (worker, caller, kind):
            each.__init_subclass__()  # the methods came later than the class
        step = kind()
        step.notes = []
        if needs_a_loop(form, does):
            with pytest.raises(TypeError, match=r"asynchronous|synchronous form|awaited"):
                run(step, form)
            continue
        assert run(step, form) == "AB"
        assert step.notes == [f"super {form}", does]
        nested = step | StrOutputParser()
        step.notes.clear()
        runs = []
        config = {"callbacks": [lambda event, runs=runs: runs.append((event.kind, event.run.name))]}
        assert run(nested, form, config=config) == "AB"
        assert step.notes.count(does) == 1
        assert runs.count(("start", kind.__name__)) == 1


@pytest.mark.parametrize("form", FORMS)
def test_super_with_nothing_above_says_so_and_does_not_recurse(form):
    class Nothing(Runnable):
        pass

    setattr(Nothing, form, through_super(form))
    Nothing.mixin, Nothing.notes = Nothing, []
    Nothing.__init_subclass__()
    with pytest.raises(TypeError, match="does nothing yet"):
        run(Nothing(), form)


def test_two_forms_that_only_call_super_do_not_call_each_other_for_ever():
    for one_form in FORMS:
        for other in FORMS:

            class Nothing(Runnable):
                pass

            for form in (one_form, other):
                setattr(Nothing, form, through_super(form))
            Nothing.mixin, Nothing.notes = Nothing, []
            Nothing.__init_subclass__()
            with pytest.raises(TypeError):
                run(Nothing(), one_form)


KINDS = {
    "function": lambda: (RunnableLambda, (str.upper,)),
    "sequence": lambda: (RunnableSequence, (str.upper, str.strip)),
    "async function": lambda: (RunnableLambda, (str.upper, _aupper)),
}


async def _aupper(text):
    return text.upper()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("form", FORMS)
def test_all_forms_may_be_wrapped_around_a_combinator(form, kind):
    base, arguments = KINDS[kind]()

    class Logged(base):
        pass

    for each in FORMS:
        setattr(Logged, each, through_super(each))
    Logged.mixin, Logged.notes = Logged, []
    Logged.__init_subclass__()
    step = Logged(*arguments)
    assert run(step, form) == "AB"
    assert Logged.notes == [f"super {form}"]
    Logged.notes.clear()
    assert run(step | StrOutputParser(), form) == "AB"
    assert len(Logged.notes) == 1


def test_three_levels_each_calling_super():
    class Base(Runnable):
        def invoke(self, input, config=None, **kwargs):
            return input + "1"

    class Middle(Base):
        def invoke(self, input, config=None, **kwargs):
            return super().invoke(input, config) + "2"

        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config) + "a"

    class Top(Middle):
        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config) + "b"

        async def astream(self, input, config=None, **kwargs):
            async for chunk in super().astream(input, config):
                yield chunk + "s"

    assert Top().invoke("x") == "x12"
    assert asyncio.run(Top().ainvoke("x")) == "x12ab"  # what Base does is to call invoke
    assert asyncio.run(collect(Top().astream("x"))) == ["x12abs"]  # what Middle does is to call ainvoke
    assert Top().batch(["x", "y"]) == ["x12", "y12"]
    assert asyncio.run(Top().abatch(["x"])) == ["x12ab"]


def test_a_model_and_an_option_class_may_be_wrapped():
    class Loud(FakeChatModel):
        async def ainvoke(self, input, config=None, **kwargs):
            message = await super().ainvoke(input, config, **kwargs)
            return message.model_copy(update={"content": message.content.upper()})

    class Repeat(RunnableSerializable):
        times: int = 2

        def invoke(self, input, config=None, **kwargs):
            return input * self.times

        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config, **kwargs) + "!"

        async def abatch(self, inputs, config=None, **kwargs):
            return await super().abatch(inputs, config, **kwargs)

    model = Loud(responses=["hi"])
    assert (model.invoke("q").content, asyncio.run(model.ainvoke("q")).content) == ("hi", "HI")
    assert asyncio.run(Repeat(times=3).ainvoke("ab")) == "ababab!"
    assert asyncio.run(Repeat().abatch(["a", "b"])) == ["aa!", "bb!"]


def test_a_step_that_calls_itself_for_a_smaller_input_goes_on():
    class Countdown(Runnable):
        def invoke(self, input, config=None, **kwargs):
            return [input, *(self.batch([input - 1])[0] if input else [])]

        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config, **kwargs)

    assert Countdown().invoke(3) == asyncio.run(Countdown().ainvoke(3)) == [3, 2, 1, 0]
