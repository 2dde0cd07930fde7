"""configurable_fields and configurable_alternatives: what a call's config decides on."""

import asyncio

import pytest

from workbench import (
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    RunnableGenerator,
    RunnableLambda,
    RunnableSerializable,
)


class Speaker(RunnableSerializable[str, str]):
    word: str = "hello"
    times: int = 1
    marks: list[str] = []

    def invoke(self, input, config=None, **kwargs):
        return " ".join([self.word] * self.times + [input, *self.marks])

    def shout(self, config=None) -> str:
        return self.word.upper()


class Splitter(RunnableSerializable[str, str]):
    by: str = ""

    def stream(self, input, config=None, **kwargs):
        yield from input.split(self.by)


WORD = ConfigurableField(id="greeting", name="Greeting", description="how to greet")


def given(**values):
    return {"configurable": values}


def speaker(**fields):
    return Speaker().configurable_fields(word=WORD, **fields)


def test_a_field_is_set_by_the_call(run_chain):
    assert run_chain(speaker(), "you") == "hello you"
    assert run_chain(speaker(), "you", given(greeting="hi")) == "hi you"
    assert run_chain(speaker().with_config(configurable={"greeting": "hi"}), "you") == "hi you"
    assert run_chain(RunnableLambda(str) | speaker(), "you", given(greeting="hi")) == "hi you"


def test_the_call_s_value_wins_over_the_bound_one(run_chain):
    chain = speaker().with_config(configurable={"greeting": "hi"})
    assert run_chain(chain, "you", given(greeting="hey")) == "hey you"


def test_the_default_one_is_not_changed(run_chain):
    plain = Speaker()
    run_chain(plain.configurable_fields(word=WORD), "you", given(greeting="hi"))
    assert plain.word == "hello"


def test_values_are_validated(run_chain):
    chain = speaker(times=ConfigurableField(id="times"))
    assert run_chain(chain, "you", given(times=2)) == "hello hello you"
    with pytest.raises(ValueError, match="valid integer"):
        run_chain(chain, "you", given(times="many"))


def test_options_are_chosen_by_name(run_chain):
    word = ConfigurableFieldSingleOption(id="tone", options={"warm": "dear", "cold": "you"}, default="warm")
    marks = ConfigurableFieldMultiOption(id="marks", options={"a": "!", "b": "?"}, default=["a"])
    chain = Speaker().configurable_fields(word=word, marks=marks)
    assert run_chain(chain, "x") == "dear x !"
    assert run_chain(chain, "x", given(tone="cold", marks=["b", "a"])) == "you x ? !"
    with pytest.raises(ValueError, match="expected one of 'warm', 'cold', got 'hot'"):
        run_chain(chain, "x", given(tone="hot"))
    with pytest.raises(ValueError, match="expected a list of names, got 'a'"):
        run_chain(chain, "x", given(marks="a"))


def test_an_unknown_field_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"Speaker has no 'volume'; its fields are .*times.*word"):
        Speaker().configurable_fields(volume=WORD)
    with pytest.raises(TypeError, match="expected a RunnableSerializable"):
        RunnableLambda(str).configurable_fields(func=WORD)


def test_the_run_is_the_configured_one_s(run_chain, recorder):
    chain = RunnableLambda(str) | speaker().with_config(run_name="speaker")
    run_chain(chain, "you", {"callbacks": [recorder], **given(greeting="hi")})
    assert [name for _, name in recorder.kinds("start")] == ["RunnableSequence", "str", "speaker"]
    assert next(e.run.tags for e in recorder.events if e.run.name == "speaker") == ["seq:step:2"]


def test_equal_values_share_one_copy():
    chain = speaker(marks=ConfigurableField(id="marks"))
    first, again = (chain.prepare(given(greeting="hi"))[0] for _ in range(2))
    assert first is again
    assert chain.prepare(given(greeting="hey"))[0] is not first
    assert chain.prepare(given(marks=["!"]))[0].marks == ["!"]  # not hashable


def test_copies_do_not_pile_up():
    chain = speaker()
    for number in range(100):
        chain.prepare(given(greeting=str(number)))
    assert len(chain._copies) <= 16


def test_more_fields_can_be_added(run_chain):
    chain = speaker().configurable_fields(times=ConfigurableField(id="times"))
    assert run_chain(chain, "you", given(times=2, greeting="hi")) == "hi hi you"


def test_bound_arguments_and_listeners_survive(run_chain):
    seen = []
    chain = Speaker().with_listeners(on_end=lambda run: seen.append(run.output)).bind(stop=["x"])
    assert run_chain(chain.configurable_fields(word=WORD), "you", given(greeting="hi")) == "hi you"
    assert seen == ["hi you"]


def test_a_configured_copy_streams(collect):
    chain = Splitter(by=" ").configurable_fields(by=ConfigurableField(id="by"))
    assert collect(chain, "a b-c") == ["a", "b-c"]
    assert collect(chain, "a b-c", given(by="-")) == ["a b", "c"]


def test_an_error_in_a_configured_copy_is_named(collect):
    class Broken(RunnableSerializable[str, str]):
        word: str = "x"

        def stream(self, input, config=None, **kwargs):
            yield "a"
            raise ValueError(self.word)

    def through(chunks):
        yield from chunks

    chain = RunnableLambda(str) | Broken().configurable_fields(word=WORD) | RunnableGenerator(through)
    with pytest.raises(ValueError, match="hi") as caught:
        collect(chain, "you", given(greeting="hi"))
    assert caught.value.__notes__ == ["in RunnableSequence > Broken"]


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_each_input_of_a_batch_may_have_its_own_values(form):
    configs = [given(greeting="hi"), {}, given(greeting="hey")]
    if form == "batch":
        outputs = speaker().batch(["a", "b", "c"], configs)
    else:
        outputs = asyncio.run(speaker().abatch(["a", "b", "c"], configs))
    assert outputs == ["hi a", "hello b", "hey c"]


def test_attributes_are_the_default_s_and_a_method_with_a_config_is_the_prepared_one_s():
    chain = speaker()
    assert chain.word == "hello"
    assert chain.shout() == "HELLO"
    assert chain.shout(config=given(greeting="hi")) == "HI"
    assert chain.with_config(configurable={"greeting": "hey"}).shout() == "HEY"


def alternatives(**options):
    return Speaker().configurable_alternatives(
        ConfigurableField(id="who"),
        default_key="speaker",
        loud=RunnableLambda(str.upper),
        lazy=lambda: Speaker(word="lazy"),
        **options,
    )


def test_an_alternative_is_chosen_by_the_call(run_chain):
    assert run_chain(alternatives(), "you") == "hello you"
    assert run_chain(alternatives(), "you", given(who="speaker")) == "hello you"
    assert run_chain(alternatives(), "you", given(who="loud")) == "YOU"
    assert run_chain(alternatives().with_config(configurable={"who": "loud"}), "you") == "YOU"


def test_an_alternative_given_as_a_function_is_made_once(run_chain):
    made = []

    def make():
        made.append(True)
        return Speaker(word="made")

    chain = Speaker().configurable_alternatives(ConfigurableField(id="who"), other=make)
    assert made == []
    assert run_chain(chain, "a", given(who="other")) == run_chain(chain, "a", given(who="other")) == "made a"
    assert made == [True]


def test_an_unknown_alternative_is_refused_with_those_there_are(run_chain):
    with pytest.raises(ValueError, match="expected one of 'speaker', 'loud', 'lazy', got 'shy'"):
        run_chain(RunnableLambda(str) | alternatives(), "you", given(who="shy"))
    with pytest.raises(ValueError, match="'default' is the default's key"):
        Speaker().configurable_alternatives(ConfigurableField(id="who"), default=Speaker())


def nested(prefix):
    return speaker().configurable_alternatives(
        ConfigurableField(id="who"),
        prefix_keys=prefix,
        other=Speaker(word="other").configurable_fields(times=ConfigurableField(id="times")),
    )


def test_alternatives_have_configurable_fields_of_their_own(run_chain):
    assert run_chain(nested(False), "x", given(greeting="hi")) == "hi x"
    assert run_chain(nested(False), "x", given(who="other", times=2)) == "other other x"


def test_with_prefixes_their_fields_do_not_meet(run_chain):
    values = {"who": "other", "who==other/times": 2, "who==default/greeting": "hi"}
    assert run_chain(nested(True), "x", given(**values)) == "other other x"
    assert run_chain(nested(True), "x", given(**{**values, "who": "default"})) == "hi x"


def test_alternatives_stream(collect):
    chain = Splitter(by=" ").configurable_alternatives(ConfigurableField(id="how"), dash=Splitter(by="-"))
    assert collect(chain, "a b-c", given(how="dash")) == ["a b", "c"]


def test_config_specs_say_what_can_be_set():
    def ids(chain):
        return [spec.id for spec in chain.config_specs]

    assert ids(speaker()) == ["greeting"]
    (spec,) = speaker().config_specs
    assert (spec.annotation, spec.name, spec.description, spec.default) == (
        str,
        "Greeting",
        "how to greet",
        "hello",
    )
    assert ids(nested(False)) == ["greeting", "times", "who"]
    assert ids(nested(True)) == ["who", "who==default/greeting", "who==other/times"]
    assert ids(RunnableLambda(str) | speaker().with_retry().bind()) == ["greeting"]


def test_a_function_sees_the_values_too(run_chain):
    chain = RunnableLambda(lambda x, config: config["configurable"].get("k"))
    assert run_chain(RunnableLambda(str) | chain, 1, given(k=3)) == 3
