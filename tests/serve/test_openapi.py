"""The OpenAPI document, and what a generator of requests makes of it."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from pydantic import BaseModel

from workbench import RunnableLambda
from workbench.serve.server.app import create_app
from workbench.serve.server.openapi import openapi_document

from .servers import chains


class Order(BaseModel):
    name: str
    count: int = 1
    tags: list[str] = []


def total(order: Order) -> str:
    return f"{order.count} {order.name} {'/'.join(order.tags)}"


def served():
    return {"/joke": chains()["/joke"], "/order": RunnableLambda(total)}


app = create_app(served())
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.slow
def test_no_request_that_a_generator_makes_ends_in_a_server_error(case):
    response = case.call()
    assert response.status_code < 500, response.text
    case.validate_response(response, checks=[schemathesis.checks.not_a_server_error])


def test_the_document_names_every_endpoint_once_and_every_schema_it_refers_to():
    told = openapi_document(app.state.workbench_services)
    names = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == 1 + 2 * 8
    text = json.dumps(told)
    for reference in set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text)):
        assert reference in told["components"]["schemas"]
    assert "#/$defs" not in text


def test_the_schemas_of_messages_have_their_definitions_in_the_document():
    told = openapi_document(create_app({"/model": chains()["/model"]}).state.workbench_services)
    text = json.dumps(told)
    assert "#/$defs" not in text and "model_HumanMessage" in told["components"]["schemas"]
    for reference in set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text)):
        assert reference in told["components"]["schemas"]
