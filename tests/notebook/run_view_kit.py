"""What the notebooks of the browser tests import: chains that stream tokens, and a way to run them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from workbench.live.state import LiveState
from workbench.notebook.widgets.run_view import RunView
from workbench.runnables.function import RunnableGenerator, RunnableLambda
from workbench.runnables.parallel import RunnableParallel

__all__ = [
    "PWNED",
    "RunView",
    "RunnableLambda",
    "RunnableParallel",
    "Session",
    "loop",
    "lose_frames",
    "model",
    "numbers",
    "say",
    "upper",
]

PWNED = "<img src=x onerror=window.__pwned=1>"


def model(tokens: list[str], *, delay_s: float = 0.01, name: str = "my_llm") -> RunnableGenerator[Any, str]:
    """A step that streams *tokens*, at even intervals as far as the clock allows."""

    async def stream(inputs: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        clock = asyncio.get_running_loop()
        start = clock.time()
        for number, token in enumerate(tokens, 1):
            await asyncio.sleep(max(0, start + number * delay_s - clock.time()))
            yield token

    return RunnableGenerator(stream, name=name)


def numbers(count: int) -> list[str]:
    return [f"{number} " for number in range(count)]


def say(text: str, *, delay_s: float = 0) -> RunnableLambda[Any, Any]:
    """A step that gives a prompt's messages after *delay_s*."""

    async def prompt(_: Any) -> Any:
        await asyncio.sleep(delay_s)
        return {"messages": [{"type": "human", "content": text}]}

    return RunnableLambda(prompt, name="my_prompt")


async def _upper(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


def upper(name: str = "upper") -> RunnableGenerator[str, str]:
    return RunnableGenerator(_upper, name=name)


def loop() -> asyncio.AbstractEventLoop:
    """An event loop on a thread of its own."""
    running = asyncio.new_event_loop()
    threading.Thread(target=running.run_forever, name="kit", daemon=True).start()
    return running


def lose_frames(view: RunView, first: int, last: int) -> None:
    """Frames number *first* to *last* never leave."""
    send, count = view.send, 0

    def lossy(content: dict[str, Any], buffers: Any = None) -> None:
        nonlocal count
        count += content.get("k") == "frame"
        if content.get("k") != "frame" or not first <= count <= last:
            send(content, buffers)

    view.send = lossy


class Session:
    """A chain under a view, on a background loop."""

    def __init__(self, chain: Any, input: Any = "hi", *, title: str = "chain") -> None:
        self.live = LiveState()
        self.stopped_at = 0.0
        """Seconds since the epoch."""
        self.view = RunView(self.live, on_stop=self._stop, title=title)
        self._chain, self._input = chain, input
        self._loop = loop()
        self._future: Future[Any] | None = None

    def start(self, work: Callable[[], Awaitable[Any]] | None = None) -> Session:
        """Show the view and start; the caller goes on."""
        self.view.show()
        self._future = asyncio.run_coroutine_threadsafe(self._run(work or self._stream), self._loop)
        return self

    def wait(self, *, finish: bool = True) -> str:
        """Until the run has ended, in slices so that messages and interrupts get through."""
        assert self._future is not None
        while True:
            try:
                self._future.result(0.1)
                break
            except TimeoutError:
                continue
            except KeyboardInterrupt:
                self._stop()
            except BaseException:
                break
        if finish:
            self.view.finish()
        return self.live.status

    async def _run(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._task = asyncio.current_task()
        await work()

    async def _stream(self) -> None:
        async for _ in self._chain.astream(self._input, {"callbacks": [self.live]}):
            pass

    def _stop(self) -> None:
        self.stopped_at = time.time()
        self._loop.call_soon_threadsafe(self._task.cancel)
