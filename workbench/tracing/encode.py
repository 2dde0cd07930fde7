"""Values of a run as plain data: text of a chunk, JSON for the views, results as the log shows them.

Views show what users and models wrote, so everything is bounded here: long text is cut with a remark,
deep and long structures end in one. Secrets (pydantic's SecretStr) stay masked.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ..engine.chunks import MISSING

__all__ = ["MAX_TEXT", "chunk_data", "data", "result", "text_of"]

MAX_TEXT = 100_000
"""Characters of one text that a view is given."""
MAX_ITEMS = 1_000
MAX_DEPTH = 12


def text_of(value: Any) -> str | None:
    """The text of a token or message; None for what has none."""
    if type(value) is str:
        return value
    content = getattr(value, "content", None)
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in content)
    return value if isinstance(value, str) else None


def chunk_data(chunk: Any) -> Any:
    """A chunk as a view shows it: messages as their text, dicts per key, all else as ``data``."""
    text = text_of(chunk)
    if text is not None:
        return _cut(text)
    if isinstance(chunk, Mapping):
        return {str(key): chunk_data(value) for key, value in chunk.items()}
    return data(chunk)


def data(value: Any, depth: int = 0) -> Any:
    """A value as JSON data, bounded; objects without a natural form become a short repr."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is MISSING:
        return None
    if depth >= MAX_DEPTH:
        return _short_repr(value)
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return _items(list(value), depth)
    if (fields := _fields(value)) is not None:
        return _mapping(fields, depth)
    return _short_repr(value)


def result(run_type: str, output: Any) -> Any:
    """An output as ``final_output`` of a log entry has it: a dict, but for prompts their value itself."""
    if run_type in ("llm", "chat_model"):
        if output is None:
            return None
        generation: dict[str, Any] = {"text": text_of(output), "generation_info": None}
        if run_type == "chat_model":
            generation["type"] = (
                "ChatGenerationChunk" if type(output).__name__.endswith("Chunk") else "ChatGeneration"
            )
            generation["message"] = output
        else:
            generation["type"] = "Generation"
        return {"generations": [[generation]], "llm_output": None, "run": None, "type": "LLMResult"}
    if run_type == "retriever":
        return {"documents": output}
    if run_type == "prompt" or isinstance(output, dict):
        return output
    return {"output": output}


def _fields(value: Any) -> dict[str, Any] | None:
    as_view = getattr(value, "__view_data__", None)
    if callable(as_view):
        return dict(as_view())
    model_fields = getattr(type(value), "model_fields", None)
    if isinstance(model_fields, dict):
        return {name: getattr(value, name, None) for name in model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    return None


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    items = list(value.items())
    shown = {str(key): data(item, depth + 1) for key, item in items[:MAX_ITEMS]}
    if len(items) > MAX_ITEMS:
        shown["…"] = f"{len(items) - MAX_ITEMS} more"
    return shown


def _items(items: list[Any], depth: int) -> list[Any]:
    shown = [data(item, depth + 1) for item in items[:MAX_ITEMS]]
    if len(items) > MAX_ITEMS:
        shown.append(f"… {len(items) - MAX_ITEMS} more")
    return shown


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT} more characters)"


def _short_repr(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception as error:  # a user's repr must not end the run it is shown in
        shown = f"<{type(value).__name__}: repr raised {type(error).__name__}>"
    return shown if len(shown) <= 500 else f"{shown[:500]}…"
