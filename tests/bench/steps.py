"""What calling steps costs: a sequence of functions, and a prompt with a model and a parser."""

from __future__ import annotations

from typing import Any

from .case import Case, atimed, ratio, timed
from .sides import STEPS, TOPIC

__all__ = ["cases"]


def cases(sides: tuple[Any, Any]) -> list[Case]:
    def invoke(side: Any, config: Any = None, rounds: int = 50) -> float:
        return timed(lambda: [side.steps.invoke(0, config) for _ in range(rounds)], rounds * STEPS)

    def ainvoke(side: Any, chain: str, config: Any = None, rounds: int = 20) -> float:
        async def work() -> None:
            for _ in range(rounds):
                await getattr(side, chain).ainvoke(0, config)

        return atimed(work, rounds * STEPS)

    def chat(side: Any) -> float:
        chain = side.fixed_chat()
        return timed(lambda: [chain.invoke(TOPIC) for _ in range(30)], 30)

    step = "s/step"
    return [
        ratio("invoke, no observer", step, invoke, sides, 1 / 50),
        ratio("invoke, one observer", step, lambda side: invoke(side, side.observed), sides, 1 / 20),
        ratio("ainvoke, async functions", step, lambda side: ainvoke(side, "asteps"), sides, 1 / 50),
        ratio(
            "ainvoke, async, one observer",
            step,
            lambda side: ainvoke(side, "asteps", side.observed),
            sides,
            1 / 20,
        ),
        ratio("ainvoke, sync functions", step, lambda side: ainvoke(side, "steps"), sides, 1 / 4),
        ratio("prompt | model | parser", "s/call", chat, sides, 1 / 15),
    ]
