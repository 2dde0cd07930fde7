"""Names, tags and configs: what a call's config does, what it passes on, and what it never changes."""

import copy
from uuid import UUID, uuid4

import pytest

from workbench import (
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    ensure_config,
    merge_configs,
    patch_config,
)


def inc(x):
    return x + 1


def takes_config(x, config):
    return x


def starts(recorder):
    return [e.run for e in recorder.events if e.kind == "start"]


def by_name(recorder):
    return {run.name: run for run in starts(recorder)}


# Names and tags


def test_steps_are_tagged_by_their_place_and_grandchildren_are_not(run_chain, recorder):
    inner = RunnableParallel(a=RunnableLambda(inc, name="leaf"), b=RunnablePassthrough())
    run_chain(RunnableLambda(inc) | inner, 1, {"callbacks": [recorder]})
    tags = {run.name: run.tags for run in starts(recorder)}
    assert tags == {
        "RunnableSequence": [],
        "inc": ["seq:step:1"],
        "RunnableParallel<a,b>": ["seq:step:2"],
        "leaf": ["map:key:a"],
        "RunnablePassthrough": ["map:key:b"],
    }


def test_default_names_are_the_class_s_the_keys_and_the_function_s():
    class Mine(Runnable):
        def invoke(self, input, config=None):
            return input

    assert Mine().get_name() == "Mine"
    assert RunnableParallel(a=inc, b=inc).get_name() == "RunnableParallel<a,b>"
    assert RunnableLambda(inc).get_name() == "inc"
    assert RunnableLambda(lambda x: x).get_name() == "RunnableLambda"
    assert (RunnableLambda(inc) | inc).get_name() == "RunnableSequence"
    assert RunnableLambda(inc).with_retry().with_config(run_name="n").get_name() == "n"


def test_root_tags_and_metadata_are_inherited_name_and_id_are_not(run_chain, recorder):
    id = uuid4()
    config = {"tags": ["t"], "metadata": {"m": 1}, "run_name": "root", "run_id": id, "callbacks": [recorder]}
    run_chain(RunnableLambda(inc) | inc, 1, config)
    root, *children = starts(recorder)
    assert (root.name, root.id) == ("root", str(id))
    for child in children:
        assert child.name == "inc"
        assert child.id != str(id)
        assert "t" in child.tags
        assert child.metadata == {"m": 1}


def test_call_time_tags_add_to_bound_ones_and_metadata_merges(run_chain, recorder):
    chain = RunnableLambda(inc).with_config(tags=["bound"], metadata={"a": 1, "b": 1})
    run_chain(chain, 1, {"tags": ["call"], "metadata": {"b": 2}, "callbacks": [recorder]})
    (run,) = starts(recorder)
    assert sorted(run.tags) == ["bound", "call"]
    assert run.metadata == {"a": 1, "b": 2}


def test_a_call_s_name_wins_over_the_bound_one(run_chain, recorder):
    chain = RunnableLambda(inc).with_config(run_name="bound")
    run_chain(chain, 1, {"callbacks": [recorder]})
    run_chain(chain, 1, {"callbacks": [recorder], "run_name": "call"})
    assert [run.name for run in starts(recorder)] == ["bound", "call"]


def test_chained_with_config_replaces_key_by_key(run_chain, recorder):
    chain = RunnableLambda(inc).with_config(tags=["a"], metadata={"m": 1}).with_config(tags=["b"])
    run_chain(chain, 1, {"callbacks": [recorder]})
    (run,) = starts(recorder)
    assert (run.tags, run.metadata) == (["b"], {"m": 1})


def test_unknown_keys_survive_and_reach_the_function(run_chain):
    seen = []
    chain = RunnableLambda(lambda x, config: seen.append(config["my_key"])).with_config(my_key="kept")
    run_chain(RunnableLambda(inc) | chain, 1)
    assert seen == ["kept"]


def test_a_config_is_never_changed(run_chain, recorder):
    config = {
        "tags": ["t"],
        "metadata": {"m": 1},
        "callbacks": [recorder],
        "configurable": {"k": 1},
        "run_name": "n",
    }
    before = {key: copy.copy(value) for key, value in config.items()}

    def change(x, config):
        config["tags"].append("other")
        config["metadata"]["other"] = 1
        config["configurable"]["other"] = 1
        return x

    bound = RunnableLambda(change).with_config(config)
    run_chain(RunnableLambda(change) | bound, 1, config)
    merge_configs(config, {"tags": ["x"], "metadata": {"x": 1}})
    patch_config(config, configurable={"x": 1})["tags"].append("x")
    ensure_config(config)["metadata"]["x"] = 1
    assert config == before


def test_observers_of_all_configs_are_told(run_chain, recorder):
    second, third = [], []
    chain = RunnableLambda(inc).with_config(callbacks=[second.append]) | inc
    run_chain(chain.with_config(callbacks=third.append), 1, {"callbacks": [recorder]})
    assert len(starts(recorder)) == 3
    assert {e.run.name for e in second} == {"inc"}
    assert len({id(e.run) for e in second}) == 1
    assert len({id(e.run) for e in third}) == 3


def test_an_observer_given_twice_is_told_once(run_chain, recorder):
    chain = RunnableLambda(inc).with_config(callbacks=[recorder])
    run_chain(chain, 1, {"callbacks": [recorder, recorder]})
    assert len(starts(recorder)) == 1


def test_a_run_id_must_be_one(run_chain, recorder):
    with pytest.raises(ValueError, match="expected a UUID or its text, got 'mine'"):
        run_chain(RunnableLambda(inc), 1, {"run_id": "mine", "callbacks": [recorder]})


def test_a_run_id_is_not_used_again_across_a_batch(recorder):
    id = uuid4()
    RunnableLambda(inc).batch([1, 2, 3], {"run_id": id, "callbacks": [recorder]})
    ids = [run.id for run in starts(recorder)]
    assert ids.count(str(id)) == 1
    assert len(set(ids)) == 3
    assert all(UUID(each) for each in ids)


def test_a_config_reaches_nested_calls_by_parameter_and_by_context(run_chain, recorder):
    inner = RunnableLambda(inc, name="inner")

    def by_parameter(x, config):
        return inner.invoke(x, config)

    def by_context(x):
        return inner.invoke(x)

    chain = RunnableLambda(by_parameter) | by_context
    run_chain(chain, 1, {"tags": ["t"], "metadata": {"m": 1}, "callbacks": [recorder]})
    nested = [run for run in starts(recorder) if run.name == "inner"]
    assert [run.parent.name for run in nested] == ["by_parameter", "by_context"]
    assert all((run.tags, run.metadata) == (["t"], {"m": 1}) for run in nested)


def test_a_nested_call_s_own_config_adds_to_it(run_chain, recorder):
    inner = RunnableLambda(inc, name="inner")

    def outer(x, config):
        return inner.invoke(x, {"tags": ["nested"], "run_name": "named"})

    run_chain(RunnableLambda(outer), 1, {"tags": ["t"], "callbacks": [recorder]})
    assert by_name(recorder)["named"].tags == ["t", "nested"]


def test_a_wrong_config_says_what_was_expected(run_chain):
    with pytest.raises(TypeError, match="expected a dict such as"):
        run_chain(RunnableLambda(inc), 1, ["tags"])
    with pytest.raises(TypeError, match=r"config\['tags'\]: expected list, got 'a'"):
        run_chain(RunnableLambda(inc), 1, {"tags": "a"})


# merge, patch, ensure


def test_merging_adds_tags_and_callbacks_and_merges_the_rest():
    merged = merge_configs(
        {"tags": ["a"], "metadata": {"x": 1}, "callbacks": [1], "run_name": "one", "mine": 1},
        None,
        {
            "tags": ["b", "a"],
            "metadata": {"y": 2},
            "callbacks": 2,
            "run_name": "two",
            "max_concurrency": None,
        },
    )
    assert merged == {
        "tags": ["a", "b"],
        "metadata": {"x": 1, "y": 2},
        "callbacks": [1, 2],
        "run_name": "two",
        "mine": 1,
    }


def test_patching_replaces_keys_and_drops_the_name_with_the_callbacks():
    config = {"run_name": "a", "run_id": uuid4(), "tags": ["t"], "configurable": {"x": 1}}
    assert patch_config(config, run_name="b", configurable={"y": 2}) == {
        **config,
        "run_name": "b",
        "configurable": {"x": 1, "y": 2},
    }
    assert patch_config(config, callbacks=[print]) == {
        "tags": ["t"],
        "configurable": {"x": 1},
        "callbacks": [print],
    }
    assert patch_config(None, recursion_limit=3, max_concurrency=2) == {
        "recursion_limit": 3,
        "max_concurrency": 2,
    }


def test_an_ensured_config_is_complete():
    assert ensure_config() == {
        "tags": [],
        "metadata": {},
        "callbacks": None,
        "recursion_limit": 25,
        "configurable": {},
    }
    config = ensure_config({"tags": ["t"], "run_name": "n", "mine": 1})
    assert (config["tags"], config["run_name"], config["mine"], config["metadata"]) == (["t"], "n", 1, {})


def test_inside_a_function_it_has_what_the_function_runs_under(run_chain, recorder):
    seen = []

    def look(x):
        config = ensure_config({"tags": ["here"]})
        seen.append((config["tags"], config["metadata"]))
        return RunnableLambda(inc).invoke(x, config)

    run_chain(RunnableLambda(look), 1, {"tags": ["t"], "metadata": {"m": 1}, "callbacks": [recorder]})
    assert seen == [(["t", "here"], {"m": 1})]
    assert by_name(recorder)["inc"].parent.name == "look"


# Bindings


def test_bound_arguments_reach_the_call_and_later_ones_win(run_chain):
    chain = RunnableLambda(lambda x, a, b=0: (x, a, b)).bind(a=1).bind(a=2, b=3)
    assert run_chain(chain, 0) == (0, 2, 3)


def test_stated_types_stay_with_the_binding(run_chain):
    chain = RunnableLambda(inc).with_types(input_type=int, output_type=float).bind().with_config(tags=["t"])
    assert (chain.custom_input_type, chain.custom_output_type) == (int, float)
    assert chain.with_types(output_type=int).custom_input_type is int
    assert run_chain(chain, 1) == 2


def test_attributes_pass_through_a_binding():
    chain = RunnableLambda(inc).bind(a=1).with_config(tags=["t"])
    assert chain.func is inc
    assert RunnableLambda(takes_config).with_config(tags=["t"]).func is takes_config
    with pytest.raises(AttributeError, match="nothing"):
        _ = chain.nothing


def test_a_method_that_takes_a_config_gets_the_bound_one():
    class Tool(Runnable):
        def invoke(self, input, config=None):
            return input

        def describe(self, config=None):
            return (config or {}).get("tags")

    bound = Tool().with_config(tags=["t"])
    assert bound.describe() == ["t"]
    assert bound.describe(config={"tags": ["u"]}) == ["t", "u"]
