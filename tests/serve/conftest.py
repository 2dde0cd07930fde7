"""One server of ours for all tests of a session, and one of LangServe's beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from workbench.serve.server.app import create_app

from .servers import chains, running

__all__ = ["ours", "theirs"]


@pytest.fixture(scope="session")
def ours() -> Iterator[str]:
    with running(create_app(chains())) as address:
        yield address


@pytest.fixture(scope="session")
def theirs() -> Iterator[Any]:
    from .langserve_app import langserve_app

    with running(langserve_app()) as address:
        yield address
