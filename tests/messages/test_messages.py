"""Messages: what they say, how pieces add up, and how they come from and go to other forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    ToolMessageChunk,
    convert_to_messages,
    convert_to_openai_messages,
    get_buffer_string,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
PARTS = [
    {"type": "text", "text": "What is "},
    "this? ",
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
]
EVERY_KIND = [
    SystemMessage("Be brief."),
    HumanMessage(PARTS, name="ann", id="m1"),
    AIMessage(
        "", tool_calls=[CALL], usage_metadata={"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    ),
    ToolMessage("2", tool_call_id="c1", artifact={"raw": [1, 1]}, status="success"),
    FunctionMessage("2", name="add"),
    ChatMessage("hm", role="critic"),
    RemoveMessage("m1"),
    AIMessageChunk("be", tool_call_chunks=[{"name": "f", "args": "{", "id": "1", "index": 0}]),
]


def chunk(text: str = "", **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=text, **fields)


def test_text_is_the_text_of_all_parts() -> None:
    assert HumanMessage(PARTS).text == "What is this? "
    assert HumanMessage("hi").text == "hi"
    assert HumanMessage([]).text == ""


def test_a_tool_call_may_be_written_without_its_type() -> None:
    message = AIMessage("", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c1"}])
    assert message.tool_calls == [{"name": "f", "args": {"x": 1}, "id": "c1", "type": "tool_call"}]


def test_what_a_tool_answers_becomes_text_or_parts() -> None:
    assert ToolMessage(42, tool_call_id="c").content == "42"
    assert ToolMessage("a", tool_call_id=7).tool_call_id == "7"
    assert ToolMessage(("a", 1), tool_call_id="c").content == ["a", "1"]
    assert ToolMessage(PARTS, tool_call_id="c").content == PARTS


def test_every_kind_comes_back_from_its_json() -> None:
    data = json.loads(json.dumps(messages_to_dict(EVERY_KIND)))
    back = messages_from_dict(data)
    assert back == EVERY_KIND
    assert [type(message) for message in back] == [type(message) for message in EVERY_KIND]


@pytest.mark.parametrize("wrong", [{"data": {}}, "human", {"type": "human"}, {"type": "martian", "data": {}}])
def test_data_that_are_no_messages_are_refused_with_what_came(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|unknown role"):
        messages_from_dict([wrong])


def test_a_removal_takes_an_id_and_nothing_else() -> None:
    assert RemoveMessage("m1").id == "m1"
    assert RemoveMessage(id="m1").content == ""
    with pytest.raises(ValueError, match="got content"):
        RemoveMessage("m1", content="text")


def test_the_printed_form_names_the_speaker_and_the_calls(capsys: pytest.CaptureFixture[str]) -> None:
    message = AIMessage(
        "Let me see.",
        name="bot",
        tool_calls=[CALL],
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "2", "error": "no JSON"}],
    )
    message.pretty_print()
    printed = capsys.readouterr().out
    heading, *lines = printed.splitlines()
    assert len(heading) == 80
    assert " Ai Message " in heading
    assert lines[:3] == ["Name: bot", "", "Let me see."]
    assert "  add (c1)" in lines
    assert "    a: 1" in lines
    assert "    error: no JSON" in lines
    assert message.pretty_repr(html=True).startswith("\033[1m=")


def test_a_chunk_becomes_the_message_of_its_kind() -> None:
    whole = chunk("a", id="1") + chunk("b")
    assert message_chunk_to_message(whole) == AIMessage("ab", id="1")
    assert message_chunk_to_message(HumanMessage("x")) == HumanMessage("x")
    critic = ChatMessageChunk(content="h", role="critic") + ChatMessageChunk(content="m", role="critic")
    assert message_chunk_to_message(critic) == ChatMessage("hm", role="critic")


class TestAdding:
    def test_text_joins_and_what_names_the_message_stays(self) -> None:
        whole = chunk("a", id="1") + chunk("b", response_metadata={"model_name": "m"}) + chunk("c")
        assert (whole.content, whole.id, whole.response_metadata) == ("abc", "1", {"model_name": "m"})

    def test_a_list_of_pieces_adds_too(self) -> None:
        rest: list[Any] = [chunk("b"), chunk("c")]
        assert (chunk("a") + rest).content == "abc"
        with pytest.raises(TypeError):
            chunk("a") + rest[0:1] + "b"

    def test_many_at_once_are_the_same_as_one_by_one(self) -> None:
        pieces = [
            chunk("a", additional_kwargs={"refusal": "no"}),
            chunk("b", additional_kwargs={"refusal": " way", "n": 1}),
            chunk([{"type": "text", "text": "c", "index": 0}]),
            chunk([{"type": "text", "text": "d", "index": 0}, {"type": "text", "text": "e", "index": 1}]),
            chunk(usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
        ]
        one_by_one = pieces[0]
        for piece in pieces[1:]:
            one_by_one = one_by_one + piece
        assert AIMessageChunk.__concat__(pieces) == one_by_one
        assert one_by_one.additional_kwargs == {"refusal": "no way", "n": 1}
        assert one_by_one.content == [
            "ab",
            {"type": "text", "text": "cd", "index": 0},
            {"type": "text", "text": "e", "index": 1},
        ]

    def test_usage_sums_with_its_details(self) -> None:
        usage = {
            "input_tokens": 1,
            "output_tokens": 2,
            "total_tokens": 3,
            "input_token_details": {"cache_read": 1},
        }
        whole = chunk(usage_metadata=usage) + chunk(usage_metadata=usage)
        assert whole.usage_metadata == {
            "input_tokens": 2,
            "output_tokens": 4,
            "total_tokens": 6,
            "input_token_details": {"cache_read": 2},
        }

    def test_pieces_of_tool_calls_join_by_index(self) -> None:
        pieces = [
            chunk(tool_call_chunks=[{"name": "add", "args": '{"a"', "id": "c1", "index": 0}]),
            chunk(tool_call_chunks=[{"name": "sub", "args": "{}", "id": "c2", "index": 1}]),
            chunk(
                tool_call_chunks=[{"name": None, "args": ": 1}", "id": None, "index": 0}],
                chunk_position="last",
            ),
        ]
        whole = AIMessageChunk.__concat__(pieces)
        assert [(call["name"], call["args"], call["id"]) for call in whole.tool_calls] == [
            ("add", {"a": 1}, "c1"),
            ("sub", {}, "c2"),
        ]

    def test_a_call_cut_off_shows_what_came_while_it_grows_and_is_invalid_at_the_end(self) -> None:
        cut = [{"name": "add", "args": '{"a": 1, "b', "id": "c1", "index": 0}]
        assert chunk(tool_call_chunks=cut).tool_calls[0]["args"] == {"a": 1}
        ended = chunk(tool_call_chunks=cut, chunk_position="last")
        assert ended.tool_calls == []
        assert ended.invalid_tool_calls[0]["args"] == '{"a": 1, "b'

    def test_an_error_in_one_piece_of_a_tools_answer_is_one_of_the_whole(self) -> None:
        first = ToolMessageChunk(content="a", tool_call_id="1", status="error")
        whole = first + ToolMessageChunk(content="b", tool_call_id="1", artifact=3)
        assert (whole.content, whole.status, whole.artifact) == ("ab", "error", 3)

    def test_pieces_of_different_messages_do_not_add(self) -> None:
        with pytest.raises(ValueError, match="different tool_call_id"):
            ToolMessageChunk(content="", tool_call_id="1") + ToolMessageChunk(content="", tool_call_id="2")
        with pytest.raises(TypeError):
            HumanMessageChunk(content="") + 3

    def test_a_stream_of_many_pieces_adds_in_one_pass(self) -> None:
        pieces = [chunk("x" * 10) for _ in range(20_000)]
        assert len(AIMessageChunk.__concat__(pieces).text) == 200_000

    def test_a_chunk_of_text_is_what_the_checked_one_is(self) -> None:
        quick, checked = AIMessageChunk._of_text("hi", "id1"), AIMessageChunk(content="hi", id="id1")
        assert quick == checked
        assert quick.model_dump() == checked.model_dump()
        assert quick.model_dump(exclude_unset=True) == checked.model_dump(exclude_unset=True)
        assert (quick + quick).text == "hihi"
        quick.extra = 1  # type: ignore[attr-defined]  # messages take fields of their provider
        assert AIMessageChunk._of_text("other").model_extra == {}


IMAGES: list[Any] = [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    {"type": "image_url", "image_url": "data:image/png;base64,aGk="},
    {"type": "image", "url": "data:image/png;base64,aGk="},
    {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    {"type": "image", "source_type": "base64", "data": "aGk=", "mime_type": "image/png"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
]


class TestConverting:
    def test_images_of_every_form_go_in_the_api_s_own(self) -> None:
        for part in IMAGES[2:]:
            (sent,) = convert_to_openai_messages(HumanMessage([part]))["content"]
            assert sent == IMAGES[0]
        other = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
        assert convert_to_openai_messages(HumanMessage(["hi", other]))["content"] == [
            {"type": "text", "text": "hi"},
            other,
        ]

    def test_pairs_dicts_and_text_become_messages(self) -> None:
        assert convert_to_messages(
            [("system", "s"), {"role": "user", "content": "u"}, "t", ("assistant", "a")]
        ) == [
            SystemMessage("s"),
            HumanMessage("u"),
            HumanMessage("t"),
            AIMessage("a"),
        ]

    @pytest.mark.parametrize(
        "wrong", [3, None, [3], [("human", "a", "b")], {"role": "user"}, [{"content": "x"}]]
    )
    def test_what_is_no_message_says_what_was_expected(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="expected"):
            convert_to_messages(wrong)

    def test_an_unknown_role_names_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"unknown role 'robot'.*human, user"):
            convert_to_messages([("robot", "hi")])

    def test_the_openai_form_and_back(self) -> None:
        messages = [
            SystemMessage("s"),
            AIMessage("", tool_calls=[CALL]),
            ToolMessage("2", tool_call_id="c1"),
            ChatMessage("x", role="critic"),
        ]
        sent = convert_to_openai_messages(messages)
        assert sent[1] == {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
            ],
        }
        assert convert_to_messages(sent[:3]) == messages[:3]
        assert sent[3] == {"role": "critic", "content": "x"}

    def test_a_developers_message_stays_one(self) -> None:
        (message,) = convert_to_messages([{"role": "developer", "content": "d"}])
        assert isinstance(message, SystemMessage)
        assert convert_to_openai_messages([message]) == [{"role": "developer", "content": "d"}]

    def test_one_message_gives_one_dict_and_blocks_if_asked(self) -> None:
        assert convert_to_openai_messages(HumanMessage("hi"), text_format="block") == {
            "role": "user",
            "content": [{"type": "text", "text": "hi"}],
        }
        with pytest.raises(ValueError, match="text_format"):
            convert_to_openai_messages("hi", text_format="xml")  # type: ignore[arg-type]  # wrong on purpose

    def test_a_removal_cannot_be_sent(self) -> None:
        with pytest.raises(TypeError, match="'remove' cannot be sent"):
            convert_to_openai_messages([RemoveMessage("1")])

    def test_calls_whose_arguments_are_no_json_are_kept_as_invalid(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{oops"}}
        (message,) = convert_to_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])
        assert isinstance(message, AIMessage)
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["args"] == "{oops"

    def test_a_buffer_is_a_line_for_each_speaker(self) -> None:
        text = get_buffer_string(
            [HumanMessage("hi"), AIMessage("yo"), ChatMessage("hm", role="critic")], ai_prefix="Bot"
        )
        assert text == "Human: hi\nBot: yo\ncritic: hm"


class TestHtml:
    def test_content_is_escaped_and_hidden_characters_are_seen(self) -> None:
        shown = HumanMessage("<img src=x onerror=alert(1)> \x1b[31m \u202egnp", name="<b>")._repr_html_()
        assert "<img" not in shown
        assert "<b>" not in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "&lt;img src=x" in shown

    def test_an_image_is_drawn_whatever_its_form(self) -> None:
        for part in IMAGES:
            assert 'src="data:image/png;base64,aGk="' in HumanMessage([part])._repr_html_()

    def test_an_image_is_drawn_from_its_bytes_only(self) -> None:
        pixel = "data:image/png;base64,iVBORw0KGgo="
        for url, drawn in [
            (pixel, True),
            ("https://example.org/a.png", False),
            ("data:image/svg+xml;base64,PHN2Zz4=", False),
            ('data:image/png;base64,x" onload="alert(1)', False),
        ]:
            shown = HumanMessage([{"type": "image_url", "image_url": {"url": url}}])._repr_html_()
            assert ("<img" in shown) is drawn, url
            assert "onload=" not in shown

    def test_calls_usage_and_errors_are_shown(self) -> None:
        message = AIMessage(
            "",
            tool_calls=[CALL],
            invalid_tool_calls=[{"name": "f", "args": "{<", "id": "1", "error": "no JSON"}],
            usage_metadata={"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
        )
        shown = message._repr_html_()
        assert "add({" in shown
        assert "f({&lt;)" in shown
        assert "no JSON" in shown
        assert "3 tokens read, 1 written" in shown
        assert "error" in ToolMessage("no", tool_call_id="1", status="error")._repr_html_()

    def test_a_huge_text_shows_its_head_and_tail(self) -> None:
        shown = HumanMessage("a" * 5_000_000 + "z")._repr_html_()
        assert len(shown) < 25_000
        assert "left out" in shown


def test_a_message_without_content_is_refused() -> None:
    with pytest.raises(ValidationError, match="content"):
        HumanMessage()
    with pytest.raises(ValidationError, match="tool_call_id"):
        ToolMessage("x")


def test_every_chunk_class_adds_up_to_itself() -> None:
    extra = {
        "FunctionMessageChunk": {"name": "f"},
        "ChatMessageChunk": {"role": "r"},
        "ToolMessageChunk": {"tool_call_id": "1"},
    }
    kinds = BaseMessageChunk.__subclasses__()
    assert len(kinds) == 6
    for kind in kinds:
        fields = extra.get(kind.__name__, {})
        whole = kind(content="a", **fields) + kind(content="b", **fields)
        assert whole == kind(content="ab", **fields)


def test_a_request_to_call_a_function_is_in_the_text_of_the_messages():
    asked = AIMessage("", additional_kwargs={"function_call": {"name": "add", "arguments": "{}"}})
    assert get_buffer_string([asked]) == 'AI: {"name": "add", "arguments": "{}"}'
