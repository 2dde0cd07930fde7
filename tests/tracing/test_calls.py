"""Cost and speed of calls: from chunks at known times, and of real runs."""

import pytest

from tests.chat_server import ChatServer
from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseChatModel,
    CallMeter,
    ChatOpenAI,
    FakeChatModel,
    RunnableParallel,
)
from workbench.engine.runs import Run
from workbench.models.generations import ChatGeneration, ChatResult
from workbench.tracing.calls import CallClock, CallStats

USAGE = {"input_tokens": 1000, "output_tokens": 9, "total_tokens": 1009}


def clocked(*chunks, output=None, type="chat_model", metadata=None):
    """The stats of a run that started at 10.0 s and had these (time, chunk) pairs."""
    run = Run("m", type, (), metadata=metadata)
    run.started = 10.0
    clock = CallClock(run)
    for at, chunk in chunks:
        clock.chunk(at, chunk)
    run.output = output
    return clock.stats(run)


def token(text, **fields):
    return AIMessageChunk(content=text, **fields)


def test_the_first_token_the_speed_after_it_and_the_gaps():
    stats = clocked((11.0, token("a")), (11.25, token("b")), (12.25, token("c")), (12.5, token("d")))
    assert stats.first_token_s == 1.0
    assert stats.output_tokens == 4
    assert stats.tokens_per_s == pytest.approx(2.0)
    assert (stats.gap_s.p50, stats.gap_s.p95, stats.gap_s.max) == (0.25, 1.0, 1.0)


def test_gaps_are_those_that_occurred():
    times = [11.0]
    for number in range(100):
        times.append(times[-1] + (0.5 if number in (7, 50, 90) else 0.0625))
    gaps = clocked(*((at, token("x")) for at in times)).gap_s
    assert (gaps.p50, gaps.p95, gaps.max) == (0.0625, 0.0625, 0.5)


def test_chunks_that_say_nothing_are_no_tokens():
    stats = clocked((11.0, token("")), (12.0, token("a")), (13.0, token("b")), (19.0, token("")))
    assert (stats.first_token_s, stats.output_tokens, stats.gap_s.max) == (2.0, 2, 1.0)
    assert clocked((11.0, ""), (12.0, "a"), (13.0, ""), (14.0, "b"), type="llm").gap_s.max == 2.0


def test_pieces_of_a_tool_call_are_tokens():
    piece = {"name": None, "args": "{", "id": None, "index": 0}
    stats = clocked(*((11.0 + i, token("", tool_call_chunks=[piece])) for i in range(3)))
    assert (stats.first_token_s, stats.output_tokens) == (1.0, 3)


def test_usage_wins_over_counting_and_a_prompt_is_never_counted():
    chunks = ((11.0, token("a")), (12.0, token("b")))
    counted = clocked(*chunks, output=AIMessage("ab"))
    assert (counted.input_tokens, counted.output_tokens, counted.total_tokens) == (None, 2, None)
    told = clocked(*chunks, output=AIMessage("ab", usage_metadata=USAGE))
    assert (told.input_tokens, told.output_tokens, told.total_tokens) == (1000, 9, 1009)
    assert told.tokens_per_s == pytest.approx(8.0)


def test_a_whole_answer_in_one_piece_is_not_one_token():
    whole = clocked((11.0, token("a long answer", chunk_position="last")))
    assert (whole.output_tokens, whole.tokens_per_s, whole.gap_s) == (None, None, None)
    assert whole.first_token_s == 1.0
    assert clocked((11.0, "a long answer"), type="llm").output_tokens is None


def test_a_run_without_chunks_tells_nothing_it_does_not_know():
    assert clocked() == CallStats()
    assert clocked().as_data() == {
        "model": None,
        "input_tokens": None,
        "output_tokens": None,
        "total_tokens": None,
        "first_token_s": None,
        "tokens_per_s": None,
        "gap_s": None,
        "cost_usd": None,
        "cached": False,
    }


def test_the_cost_is_that_of_the_model_that_answered():
    answer = AIMessage("x", usage_metadata=USAGE, response_metadata={"model_name": "gpt-4o-2024-08-06"})
    stats = clocked(output=answer)
    assert stats.model == "gpt-4o-2024-08-06"
    assert stats.cost_usd == pytest.approx((1000 * 2.5 + 9 * 10) / 1e6)
    assert clocked(output=AIMessage("x", usage_metadata=USAGE)).cost_usd is None
    assert clocked(output=AIMessage("x"), metadata={"ls_model_name": "gpt-4o"}).cost_usd is None


def test_an_answer_out_of_a_cache_costs_nothing():
    about = {"model_name": "gpt-4o", "cached": True}
    stats = clocked(output=AIMessage("x", usage_metadata=USAGE, response_metadata=about))
    assert (stats.cached, stats.cost_usd, stats.input_tokens) == (True, 0.0, 1000)


def test_data_of_gaps_is_plain():
    stats = clocked((11.0, token("a")), (12.0, token("b")))
    assert stats.as_data()["gap_s"] == {"p50": 1.0, "p95": 1.0, "max": 1.0}


def test_a_hundred_thousand_tokens_are_kept_in_four_bytes_each():
    run = Run("m", "llm", ())
    run.started = 0.0
    clock = CallClock(run)
    for number in range(100_000):
        clock.chunk(number / 1024, "x")
    assert clock.tokens == 100_000
    assert clock._gaps.itemsize == 4
    assert clock.stats().gap_s.max == 1 / 1024


class Priced(BaseChatModel):
    """Tells its usage, and has a name with a price."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        about = {"model_name": "gpt-4o"}
        message = AIMessage("hi", usage_metadata=dict(USAGE), response_metadata=about)
        return ChatResult([ChatGeneration(message)])


def test_a_meter_counts_calls_in_every_form(run_chain):
    meter = CallMeter()
    model = FakeChatModel(responses=["a b"])
    run_chain(RunnableParallel(x=model, y=model), "hi", {"callbacks": [meter]})
    assert [call.output_tokens for call in meter.calls] == [3, 3]
    assert all(call.first_token_s > 0 for call in meter.calls)
    assert (meter.total.calls, meter.total.output_tokens, meter.total.unpriced) == (2, 6, 2)
    assert meter.total.cost_usd is None
    assert repr(meter) == "CallMeter(2 calls, 6 tokens written, cost unknown)"


def test_a_meter_adds_up_costs_and_says_where_some_are_unknown(run_chain):
    meter = CallMeter()
    run_chain(Priced(), "hi", {"callbacks": [meter]})
    one = (1000 * 2.5 + 9 * 10) / 1e6
    assert meter.total.cost_usd == pytest.approx(one)
    assert repr(meter) == "CallMeter(1 call, 1,000 tokens read, 9 tokens written, $0.00259)"
    run_chain(FakeChatModel(), "hi", {"callbacks": [meter]})
    assert meter.total.unpriced == 1
    assert "≥ $0.00259" in repr(meter)


def test_a_meter_is_a_table():
    meter = CallMeter()
    Priced().invoke("hi", {"callbacks": [meter]})
    lines = str(meter).splitlines()
    assert " ".join(lines[0].split()) == "model read written first token tokens/s gap p50 gap p95 cost"
    assert lines[1].split()[:3] == ["gpt-4o", "1,000", "9"]
    assert lines[2].split() == ["total", "of", "1", "1,000", "9", "$0.00259"]
    assert "<table>" in meter._repr_html_() and "gpt-4o" in meter._repr_html_()


def test_a_model_s_name_does_no_harm_in_the_table():
    class Hostile(Priced):
        model: str = "<script>alert(1)</script>"

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return ChatResult([ChatGeneration(AIMessage("hi"))])

    meter = CallMeter()
    Hostile().invoke("hi", {"callbacks": [meter]})
    assert "<script>" not in meter._repr_html_()


def test_a_failed_call_is_counted_with_what_came_of_it(run_chain):
    class Breaks(FakeChatModel):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            yield token("a")
            yield token("b")
            raise ValueError("broken")

        _astream = BaseChatModel._astream

    meter = CallMeter()
    with pytest.raises(ValueError, match="broken"):
        run_chain(Breaks(), "hi", {"callbacks": [meter]})
    assert [call.output_tokens for call in meter.calls] == [2]


def test_a_meter_can_leave_models_that_are_invoked_alone():
    meter = CallMeter(wants_tokens=False)
    FakeChatModel(responses=["a b"]).invoke("hi", {"callbacks": [meter]})
    assert meter.calls[0].first_token_s is None


def test_a_call_over_http_tells_its_tokens(run_chain):
    meter = CallMeter()
    with ChatServer(["a", "b"]) as server:
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key="k")
        run_chain(model, "hi", {"callbacks": [meter]})
    call = meter.calls[0]
    assert (call.model, call.input_tokens, call.output_tokens) == ("m", 7, 2)
    assert call.first_token_s > 0
