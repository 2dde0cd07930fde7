"""The local model for tests: the real one, or a skip that says how to get it."""

from __future__ import annotations

import importlib.util
import os

import pytest

__all__ = ["local_model"]


def missing() -> str | None:
    """What the local model lacks here, in words; None where it can run."""
    if importlib.util.find_spec("xllamacpp") is None:
        return 'xllamacpp is not installed: pip install "chain-workbench[local]"'
    from workbench.errors import ModelNotInstalledError
    from workbench.models.local import weights

    try:
        weights.path()
    except ModelNotInstalledError:
        if not os.environ.get("WORKBENCH_TEST_PULL"):
            return "the local model is not installed: workbench models pull (or set WORKBENCH_TEST_PULL=1)"
        weights.pull()
    return None


@pytest.fixture(scope="session")
def local_model() -> str:
    """Its name for ``init_chat_model``."""
    if reason := missing():
        pytest.skip(reason)
    return "local:smollm2"
