"""What people rely on: names, tags and configs. The numbers are those of the project's list of behaviours."""

import asyncio
from uuid import uuid4

import pytest

from workbench import (
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    merge_configs,
)


def inc(x):
    return x + 1


def double(x):
    return x * 2


def runs(recorder):
    return [event.run for event in recorder.events if event.kind == "start"]


def tags_by_name(recorder):
    return {run.name: run.tags for run in runs(recorder)}


def test_steps_and_branches_are_tagged_by_their_place_and_pass_no_tag_on(run_chain, recorder):
    """behaviour 1"""
    inner = RunnableLambda(lambda x: x, name="deep") | RunnableLambda(lambda x: x, name="deeper")
    chain = RunnableLambda(inc) | {"a": double, "b": RunnableLambda(lambda x: inner, name="wraps")}
    run_chain(chain, 1, {"callbacks": [recorder]})
    assert tags_by_name(recorder) == {
        "RunnableSequence": [],  # the one inside of wraps comes last
        "inc": ["seq:step:1"],
        "RunnableParallel<a,b>": ["seq:step:2"],
        "double": ["map:key:a"],
        "wraps": ["map:key:b"],
        "deep": ["seq:step:1"],
        "deeper": ["seq:step:2"],
    }


@pytest.mark.parametrize(("input", "tags"), [(1, ["branch:1"]), (-1, ["branch:2"]), (0, ["branch:default"])])
def test_conditions_and_branches_are_tagged_by_their_number(run_chain, recorder, input, tags):
    """behaviour 1"""
    chain = RunnableBranch(
        (lambda x: x > 0, RunnableLambda(inc, name="taken")),
        (lambda x: x < 0, RunnableLambda(double, name="taken")),
        RunnableLambda(lambda x: x, name="taken"),
    )
    run_chain(chain, input, {"callbacks": [recorder]})
    assert tags_by_name(recorder)["taken"] == tags
    asked = [tag for run in runs(recorder) for tag in run.tags if tag.startswith("condition:")]
    assert asked == ["condition:1", "condition:2"][: 1 if input > 0 else 2]


class Own(Runnable):
    def invoke(self, input, config=None, **kwargs):
        return input


def test_a_run_is_named_by_its_class_its_branches_or_its_function(run_chain, recorder):
    """behaviour 2"""
    chain = Own() | RunnableParallel(a=double, b=lambda x: x) | RunnablePassthrough() | (lambda x: x)
    run_chain(chain, 1, {"callbacks": [recorder]})
    names = [run.name for run in runs(recorder)]
    assert sorted(names) == sorted(
        [
            "RunnableSequence",
            "Own",
            "RunnableParallel<a,b>",
            "double",
            "RunnableLambda",
            "RunnablePassthrough",
            "RunnableLambda",
        ]
    )


def test_tags_and_metadata_are_inherited_and_the_name_and_the_id_are_not(run_chain, recorder):
    """behaviour 3"""
    id = uuid4()
    config = {"tags": ["t"], "metadata": {"m": 1}, "run_name": "mine", "run_id": id, "callbacks": [recorder]}
    run_chain(RunnableLambda(inc) | double, 1, config)
    root, *children = runs(recorder)
    assert (root.name, root.id) == ("mine", str(id))
    assert [run.name for run in children] == ["inc", "double"]
    for run in children:
        assert "t" in run.tags
        assert run.metadata == {"m": 1}
        assert run.id != str(id)


def test_a_call_s_tags_add_to_bound_ones_and_metadata_merges(run_chain, recorder):
    """behaviour 4"""
    bound = RunnableLambda(inc).with_config(tags=["bound"], metadata={"a": 1, "b": 1})
    run_chain(bound, 1, {"tags": ["call"], "metadata": {"b": 2, "c": 2}, "callbacks": [recorder]})
    (run,) = runs(recorder)
    assert sorted(run.tags) == ["bound", "call"]
    assert run.metadata == {"a": 1, "b": 2, "c": 2}


def test_a_second_with_config_replaces_key_by_key(run_chain, recorder):
    """behaviour 4"""
    bound = RunnableLambda(inc).with_config(tags=["one"], run_name="kept").with_config(tags=["two"])
    run_chain(bound, 1, {"callbacks": [recorder]})
    (run,) = runs(recorder)
    assert (run.name, run.tags) == ("kept", ["two"])


def test_unknown_keys_survive_and_no_config_is_changed(run_chain):
    """behaviour 5"""
    seen = []

    def look(x, config):
        seen.append(config)
        config["tags"].append("mine")
        config["metadata"]["mine"] = True
        config["configurable"]["mine"] = True
        return x

    bound_config = {"my_key": 7, "tags": ["b"], "metadata": {"b": 1}}
    config = {"tags": ["t"], "metadata": {"m": 1}, "configurable": {"c": 1}, "other_key": 8}
    bound = RunnableLambda(look).with_config(bound_config)
    run_chain(bound, 1, config)
    assert (seen[0]["my_key"], seen[0]["other_key"]) == (7, 8)
    assert bound_config == {"my_key": 7, "tags": ["b"], "metadata": {"b": 1}}
    assert config == {"tags": ["t"], "metadata": {"m": 1}, "configurable": {"c": 1}, "other_key": 8}
    assert bound.config == bound_config


def test_callbacks_of_lists_and_of_the_run_around_combine(run_chain):
    """behaviour 6"""
    outer_events, bound_events, call_events = [], [], []
    inner = RunnableLambda(inc, name="inner").with_config(callbacks=[bound_events.append])

    def outer(x, config):
        return inner.invoke(x, merge_configs(config, {"callbacks": [call_events.append]}))

    run_chain(RunnableLambda(outer), 1, {"callbacks": [outer_events.append]})

    def started(events):
        return [event.run.path for event in events if event.kind == "start"]

    assert started(outer_events) == ["outer", "outer > inner"]
    assert started(bound_events) == started(call_events) == ["outer > inner"]


def test_a_list_of_configs_has_the_inputs_length():
    """behaviour 7"""
    with pytest.raises(ValueError, match="expected one config or 2"):
        RunnableLambda(inc).batch([1, 2], [{}, {}, {}])
    with pytest.raises(ValueError, match="expected one config or 2"):
        asyncio.run(RunnableLambda(inc).abatch([1, 2], [{}]))


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_each_input_of_a_batch_has_its_own_config(form, recorder):
    """behaviour 7"""
    configs = [{"run_name": name, "callbacks": [recorder]} for name in ("one", "two")]
    if form == "batch":
        RunnableLambda(inc).batch([1, 2], configs)
    else:
        asyncio.run(RunnableLambda(inc).abatch([1, 2], configs))
    assert {run.name: run.input for run in runs(recorder)} == {"one": 1, "two": 2}


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_a_run_id_is_one_run_s_and_not_used_again_across_a_batch(form, recorder):
    """behaviour 7"""
    id = uuid4()
    config = {"run_id": id, "callbacks": [recorder]}
    if form == "batch":
        RunnableLambda(inc).batch([1, 2, 3], config)
    else:
        asyncio.run(RunnableLambda(inc).abatch([1, 2, 3], config))
    ids = [run.id for run in runs(recorder)]
    assert ids.count(str(id)) == 1
    assert len(set(ids)) == 3


def test_a_config_reaches_functions_by_parameter_and_nested_calls_by_context(run_chain, recorder):
    """behaviour 8"""
    seen = {}

    def inner(x, config):
        seen["inner"] = (config["tags"], config["configurable"])
        return x

    def by_context(x):
        return RunnableLambda(inner).invoke(x)

    def by_parameter(x, config):
        seen["outer"] = (config["tags"], config["configurable"])
        return x

    config = {"tags": ["t"], "configurable": {"user": "me"}, "callbacks": [recorder]}
    run_chain(RunnableLambda(by_parameter) | by_context, 1, config)
    assert seen == dict.fromkeys(("inner", "outer"), (["t"], {"user": "me"}))
    assert "RunnableSequence > by_context > inner" in [run.path for run in runs(recorder)]


def test_a_config_reaches_what_a_generator_calls(collect, recorder):
    """behaviour 8"""
    seen = []

    def inner(x, config):
        seen.append(config["tags"])
        return x

    def generate(chunks):
        for chunk in chunks:
            yield RunnableLambda(inner).invoke(chunk)

    collect(RunnableGenerator(generate), 1, {"tags": ["t"], "callbacks": [recorder]})
    assert seen == [["t"]]
    assert [run.path for run in runs(recorder)] == ["generate", "generate > inner"]
