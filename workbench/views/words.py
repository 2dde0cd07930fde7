"""Status and figures of a run in words, for views without a kernel."""

from __future__ import annotations

from ..text.units import cost, logged_duration
from ..text.visible import visible
from .document import StepRow, figures_of

__all__ = ["GLYPHS", "STATUS_WORDS", "cost_words", "duration_words", "label", "summary", "token_words"]

STATUS_WORDS = {
    "waiting": "waiting",
    "streaming": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
GLYPHS = {"waiting": "○", "streaming": "▸", "done": "✓", "failed": "✕", "cancelled": "■"}


def label(row: StepRow) -> str:
    """What to call a run: with its number among several roots, or the key of the branch that it is."""
    return visible(f"{row.number}. {row.name}" if row.around is None and row.number else row.title)


def summary(status: str, rows: list[StepRow]) -> str:
    """``done · 1.24 s · first token after 310 ms · 24 tokens · $0.0012``"""
    sums = figures_of(rows)
    roots = sum(row.around is None for row in rows)
    facts = [STATUS_WORDS[status]]
    if roots > 1:
        facts.append(f"{roots:,} runs")
    if sums.start is not None and sums.end is not None:
        facts.append(logged_duration(sums.end - sums.start))
    if sums.first_token_s is not None:
        facts.append(f"first token after {logged_duration(sums.first_token_s)}")
    if sums.tokens is not None:
        facts.append(f"{sums.tokens:,} token{'' if sums.tokens == 1 else 's'}")
    if sums.cost_usd:
        facts.append(f"{'at least ' * (sums.priced_calls < sums.calls)}{cost(sums.cost_usd)}")
    return " · ".join(facts)


def token_words(row: StepRow) -> str:
    """The count, of models and of steps that stream text."""
    chunks = row.run["streamed_output"]
    texts = row.tokens > 1 and bool(chunks) and isinstance(chunks[0], str)
    return f"{row.tokens:,}" if texts or (row.tokens and row.is_model) else ""


def cost_words(row: StepRow) -> str:
    """``$0.0012``; nothing where it is not known or nothing."""
    return cost(row.cost_usd) if row.cost_usd else ""


def duration_words(row: StepRow) -> str:
    """``1.24 s``; nothing while it is not over."""
    return "" if row.duration_s is None else logged_duration(row.duration_s)
