"""astream_log: the patches, the state they build, and what they cost."""

import asyncio
import gc
import json
import time
import tracemalloc
from contextlib import aclosing

import jsonpatch
import pytest

from workbench import (
    AddableDict,
    ChatPromptTemplate,
    FakeChatModel,
    RunLog,
    RunLogPatch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
)


def joke_chain():
    prompt = ChatPromptTemplate.from_template("tell me a joke about {topic}")
    model = FakeChatModel(responses=["Hi you"]).with_config(run_name="my_llm")
    return prompt | model | StrOutputParser()


def log_of(chain, input, **options):
    async def main():
        return [patch async for patch in chain.astream_log(input, **options)]

    return asyncio.run(main())


def applied(patches):
    document = None
    for patch in patches:
        document = jsonpatch.apply_patch(document, patch.ops)
    return document


def token_source(n):
    async def tokens(x):
        for _ in range(n):
            yield "token "

    return RunnableLambda(tokens)


def paths(patches):
    return [[(op["op"], op["path"]) for op in patch.ops] for patch in patches]


def test_the_first_patch_replaces_all_with_six_keys():
    first = log_of(joke_chain(), "bears")[0]
    (op,) = first.ops
    assert (op["op"], op["path"]) == ("replace", "")
    assert sorted(op["value"]) == ["final_output", "id", "logs", "name", "streamed_output", "type"]
    assert (op["value"]["name"], op["value"]["type"]) == ("RunnableSequence", "chain")


def test_patches_come_in_the_order_people_know():
    """The sequence for prompt | model | parser with one token and the empty last chunk."""
    chain = (
        ChatPromptTemplate.from_template("{topic}")
        | FakeChatModel(responses=["Hi"]).with_config(run_name="my_llm")
        | StrOutputParser()
    )
    prompt, llm, parser = "/logs/ChatPromptTemplate", "/logs/my_llm", "/logs/StrOutputParser"

    def token(last):
        root = [("add", "/streamed_output/-")] + ([] if last else [("replace", "/final_output")])
        return [
            [("add", f"{llm}/streamed_output_str/-"), ("add", f"{llm}/streamed_output/-")],
            *([] if last else [[("add", parser)]]),
            [("add", f"{parser}/streamed_output/-")],
            root,
        ]

    def end(path):
        return [("add", f"{path}/final_output"), ("add", f"{path}/end_time")]

    assert paths(log_of(chain, "bears")) == [
        [("replace", "")],
        [("add", prompt)],
        end(prompt),  # a step that does not stream is over before its output goes on
        [("add", llm)],
        *token(last=False),
        *token(last=True),
        end(llm),
        end(parser),
    ]


def test_a_root_that_does_not_stream_gives_its_output_as_one_chunk():
    patches = log_of(ChatPromptTemplate.from_template("{t}"), "bears")
    assert paths(patches) == [
        [("replace", "")],
        [("add", "/streamed_output/-"), ("replace", "/final_output")],
    ]
    assert applied(patches)["final_output"].to_string() == "Human: bears"


def test_a_log_with_only_the_retriever_reads_as_in_the_document():
    docs = RunnableLambda(lambda q: ["harrison worked at kensho"]).with_config(run_name="Docs")
    answer = FakeChatModel(responses=["At Kensho"])
    chain = {"context": docs, "question": RunnablePassthrough()} | ChatPromptTemplate.from_template(
        "{context} {question}"
    )
    patches = log_of(chain | answer | StrOutputParser(), "where?", include_names=["Docs"])
    seen = paths(patches)
    assert seen[0] == [("replace", "")]
    assert seen[1] == [("add", "/logs/Docs")]
    assert [("add", "/logs/Docs/final_output"), ("add", "/logs/Docs/end_time")] in seen
    token = [("add", "/streamed_output/-"), ("replace", "/final_output")]
    assert seen[-4:] == [token, token, token, [("add", "/streamed_output/-")]]
    assert patches[-1].ops[0]["value"] == ""  # a lone empty chunk at the end


def test_entries_have_the_ten_keys_and_times_in_milliseconds():
    state = applied(log_of(joke_chain(), "bears"))
    entry = state["logs"]["my_llm"]
    assert sorted(entry) == sorted(
        [
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
        ]
    )
    assert (entry["type"], entry["tags"]) == ("llm", ["seq:step:2"])
    for key in ("start_time", "end_time"):
        assert len(entry[key]) == len("2024-01-19T22:33:55.902+00:00")
        assert entry[key].endswith("+00:00")
    assert "".join(entry["streamed_output_str"]) == "Hi you"
    assert entry["final_output"]["generations"][0][0]["text"] == "Hi you"


def test_patches_applied_with_jsonpatch_give_the_log_s_own_state():
    patches = log_of(joke_chain(), "bears")
    log = sum(patches[1:], patches[0])
    assert isinstance(log, RunLog)
    assert log.state == applied(patches)
    assert log.state["final_output"] == "Hi you"


def test_parallel_outputs_are_patched_per_key():
    chain = RunnableParallel(joke=token_source(3), poem=token_source(2))
    patches = log_of(chain, 0)
    state = applied(patches)
    assert state["final_output"] == {"joke": "token " * 3, "poem": "token " * 2}
    assert sum(patches[1:], patches[0]).state == state


def test_names_are_numbered_and_may_hold_slashes():
    chain = RunnableLambda(lambda x: x, name="a/b") | RunnableLambda(lambda x: x, name="a/b") | (lambda x: x)
    patches = log_of(chain, 1)
    assert {"a/b", "a/b:2"} <= set(applied(patches)["logs"])
    assert sum(patches[1:], patches[0]).state == applied(patches)


def test_filters_choose_entries_by_name_type_and_tag():
    def logs(**options):
        return list(applied(log_of(joke_chain(), "bears", **options))["logs"])

    assert logs(include_names=["my_llm"]) == ["my_llm"]
    assert logs(include_types=["prompt"]) == ["ChatPromptTemplate"]
    assert logs(include_tags=["seq:step:3"]) == ["StrOutputParser"]
    assert logs(exclude_names=["my_llm"]) == ["ChatPromptTemplate", "StrOutputParser"]
    assert logs(exclude_types=["llm", "prompt"]) == ["StrOutputParser"]


def test_without_the_output_list_only_the_sum_is_sent():
    patches = log_of(joke_chain(), "bears", with_streamed_output_list=False)
    assert not any(op["path"] == "/streamed_output/-" for patch in patches for op in patch.ops)
    assert applied(patches)["final_output"] == "Hi you"


def test_states_are_snapshots_of_their_reader():
    logs = log_of(token_source(5) | RunnablePassthrough(), 0, diff=False)
    assert all(isinstance(log, RunLog) for log in logs)
    lengths = [len(log.state["streamed_output"]) for log in logs]
    assert lengths == sorted(lengths) and lengths[-1] == 5
    logs[-2].state["streamed_output"].clear()
    assert len(logs[-1].state["streamed_output"]) == 5
    assert [len(log.state["streamed_output"]) for log in log_of(token_source(2), 0, diff=False)][-1] == 2


def test_a_failing_step_is_ended_in_the_log_with_what_it_had():
    def late(chunks):
        yield "some"
        raise ValueError("late")

    got = []

    async def main():
        async for patch in (RunnableLambda(lambda x: x) | late).astream_log("x"):
            got.append(patch)

    with pytest.raises(ValueError, match="late"):
        asyncio.run(main())
    entry = applied(got)["logs"]["late"]
    assert entry["end_time"] is not None
    assert entry["final_output"] == {"output": "some"}


def test_patches_arrive_while_a_step_still_works():
    async def main():
        seen = asyncio.Event()

        async def slow(x):
            await asyncio.wait_for(seen.wait(), 10)
            return x

        async with aclosing((RunnableLambda(lambda x: x) | slow).astream_log(1)) as patches:
            async for patch in patches:
                if patch.ops[0]["path"] == "/logs/slow":
                    seen.set()
        return seen.is_set()

    assert asyncio.run(main())


def test_closing_a_log_stops_the_work():
    made = []

    async def endless(x):
        for number in range(100_000):
            made.append(number)
            yield "x"
            await asyncio.sleep(0)

    async def main():
        async with aclosing(RunnableLambda(endless).astream_log(0)) as patches:
            async for _ in patches:
                if len(made) > 3:
                    break
        seen = len(made)
        await asyncio.sleep(0.05)
        return len(made) - seen

    assert asyncio.run(main()) == 0
    assert len(made) < 200


def test_a_reader_that_stalls_stops_the_producer():
    made = []

    async def endless(x):
        for number in range(100_000):
            made.append(number)
            yield "x"

    async def main():
        async with aclosing(RunnableLambda(endless).astream_log(0)) as patches:
            await anext(patches)
            await asyncio.sleep(0.1)
            return len(made)

    assert asyncio.run(main()) < 200


def test_values_are_ordinary_json_patch_to_everybody():
    patches = log_of(token_source(3), 0, include_names=[])
    ops = [op for patch in patches for op in patch.ops if op["path"] == "/final_output"]
    assert json.loads(json.dumps(ops)) == [
        {"op": "replace", "path": "/final_output", "value": "token " * n} for n in (1, 2, 3)
    ]
    assert dict(ops[1])["value"] == "token " * 2  # read again, out of order
    assert "'value': 'token token '" in str(RunLogPatch(ops[1]))


def test_a_kept_log_takes_memory_in_proportion_to_its_tokens():
    def kept(n):
        gc.collect()
        tracemalloc.start()
        log = log_of(token_source(n) | RunnablePassthrough(), 0)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(log) > n
        return size / n

    assert kept(4_000) < 1.5 * kept(1_000)


@pytest.mark.timed
def test_adding_a_patch_costs_no_more_in_a_long_log():
    patches = log_of(RunnableGenerator(_tokens_of(8_000)), 0)

    def cost(start, stop, log):
        started = time.perf_counter()
        for patch in patches[start:stop]:
            log = log + patch
        return time.perf_counter() - started, log

    first, log = cost(1, 2_000, patches[0] + RunLogPatch())
    _, log = cost(2_000, 6_000, log)
    last, log = cost(6_000, 7_999, log)
    assert last < 3 * first


def _tokens_of(n):
    async def tokens(chunks):
        async for _ in chunks:
            for _ in range(n):
                yield "x"

    return tokens


@pytest.mark.parametrize(
    ("chunks", "total"),
    [
        ([{"a": 1}, {"a": 1, "b": 2}], {"a": 1, "b": 2}),  # a parser's: each replaces the one before
        ([AddableDict(a="x"), None, AddableDict(a="y")], {"a": "xy"}),
        ([AddableDict(a="x"), {"a": "y"}], {"a": "xy"}),
        ([{"a": "x"}, AddableDict(a="y")], {"a": "xy"}),
    ],
)
def test_the_final_output_of_dict_chunks_is_their_sum_as_invoke_gives_it(chunks, total):
    async def yielding(x):
        for chunk in chunks:
            yield chunk

    chain = RunnableLambda(yielding)
    assert asyncio.run(chain.ainvoke(0)) == total
    assert applied(log_of(chain, 0))["final_output"] == total
    first, *others = log_of(chain, 0)
    assert sum(others, start=first).state["final_output"] == total
