"""What people rely on: astream_log. The numbers are those of the project's list of behaviours."""

import asyncio
import re

import jsonpatch

from workbench import (
    ChatPromptTemplate,
    FakeChatModel,
    RunLog,
    RunLogPatch,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
)

ENTRY_KEYS = {
    "id",
    "name",
    "type",
    "tags",
    "metadata",
    "start_time",
    "streamed_output",
    "streamed_output_str",
    "final_output",
    "end_time",
}


def joke_chain():
    model = FakeChatModel(responses=["Hi you"]).with_config(run_name="my_llm")
    return ChatPromptTemplate.from_template("about {topic}") | model | StrOutputParser()


def log_of(chain, input, **options):
    async def main():
        return [item async for item in chain.astream_log(input, **options)]

    return asyncio.run(main())


def ops_at(patches, path):
    return [op for patch in patches for op in patch.ops if op["path"] == path]


def test_the_first_patch_replaces_everything_with_six_keys():
    """behaviour 35"""
    first = log_of(joke_chain(), "bears")[0]
    assert isinstance(first, RunLogPatch)
    (op,) = first.ops
    assert (op["op"], op["path"]) == ("replace", "")
    assert set(op["value"]) == {"id", "name", "type", "streamed_output", "final_output", "logs"}
    assert (op["value"]["streamed_output"], op["value"]["final_output"], op["value"]["logs"]) == (
        [],
        None,
        {},
    )


def test_an_entry_has_ten_keys_and_times_in_utc_with_milliseconds():
    """behaviour 35"""
    patches = log_of(joke_chain(), "bears")
    (op,) = ops_at(patches, "/logs/my_llm")
    assert set(op["value"]) == ENTRY_KEYS
    (end,) = ops_at(patches, "/logs/my_llm/end_time")
    for time in (op["value"]["start_time"], end["value"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", time)


def test_a_finished_run_adds_its_output_then_its_end_in_one_patch():
    """behaviour 35"""
    for name in ("ChatPromptTemplate", "my_llm", "StrOutputParser"):
        (patch,) = [p for p in log_of(joke_chain(), "x") if p.ops[-1]["path"] == f"/logs/{name}/end_time"]
        assert [(op["op"], op["path"]) for op in patch.ops] == [
            ("add", f"/logs/{name}/final_output"),
            ("add", f"/logs/{name}/end_time"),
        ]


def test_each_output_chunk_is_added_and_the_sum_replaced_only_where_it_changed():
    """behaviour 36"""
    root = [
        [(op["op"], op["path"], op["value"]) for op in patch.ops]
        for patch in log_of(joke_chain(), "bears")
        if patch.ops[0]["path"] == "/streamed_output/-"
    ]
    assert root == [
        [("add", "/streamed_output/-", "Hi"), ("replace", "/final_output", "Hi")],
        [("add", "/streamed_output/-", " "), ("replace", "/final_output", "Hi ")],
        [("add", "/streamed_output/-", "you"), ("replace", "/final_output", "Hi you")],
        [("add", "/streamed_output/-", "")],
    ]


def test_runs_of_one_name_are_numbered():
    """behaviour 37"""
    step = RunnableLambda(lambda x: x, name="Same")
    patches = log_of(step | step | RunnableParallel(a=step), 1)
    state = sum(patches[1:], patches[0] + RunLogPatch()).state
    assert list(state["logs"]) == ["Same", "Same:2", "RunnableParallel<a>", "Same:3"]


def test_patches_add_up_to_a_log_and_to_what_json_patch_makes_of_them():
    """behaviour 37"""
    patches = log_of(joke_chain(), "bears")
    log = patches[0] + patches[1]
    for patch in patches[2:]:
        log += patch
    assert isinstance(log, RunLog)
    document = None
    for patch in patches:
        document = jsonpatch.apply_patch(document, patch.ops)
    assert log.state == document
    assert log.state["final_output"] == "Hi you"
    assert log.state["streamed_output"] == ["Hi", " ", "you", ""]


def test_states_of_diff_false_are_snapshots_of_their_reader_s_own():
    """behaviour 37"""
    logs = log_of(joke_chain(), "bears", diff=False)
    assert all(isinstance(log, RunLog) for log in logs)
    lengths = [len(log.state["streamed_output"]) for log in logs]
    assert (lengths[0], lengths[-1]) == (0, 4)
    assert lengths == sorted(lengths)
    logs[-2].state["streamed_output"].clear()
    logs[-2].state["final_output"] = "changed"
    assert logs[-1].state["final_output"] == "Hi you"
    assert len(logs[-1].state["streamed_output"]) == 4
