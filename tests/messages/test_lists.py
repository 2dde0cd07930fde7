"""Histories: trimmed, filtered, merged and counted."""

from __future__ import annotations

from typing import Any

import pytest

from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    FakeChatModel,
    HumanMessage,
    RunnableLambda,
    SystemMessage,
    ToolMessage,
    count_tokens_approximately,
    filter_messages,
    merge_message_runs,
    trim_messages,
)

CALL = {"name": "t", "args": {}, "id": "c1", "type": "tool_call"}
OTHER = {"name": "t", "args": {}, "id": "c2", "type": "tool_call"}
SYSTEM, ASK, CALLING = SystemMessage("s"), HumanMessage("a", id="1"), AIMessage("b", tool_calls=[CALL, OTHER])
ANSWER, BYE = ToolMessage("r", tool_call_id="c1"), HumanMessage("bye", name="ann")
HISTORY = [SYSTEM, ASK, CALLING, ANSWER, BYE]


def characters(messages: Any) -> int:
    return sum(len(message.text) for message in messages)


class TestTrim:
    def test_the_last_that_fit_are_kept(self) -> None:
        assert trim_messages(HISTORY, max_tokens=2, token_counter=len) == [ANSWER, BYE]

    def test_the_system_message_stays_and_counts(self) -> None:
        assert trim_messages(HISTORY, max_tokens=2, token_counter=len, include_system=True) == [SYSTEM, BYE]
        assert trim_messages(HISTORY, max_tokens=0, token_counter=len, include_system=True) == [SYSTEM]

    def test_start_on_and_end_on_leave_out_what_is_there_before_and_after(self) -> None:
        assert trim_messages(HISTORY, max_tokens=4, token_counter=len, start_on="human") == [
            ASK,
            CALLING,
            ANSWER,
            BYE,
        ]
        assert trim_messages(HISTORY, max_tokens=3, token_counter=len, start_on=HumanMessage) == [BYE]
        assert trim_messages(HISTORY, max_tokens=2, token_counter=len, end_on=("ai", "tool")) == [
            CALLING,
            ANSWER,
        ]

    def test_the_first_that_fit(self) -> None:
        assert trim_messages(HISTORY, max_tokens=3, token_counter=len, strategy="first") == [
            SYSTEM,
            ASK,
            CALLING,
        ]
        kept = trim_messages(HISTORY, max_tokens=3, token_counter=len, strategy="first", end_on="human")
        assert kept == [SYSTEM, ASK]

    def test_a_part_of_the_message_at_the_cut(self) -> None:
        lines = [HumanMessage("l1\nl2\nl3")]
        how: dict[str, Any] = {"max_tokens": 5, "token_counter": characters, "allow_partial": True}
        assert trim_messages(lines, **how) == [HumanMessage("l2\nl3")]
        assert trim_messages(lines, strategy="first", **how) == [HumanMessage("l1\n")]
        assert trim_messages(lines, text_splitter=list, **how) == [HumanMessage("l2\nl3")]
        parts = [HumanMessage([{"type": "text", "text": "abc"}, {"type": "text", "text": "de"}])]
        assert trim_messages(parts, **how | {"max_tokens": 3}) == [
            HumanMessage([{"type": "text", "text": "de"}])
        ]

    def test_the_counter_may_be_a_model_or_of_one_message(self) -> None:
        def characters_of_one(message: BaseMessage) -> int:
            return len(message.text)

        assert trim_messages(HISTORY, max_tokens=4, token_counter=characters_of_one) == [ANSWER, BYE]
        model = FakeChatModel(responses=[""])
        tokens = model.get_num_tokens_from_messages([ANSWER, BYE])
        assert trim_messages(HISTORY, max_tokens=tokens, token_counter=model) == [ANSWER, BYE]
        assert trim_messages(HISTORY, max_tokens=tokens - 1, token_counter=model) == [BYE]

    def test_a_counter_is_asked_few_times_for_a_long_history(self) -> None:
        asked = []

        def counter(messages: Any) -> int:
            asked.append(len(messages))
            return len(messages)

        history = [HumanMessage(str(n)) for n in range(10_000)]
        assert len(trim_messages(history, max_tokens=5, token_counter=counter)) == 5
        assert len(asked) < 20

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"strategy": "middle"}, "strategy"),
            ({"strategy": "first", "include_system": True}, "include_system"),
            ({"strategy": "first", "start_on": "human"}, "start_on"),
            ({"max_tokens": -1}, "max_tokens"),
            ({"max_tokens": "3"}, "max_tokens"),
            ({"token_counter": 3}, "token_counter"),
            ({"end_on": "martian"}, "end_on.*unknown role"),
        ],
    )
    def test_wrong_options_are_refused_when_the_step_is_made(
        self, wrong: dict[str, Any], message: str
    ) -> None:
        with pytest.raises((ValueError, TypeError), match=message):
            trim_messages(**{"max_tokens": 3, "token_counter": len, **wrong})

    def test_without_messages_it_is_a_step(self, run_chain: Any) -> None:
        chain = trim_messages(max_tokens=1, token_counter=len) | RunnableLambda(lambda found: found[0].text)
        assert run_chain(chain, HISTORY) == "bye"


class TestFilter:
    def test_without_conditions_all_stay(self) -> None:
        assert filter_messages(HISTORY) == HISTORY
        assert filter_messages([]) == []

    def test_any_include_is_enough_and_any_exclude_is_too_much(self) -> None:
        assert filter_messages(HISTORY, include_types=["system"], include_names=["ann"]) == [SYSTEM, BYE]
        assert filter_messages(HISTORY, include_types="human", exclude_ids=["1"]) == [BYE]
        assert filter_messages(HISTORY, exclude_types=[AIMessage, "tool"], exclude_names=["ann"]) == [
            SYSTEM,
            ASK,
        ]
        assert filter_messages(HISTORY, include_types=[]) == []

    def test_calls_of_tools_go_with_their_answers(self) -> None:
        assert filter_messages(HISTORY, exclude_tool_calls=True) == [SYSTEM, ASK, BYE]
        left = filter_messages(HISTORY, exclude_tool_calls=["c1"])
        assert left == [SYSTEM, ASK, AIMessage("b", tool_calls=[OTHER]), BYE]
        assert filter_messages(HISTORY, exclude_tool_calls=["c1", "c2"]) == [SYSTEM, ASK, BYE]
        assert filter_messages(HISTORY, exclude_tool_calls=["none"]) == HISTORY

    def test_one_name_instead_of_a_list_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"include_names: expected a list.*write \['ann'\]"):
            filter_messages(HISTORY, include_names="ann")

    def test_without_messages_it_is_a_step(self, run_chain: Any) -> None:
        chain = filter_messages(include_types="human") | RunnableLambda(len)
        assert run_chain(chain, HISTORY) == 2


class TestMerge:
    def test_neighbours_of_one_kind_become_one(self) -> None:
        merged = merge_message_runs([HumanMessage("a"), HumanMessage("b"), AIMessage("c"), HumanMessage("d")])
        assert merged == [HumanMessage("a\nb"), AIMessage("c"), HumanMessage("d")]

    def test_parts_calls_and_chunks_merge_and_nothing_given_changes(self) -> None:
        first, second = (
            AIMessage("a", tool_calls=[CALL]),
            AIMessage([{"type": "text", "text": "b"}], tool_calls=[OTHER]),
        )
        merged = merge_message_runs([first, second], chunk_separator=" ")
        assert merged == [AIMessage(["a", {"type": "text", "text": "b"}], tool_calls=[CALL, OTHER])]
        assert first == AIMessage("a", tool_calls=[CALL])
        assert merge_message_runs([AIMessageChunk("a"), AIMessage("b")], chunk_separator="") == [
            AIMessage("ab")
        ]

    def test_answers_of_tools_stay_apart(self) -> None:
        answers = [ToolMessage("1", tool_call_id="a"), ToolMessage("2", tool_call_id="b")]
        assert merge_message_runs(answers) == answers

    def test_without_messages_it_is_a_step(self, run_chain: Any) -> None:
        chain = merge_message_runs() | RunnableLambda(lambda found: found[0].text)
        assert run_chain(chain, ["a", "b"]) == "a\nb"


class TestCount:
    def test_longer_messages_names_calls_and_images_count_more(self) -> None:
        plain = count_tokens_approximately([HumanMessage("a" * 40)])
        assert plain == 10 + 3 + 2  # 45 characters with the kind's name, 3 tokens for the message, rounded up
        assert count_tokens_approximately([HumanMessage("a" * 40, name="somebody")]) == plain + 2
        assert count_tokens_approximately([AIMessage("", tool_calls=[CALL])]) > count_tokens_approximately(
            [AIMessage("")]
        )
        image = {"type": "image_url", "image_url": {"url": "x"}}
        assert count_tokens_approximately([HumanMessage([image])]) > 85

    def test_no_messages_have_no_tokens(self) -> None:
        assert count_tokens_approximately([]) == 0

    def test_a_wrong_width_is_refused(self) -> None:
        with pytest.raises(ValueError, match="chars_per_token"):
            count_tokens_approximately(["a"], chars_per_token=0)
