"""Response caches: the answer to a request that was answered before, without asking the model.

::

    set_llm_cache(SQLiteCache("answers.db"))       # for every model
    model = ChatOpenAI(cache=InMemoryCache())       # for one; cache=False for one that must not

The key of an answer is the model (its identifying parameters and its address) and the request (messages,
arguments, stop); API keys are not part of it. A cached answer comes as one chunk, costs nothing, has the
usage of the call that was paid, and says ``response_metadata["cached"]``. Answers that failed or were cut
short are not kept. Only JSON data is kept (no pickle).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.modes import AnyScope
from .call_data import RecordedModel, generation_data, generation_of, request_data

if TYPE_CHECKING:
    import sqlite3

__all__ = ["BaseCache", "InMemoryCache", "Place", "SQLiteCache", "get_llm_cache", "place_of", "set_llm_cache"]


class BaseCache(ABC):
    """Subclass and define ``lookup``, ``update`` and ``clear``; the ``a`` forms run them in a thread unless
    they are defined too. *prompt* and *llm_string* are JSON texts; together they are the key. The values
    are lists of generations.

    >>> from workbench import BaseCache, FakeChatModel
    >>> class InADict(BaseCache):
    ...     def __init__(self):
    ...         self.answers = {}
    ...     def lookup(self, prompt, llm_string):
    ...         return self.answers.get((prompt, llm_string))
    ...     def update(self, prompt, llm_string, return_val):
    ...         self.answers[prompt, llm_string] = return_val
    ...     def clear(self):
    ...         self.answers.clear()
    >>> model = FakeChatModel(responses=["one", "two"], cache=InADict())
    >>> model.invoke("count").content, model.invoke("count").content
    ('one', 'one')
    """

    @abstractmethod
    def lookup(self, prompt: str, llm_string: str) -> Sequence[Any] | None:
        """The generations kept under a key; None if there are none."""

    @abstractmethod
    def update(self, prompt: str, llm_string: str, return_val: Sequence[Any]) -> None:
        """Keep generations under a key."""

    @abstractmethod
    def clear(self, **kwargs: Any) -> None:
        """Forget everything."""

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Any] | None:
        return await asyncio.to_thread(self.lookup, prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Any]) -> None:
        await asyncio.to_thread(self.update, prompt, llm_string, return_val)

    async def aclear(self, **kwargs: Any) -> None:
        await asyncio.to_thread(self.clear, **kwargs)


class InMemoryCache(BaseCache):
    """A cache in the memory of this process. With *maxsize* it keeps that many answers, those used last.

    >>> from workbench import FakeChatModel, InMemoryCache
    >>> model = FakeChatModel(responses=["one", "two"], cache=InMemoryCache(maxsize=100))
    >>> model.invoke("count").content, model.invoke("count").content
    ('one', 'one')
    """

    def __init__(self, *, maxsize: int | None = None) -> None:
        if maxsize is not None and (not isinstance(maxsize, int) or maxsize < 1):
            raise ValueError(f"maxsize: expected a whole number of 1 or more, got {maxsize!r}")
        self.maxsize = maxsize
        self._answers: OrderedDict[tuple[str, str], list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Any] | None:
        with self._lock:
            found = self._answers.get((prompt, llm_string))
            if found is not None:
                self._answers.move_to_end((prompt, llm_string))
            return found

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Any]) -> None:
        with self._lock:
            self._answers[prompt, llm_string] = list(return_val)
            self._answers.move_to_end((prompt, llm_string))
            if self.maxsize is not None and len(self._answers) > self.maxsize:
                self._answers.popitem(last=False)

    def clear(self, **kwargs: Any) -> None:
        with self._lock:
            self._answers.clear()

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Any] | None:
        return self.lookup(prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Any]) -> None:
        self.update(prompt, llm_string, return_val)

    def __len__(self) -> int:
        return len(self._answers)

    def __bool__(self) -> bool:
        return True  # an empty cache is a cache

    def __repr__(self) -> str:
        return f"InMemoryCache({len(self)} answers)"


class SQLiteCache(BaseCache):
    """A cache in a file, for any number of threads and processes. The file, *database_path*, is made on first
    use; it holds JSON.

    >>> import os, tempfile
    >>> from workbench import FakeChatModel, SQLiteCache
    >>> cache = SQLiteCache(os.path.join(tempfile.mkdtemp(), "answers.db"))
    >>> FakeChatModel(responses=["one"], cache=cache).invoke("count").content
    'one'
    >>> cache.close()
    """

    def __init__(self, database_path: str | PathLike[str] = ".workbench.db") -> None:
        self.path = Path(fspath(database_path))
        self._own = threading.local()

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Any] | None:
        row = (
            self._connected()
            .execute("SELECT generations FROM answers WHERE prompt = ? AND model = ?", (prompt, llm_string))
            .fetchone()
        )
        return None if row is None else [generation_of(data) for data in json.loads(row[0])]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Any]) -> None:
        text = json.dumps([generation_data(generation) for generation in return_val], ensure_ascii=False)
        with self._connected() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers (prompt, model, generations) VALUES (?, ?, ?)",
                (prompt, llm_string, text),
            )

    def clear(self, **kwargs: Any) -> None:
        with self._connected() as connection:
            connection.execute("DELETE FROM answers")

    def close(self) -> None:
        """Close the calling thread's connection; the next use opens one again."""
        connection, self._own.connection = getattr(self._own, "connection", None), None
        if connection is not None:
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        # One for each thread: threads must not share a connection; it is closed when its thread ends.
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            import sqlite3

            try:
                connection = sqlite3.connect(self.path, timeout=_PATIENCE_S)
                _set_up(connection)
            except sqlite3.Error as error:
                error.add_note(
                    f"the response cache {self.path} cannot be used: is it one, in a folder there is?"
                )
                raise
            self._own.connection = connection
        return connection

    def __repr__(self) -> str:
        return f"SQLiteCache({str(self.path)!r})"


def _set_up(connection: sqlite3.Connection) -> None:
    """With a write-ahead log, readers and the writer of a file do not wait for each other. Switching to it
    fails at once while another connection does the same, whatever the connection's timeout."""
    import sqlite3

    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS answers (prompt TEXT NOT NULL, model TEXT NOT NULL, "
                "generations TEXT NOT NULL, PRIMARY KEY (prompt, model))"
            )
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


_PATIENCE_S = 30.0

_set_cache: BaseCache | None = None


def set_llm_cache(value: BaseCache | None) -> None:
    """Have every model use this cache unless it says ``cache=False``; None for no cache.

    >>> from workbench import FakeChatModel, InMemoryCache, set_llm_cache
    >>> set_llm_cache(InMemoryCache())
    >>> model = FakeChatModel(responses=["one", "two"])
    >>> model.invoke("count").content, model.invoke("count").content
    ('one', 'one')
    >>> set_llm_cache(None)
    """
    global _set_cache
    if value is not None and not isinstance(value, BaseCache):
        raise TypeError(f"set_llm_cache: expected a BaseCache or None, got {type(value).__name__}")
    _set_cache = value


def get_llm_cache() -> BaseCache | None:
    """The cache that ``set_llm_cache`` set.

    >>> from workbench import get_llm_cache
    >>> get_llm_cache() is None
    True
    """
    return _set_cache


class Place:
    """Where the answer to one request is kept."""

    __slots__ = ("_cache", "_key")

    def __init__(self, cache: BaseCache, key: tuple[str, str]) -> None:
        self._cache = cache
        self._key = key

    async def look_up(self, scope: AnyScope) -> Sequence[Any] | None:
        if scope.blocking:
            return self._cache.lookup(*self._key)
        return await self._cache.alookup(*self._key)

    async def keep(self, generations: list[Any], scope: AnyScope) -> None:
        if scope.blocking:
            self._cache.update(*self._key, generations)
        else:
            await self._cache.aupdate(*self._key, generations)


def place_of(model: RecordedModel, request: Any, kwargs: dict[str, Any]) -> Place | None:
    """The place of a request in the model's cache; None if it has no cache."""
    cache = model.cache
    if cache is False:
        return None
    if cache is None or cache is True:
        if _set_cache is None:
            if cache is True:
                raise ValueError(
                    f"{type(model).__name__}(cache=True) needs a cache: call set_llm_cache(InMemoryCache()) "
                    "first, or give the model one (cache=InMemoryCache())"
                )
            return None
        cache = _set_cache
    data = request_data(model, request, kwargs, with_address=True)
    asked = json.dumps(data.pop("asked"), sort_keys=True, ensure_ascii=False)
    return Place(cache, (asked, json.dumps(data, sort_keys=True, ensure_ascii=False)))
