"""Answers to a caller when something is wrong with the request, the chain or the server."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ...live.errors import error_data
from .options import ErrorDetail

__all__ = ["Fault", "chain_error", "invalid", "of_validation", "shown_error"]

_MOST_FAULTS = 20
_log = logging.getLogger("workbench.serve")


class Fault(Exception):
    """An answer other than success. *body* is its JSON, *headers* go with it."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def invalid(place: Sequence[str | int], message: str, kind: str = "value_error") -> Fault:
    """422: what is at *place* in the body is not what is expected there."""
    detail = [{"loc": ["body", *place], "msg": message, "type": kind}]
    return Fault(422, {"detail": detail})


def of_validation(error: ValidationError, place: Sequence[str | int]) -> Fault:
    """422 with the path of every fault that pydantic found; without the values, which may be large or
    secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    detail = [
        {"loc": ["body", *place, *one["loc"]], "msg": one["msg"], "type": one["type"]}
        for one in found[:_MOST_FAULTS]
    ]
    return Fault(422, {"detail": detail})


def chain_error(error: BaseException, errors: ErrorDetail, status: int = 500) -> dict[str, Any]:
    """A failure of a chain as data: LangServe's ``status_code`` and ``message``, and its ``type``.

    The server's log has the rest.
    """
    fields = error_data(error)
    _log.error("a served chain failed: %s", fields["traceback"])
    if errors == "hidden":
        return {"status_code": status, "message": "Internal Server Error"}
    data: dict[str, Any] = {
        "status_code": status,
        "message": f"{fields['type']}: {fields['message']}" if fields["message"] else fields["type"],
        "type": fields["type"],
    }
    if notes := [str(note) for note in getattr(error, "__notes__", ())]:
        data["notes"] = notes
    if errors == "traceback":
        data["traceback"] = fields["traceback"]
    return data


def shown_error(data: Mapping[str, str], errors: ErrorDetail) -> dict[str, str]:
    """What callers may know of an error, whose data are as ``error_data`` makes them."""
    if errors == "hidden":
        return {"type": "Exception", "message": "Internal Server Error"}
    return {key: text for key, text in data.items() if errors == "traceback" or key != "traceback"}
