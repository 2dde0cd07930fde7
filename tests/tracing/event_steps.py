"""Steps of every kind of run, and what tests of event streams share."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from workbench import ChatPromptTemplate, FakeChatModel, Runnable, StrOutputParser


class FakeRetriever(Runnable):
    run_type = "retriever"

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return [f"about {input}"]


class FakeTool(Runnable):
    run_type = "tool"

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        args = input.get("args", input)
        if "bad" in args:
            raise ValueError("bad")
        return args


class FakeLLM(Runnable):
    run_type = "llm"

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        yield "Hel"
        yield "lo"

    def _shown_input(self, input: Any) -> Any:
        return {"prompts": [str(input)]}


def joke_chain() -> Any:
    model = FakeChatModel(responses=["Hi you"]).with_config(run_name="my_llm")
    return ChatPromptTemplate.from_template("tell me about {topic}") | model | StrOutputParser()


def events_of(chain: Any, input: Any, *args: Any, **options: Any) -> list[dict[str, Any]]:
    """All events; what is raised after them goes last, as ``{"raised": ...}``."""

    async def main() -> list[Any]:
        seen: list[Any] = []
        try:
            async with aclosing(chain.astream_events(input, *args, **options)) as events:
                async for event in events:
                    seen.append(event)
        except Exception as error:
            seen.append({"raised": error})
        return seen

    return asyncio.run(main())


def told(events: list[dict[str, Any]]) -> list[Any]:
    """Events as (event, name, tags, data), messages as their text."""
    return [
        ("raised", repr(event["raised"]))
        if "raised" in event
        else (event["event"], event["name"], sorted(event["tags"]), plain(event["data"]))
        for event in events
    ]


def plain(value: Any) -> Any:
    """Messages and prompts as ``Class(text)``, in containers too."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "to_messages"):
        return plain(value.to_messages())
    if hasattr(value, "content"):
        return f"{type(value).__name__}({value.content!r})"
    return repr(value) if isinstance(value, Exception) else value
