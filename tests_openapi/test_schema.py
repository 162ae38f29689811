"""schemathesis holds what the routes answer against the schema: to calls that are right, and to what it makes up."""

import itertools
import json
import zlib
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi import checks

from tests_openapi.people import METHODS, as_it_was, right_call

#: Keys of bodies of which a value that is none counts as missing, and is no failure.
OVERLOOKED = {"device_token", "trust_device"}
#: 403 only to a token that no login of ours has made.
NO_FORBIDDEN = {"DELETE /api/sessions/others/"}


def document() -> Any:
    """The schema; answers may have no key that it does not name, though it says nothing about others."""
    whole = json.loads(json.dumps(SchemaGenerator(urlconf="tests.openapi_urls").get_schema(request=None, public=True)))
    parts = whole["components"]["schemas"]

    def close(part: Any) -> None:
        if isinstance(part, list):
            for inner in part:
                close(inner)
        elif isinstance(part, dict):
            named = parts.get(str(part.get("$ref")).rpartition("/")[2], part)
            if "properties" in named:
                named["additionalProperties"] = False
            close(list(named.values()))

    for verbs in whole["paths"].values():
        close([operation["responses"] for operation in verbs.values()])
    return whole


CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "413", "415"]}}}
SCHEMA = schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_dict(CONFIG))
SCHEMA.app = get_wsgi_application()
OPERATIONS = [one.ok() for one in SCHEMA.get_all_operations()]


def send(case: Any, headers: Any = None) -> int:
    """The status of the answer, once all is well with it."""
    for signal in (request_started, request_finished):
        # It would close the connection, which holds the transaction of `as_it_was`. Django's client connects it anew.
        signal.disconnect(close_old_connections)
    answer = case.call(headers=headers)
    left_out = [checks.positive_data_acceptance]  # a code of the right form is wrong all the same
    if isinstance(case.body, dict) and OVERLOOKED & case.body.keys():
        left_out.append(checks.negative_data_rejection)
    case.validate_response(answer, headers=headers, excluded_checks=left_out)
    status: int = answer.status_code
    return status


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_right_calls_of_everybody_reach_every_success_and_the_refusals(operation, people):
    reached = set()
    for who, method in itertools.product(people, METHODS if "{method}" in operation.path else ("",)):
        with as_it_was():
            path, body, headers = right_call(who, operation.method.upper(), operation.path, method)
            given = {} if body is None else {"body": body, "media_type": "application/json"}
            reached.add(send(operation.Case(path_parameters=path, **given), headers))
    documented = {int(status) for status in operation.definition.raw["responses"]}
    wanted = {status for status in documented if status < 300}
    if operation.definition.raw["security"] != [{}]:
        wanted |= documented & ({401} if operation.label in NO_FORBIDDEN else {401, 403})
    assert wanted <= reached


@SCHEMA.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_made_up_calls(case, people):
    """As they are, by one of the people; and where they have a body, a right call with one value of it."""
    # The same for the same case, as Hypothesis wants.
    turn = zlib.crc32(repr((case.method, case.path_parameters, case.media_type, case.body)).encode())
    who, method = people[turn % len(people)], METHODS[turn % len(METHODS)]
    with as_it_was():
        send(case, who.headers or None)
    if not isinstance(case.body, dict) or not case.body or case.meta.phase.name is not TestPhase.FUZZING:
        return
    with as_it_was():
        path, body, headers = right_call(who, case.method, case.operation.path, method)
        if isinstance(body, dict):
            name = sorted(case.body)[turn % len(case.body)]
            body = {**body, name: case.body[name]}
            send(case.operation.Case(path_parameters=path, body=body, media_type="application/json"), headers)
