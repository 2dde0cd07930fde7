"""Chains whose delays are known in advance: what is reported of them is true.

The joke takes 100 ms and the poem 150 ms, at a server of the tests' own over real HTTP. The truth of a call
is its delay and what the same call costs at a server without delay, measured in the same rounds.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from workbench import ChatOpenAI, ChatPromptTemplate, RunnableLambda, RunnableParallel, StrOutputParser
from workbench.runnables.base import Runnable
from workbench.timing.comparison import Comparison
from workbench.timing.measuring import rounds

from ..chat_server import ChatServer
from .experiments import compare

JOKE_S, POEM_S = 0.1, 0.15
TOPICS = [{"topic": name} for name in ("bears", "cats", "ducks", "owls")]
WIDE = ("batch (max_concurrency=8)", "abatch (max_concurrency=8)")


def within(measured: float, truth: float) -> bool:
    return abs(measured - truth) <= 0.05 * truth


@dataclass
class Chains:
    joke: Runnable[Any, Any]
    poem: Runnable[Any, Any]
    nothing: Runnable[Any, Any]

    @property
    def each(self) -> dict[str, Runnable[Any, Any]]:
        return {"joke": self.joke, "poem": self.poem, "nothing": self.nothing}

    @property
    def combined(self) -> Runnable[Any, Any]:
        return RunnableParallel(joke=self.joke, poem=self.poem)


@pytest.fixture(scope="module")
def chains() -> Iterator[Chains]:
    def chain(text: str, server: ChatServer, name: str) -> Runnable[Any, Any]:
        model = ChatOpenAI(base_url=server.base_url, api_key="none", model="test")
        prompt = ChatPromptTemplate.from_template(text)
        return prompt | model.with_config(run_name=name) | StrOutputParser()

    with (
        ChatServer(["ha"], delay_s=JOKE_S) as quick,
        ChatServer(["oh"], delay_s=POEM_S) as slow,
        ChatServer(["-"]) as at_once,
    ):
        found = Chains(
            chain("tell me a joke about {topic}", quick, "joke_llm"),
            chain("write a poem about {topic}", slow, "poem_llm"),
            chain("say nothing about {topic}", at_once, "nothing_llm"),
        )
        found.combined.batch(TOPICS)  # connections and threads are there from then on
        yield found


def check(found: Comparison, label: str, figure: float, truth: float) -> None:
    assert within(figure, truth), f"{label}: {figure:.3f}, not {truth:.3f}; {found[label].seconds}"


@pytest.mark.timed
def test_the_parallel_section_joke_and_poem_alone_and_combined(chains: Chains) -> None:
    found = compare(chains.each, TOPICS[:1], strategies=["one by one", "parallel"], repeats=5)
    cost = found["nothing, one by one"].median
    joke_s, poem_s = JOKE_S + cost, POEM_S + cost
    check(found, "joke, one by one", found["joke, one by one"].median, joke_s)
    check(found, "poem, one by one", found["poem, one by one"].median, poem_s)
    check(found, "one after another", found["one after another"].median, joke_s + poem_s + cost)
    together = found["together, parallel"]
    check(found, together.label, together.median, poem_s + cost)
    speed_up = (joke_s + poem_s + cost) / (poem_s + cost)
    check(found, together.label, found.speed_up(together.label), speed_up)
    assert found.ratio(together.label).is_faster
    joke, facts = found["joke, one by one"].facts, together.facts
    assert joke is not None and facts is not None
    check(found, "joke, one by one", joke.first_tokens_s[0], joke_s)
    check(found, together.label, facts.ideal_s, poem_s)
    assert facts.peak == 3
    assert 0.95 <= facts.efficiency <= 1.0
    assert facts.path[0].part >= 0.9
    assert str(facts.path[0]) == f"{facts.path[0].part:.0%} of the time is in poem_llm of branch poem"


@pytest.mark.timed
def test_batches_of_each_and_of_the_combined(chains: Chains) -> None:
    found = compare(
        {**chains.each, "combined": chains.combined},
        TOPICS,
        strategies=["one by one", "batch", "abatch"],
        concurrency=8,
        repeats=3,
    )

    def cost(how: str) -> float:
        return found[f"nothing, {how}"].median

    for name, delay in {"joke": JOKE_S, "poem": POEM_S, "combined": POEM_S}.items():
        calls = 2 if name == "combined" else 1  # of one input; the interpreter does their work in turn
        alone = found[f"{name}, one by one"]
        check(found, alone.label, alone.median, 4 * delay + calls * cost("one by one"))
        for how in WIDE:
            wide = found[f"{name}, {how}"]
            # Behind a delay some of that work is done while the server waits, though not that of one call.
            least, most = delay + cost("one by one") / 4, delay + calls * cost(how)
            check(found, wide.label, wide.median, min(max(wide.median, least), most))
            assert found.speed_up(wide.label) == alone.median / wide.median > 3
            assert found.ratio(wide.label).rounds == 3 and not found.ratio(wide.label).tells
            assert wide.facts is not None and wide.facts.peak == 4 * calls
            assert wide.facts.efficiency >= 0.9


@pytest.mark.timed
def test_batches_of_steps_that_only_wait() -> None:
    def step(seconds: float) -> Runnable[Any, Any]:
        return RunnableLambda(lambda _: time.sleep(seconds))

    joke, poem = step(JOKE_S), step(POEM_S)
    chains = {"joke": joke, "poem": poem, "combined": RunnableParallel(joke=joke, poem=poem)}
    found = compare(chains, TOPICS, strategies=["one by one", "batch", "abatch"], concurrency=8, repeats=3)
    for name, delay in {"joke": JOKE_S, "poem": POEM_S, "combined": POEM_S}.items():
        check(found, f"{name}, one by one", found[f"{name}, one by one"].median, 4 * delay)
        for how in WIDE:
            wide = found[f"{name}, {how}"]
            check(found, wide.label, wide.median, delay)
            check(found, wide.label, found.speed_up(wide.label), 4.0)
            assert wide.facts is not None
            check(found, wide.label, wide.facts.ideal_s, delay)
            assert 0.95 <= wide.facts.efficiency <= 1.0


def verdicts(first_s: float, second_s: float, times: int = 20) -> list[str]:
    """So many comparisons of two chains that sleep."""

    def sleeping(seconds: float) -> Runnable[Any, Any]:
        return RunnableLambda(lambda _: time.sleep(seconds))

    chains = {"first": sleeping(first_s), "second": sleeping(second_s)}
    return [
        compare(chains, [0], strategies="one by one", repeats=7, warmup=0).verdict("second")
        for _ in range(times)
    ]


@pytest.mark.timed
def test_identical_chains_show_no_difference_in_19_of_20_comparisons() -> None:
    told = verdicts(0.01, 0.01)
    assert sum(words == "no difference seen" for words in told) >= 19, told


@pytest.mark.timed
def test_of_chains_ten_percent_apart_the_faster_is_named_in_19_of_20_comparisons() -> None:
    told = verdicts(0.022, 0.02)
    assert sum("x faster (95 % interval" in words for words in told) >= 19, told


class Clock:
    """A clock that only sleeps move. They last a little longer than asked, now and then a good deal, and in
    some rounds all of them do: the noise that machines make, the same in every run of the test."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self._random = random.Random(seed)

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        noise = abs(self._random.gauss(0.0, 0.015))
        if self._random.random() < 0.05:
            noise += self._random.uniform(0.1, 0.6)
        self.now += seconds * (1 + noise)


@pytest.mark.parametrize(("second_s", "wanted"), [(0.1, "no difference seen"), (0.1 / 1.1, "faster")])
def test_verdicts_hold_on_a_noisy_clock(
    second_s: float, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for seed in range(100):
        clock = Clock(seed)
        monkeypatch.setattr(rounds, "time", clock)
        cases = {"first": lambda: clock.sleep(0.1), "second": lambda: clock.sleep(second_s)}  # noqa: B023
        told.append(compare(cases, repeats=7).verdict("second"))
    assert sum(wanted in words for words in told) >= 95, told
