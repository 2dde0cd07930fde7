"""A small load of streams beside LangServe, in one run; ``python -m tests.bench.serve`` is the large one."""

import pytest

from tests.bench.serve import load


@pytest.mark.timed
def test_streams_side_by_side_lose_and_reorder_nothing_and_are_faster_than_langserve_s():
    ours, langserve = (load(side, "stream", 30, 60) for side in ("ours", "langserve"))
    assert ours.problems == langserve.problems == 0
    assert ours.tokens_per_s > 2 * langserve.tokens_per_s
    assert load("ours", "stream_log", 10, 60).problems == 0
