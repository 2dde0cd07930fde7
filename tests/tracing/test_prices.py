"""Prices: what is known, what users add, and that unknown is not zero."""

import pytest

import workbench
from workbench.tracing.prices import cost, price_of

USAGE = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000}


@pytest.fixture(autouse=True)
def table_as_it_was():
    before = dict(workbench.prices)
    yield
    workbench.prices.clear()
    workbench.prices.update(before)


def test_a_known_model_has_a_cost_and_an_unknown_one_none():
    assert cost("gpt-4o-mini", USAGE) == 0.75
    assert cost("nobody-knows-it", USAGE) is None
    assert cost(None, USAGE) is None


def test_a_dated_name_has_the_price_of_its_model_unless_it_has_its_own():
    assert price_of("gpt-4o-2024-08-06") == price_of("gpt-4o")
    assert price_of("gpt-4o-2024-05-13") != price_of("gpt-4o")
    assert price_of("gpt-4o-audio-preview") is None


def test_users_add_prices_and_replace_them():
    workbench.set_price("mine", input=1, output=2, cached_input=0.5)
    assert cost("mine", USAGE) == 3.0
    workbench.set_price("mine", input=0, output=0)
    assert cost("mine", USAGE) == 0.0
    workbench.prices["other"] = workbench.Price(4, 4)
    assert cost("other", USAGE) == 8.0


def test_what_the_provider_had_in_its_cache_costs_less_where_the_table_says_so():
    usage = {**USAGE, "output_tokens": 0, "input_token_details": {"cache_read": 500_000}}
    assert cost("gpt-4o", usage) == pytest.approx(1.25 + 0.625)
    assert cost("gpt-4-turbo", usage) == pytest.approx(10.0)


def test_tokens_that_are_not_known_or_not_text_have_no_cost():
    assert cost("gpt-4o", None) is None
    assert cost("gpt-4o", {"output_tokens": 3}) is None
    assert cost("gpt-4o", {**USAGE, "output_token_details": {"audio": 5}}) is None


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="output: expected USD per million tokens, 0 or more"):
        workbench.set_price("mine", input=1, output=wrong)


def test_a_price_of_another_type_says_what_came():
    with pytest.raises(TypeError, match="input: expected USD per million tokens as a number, got '1'"):
        workbench.set_price("mine", input="1", output=1)
    with pytest.raises(TypeError, match="expected a model's name, got None"):
        workbench.set_price(None, input=1, output=1)
