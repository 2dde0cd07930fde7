"""The operations that make one JSON value of another."""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from workbench.patch.application import apply_operation
from workbench.patch.differences import differences
from workbench.patch.plain import plain_operations

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/~é", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain, plain)
def test_differences_lead_from_any_value_to_any_other(old: Any, new: Any) -> None:
    document: Any = {"v": json.loads(json.dumps(old))}
    ops = list(differences(old, new, "/v"))
    for op in ops:
        document = apply_operation(document, op)
    assert json.dumps(document["v"]) == json.dumps(new), "also the order of the keys"
    if json.dumps(old) == json.dumps(new):
        assert ops == []
    result = jsonpatch.apply_patch({"v": old}, list(plain_operations(ops, {"v": old})))
    assert json.dumps(result, sort_keys=True) == json.dumps({"v": new}, sort_keys=True)
