"""Webhooks that the vendors' own validators have accepted; see make_vectors.py."""

import json
from pathlib import Path

import pytest
import time_machine
from django.utils.module_loading import import_string

from jwt_drf_passwordless.external_2fa.base import InvalidSignature

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())


def handle(vector, body):
    provider = import_string(f"jwt_drf_passwordless.external_2fa.{vector['provider']}")(**vector["options"])
    with time_machine.travel(vector["at"], tick=False):
        return provider.handle_webhook(body, vector["headers"], vector["url"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["made_by"])
def test_what_the_vendors_validator_accepts_is_accepted(vector):
    assert len(handle(vector, vector["body"].encode()).events) == 1


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["made_by"])
def test_with_another_body_it_is_refused(vector):
    with pytest.raises(InvalidSignature):
        handle(vector, vector["body"].encode() + b" ")
