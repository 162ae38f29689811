"""Many requests at once against a vendor, and a vendor that hangs."""

import threading
import time

import pytest
from django.db import connection, connections

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import Api
from tests.external_2fa.providers import ACCEPTED, CODE, WRONG_CODE
from tests.external_2fa.test_telnyx import PROFILE, Telnyx
from tests.test_races import crowd
from tests.vendor_server import Misbehaviour

__all__ = ["crowd"]

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12015550123"
#: Not to wait long for the locks of others.
SHORT_WAIT = {
    "sqlite": "PRAGMA busy_timeout = 300",
    "postgresql": "SET lock_timeout = '300ms'",
    "mysql": "SET innodb_lock_wait_timeout = 1",
}
KEY = {"api_key": "KEY0123", "verify_profile_id": PROFILE}


def test_of_sixteen_uses_of_one_code_one_wins_though_the_vendor_accepts_each(
    configure, external, vendor, api, make_user, crowd
):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0, MAX_TOKEN_ATTEMPTS=10)
    make_user(phone=PHONE)
    vendor.answers["first", "check"] = ACCEPTED
    sixteen = crowd(16)
    for _ in range(5):
        api.request_mobile(PHONE)
        statuses = sixteen.statuses(lambda api, number: api.exchange_mobile(PHONE, CODE))
        assert statuses == [200] + [400] * 15


def test_of_sixteen_wrong_tries_five_reach_the_vendor(configure, external, vendor, api, make_user, crowd):
    make_user(phone=PHONE)
    api.request_mobile(PHONE)
    assert crowd(16).statuses(lambda api, number: api.exchange_mobile(PHONE, WRONG_CODE)) == [400] * 16
    assert vendor.actions().count(("first", "check")) == 5
    assert PasswordlessChallengeToken.objects.get().tries == 5


def test_twelve_requests_at_once_are_one_send(external, vendor, make_user, crowd):
    make_user(phone=PHONE)
    statuses = crowd(12).statuses(lambda api, number: api.request_mobile(PHONE))
    assert statuses == [200] + [429] * 11
    assert vendor.actions() == [("first", "send")]


def test_a_vendor_that_hangs_holds_no_lock_and_ends_within_the_deadline(configure, api, make_user):
    make_user(phone=PHONE)
    with Telnyx() as telnyx:
        provider = {"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider", **KEY}
        configure(EXTERNAL_2FA={**provider, "base_url": f"{telnyx.url}/v2", "timeout": 3})
        assert api.request_mobile(PHONE).status_code == 200
        telnyx.misbehaviour = Misbehaviour.SILENT
        answers = []

        def check():
            answers.append(Api().exchange_mobile(PHONE, telnyx.code))
            connections.close_all()

        started = time.monotonic()
        waiting = threading.Thread(target=check)
        waiting.start()
        while len(telnyx.requests) < 2:
            time.sleep(0.01)
        # The vendor has been asked and is silent: another process may write the same row meanwhile.
        with connection.cursor() as cursor:
            cursor.execute(SHORT_WAIT[connection.vendor])
        assert PasswordlessChallengeToken.objects.update(channel="call") == 1
        assert waiting.is_alive()
        waiting.join()
        assert time.monotonic() - started < 15  # the deadline of a check

    assert answers[0].status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 1
    connection.close()


def test_the_whole_flow_against_a_vendor_on_this_machine(configure, api, make_user):
    make_user(phone=PHONE)
    with Telnyx() as telnyx:
        provider = {"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider", **KEY}
        configure(EXTERNAL_2FA={**provider, "base_url": f"{telnyx.url}/v2"})
        body = {package_settings.MOBILE_FIELD_NAME: PHONE}
        assert api.post("external/request/", {**body, "method": "whatsapp"}).status_code == 200
        assert api.post("external/verify/", {**body, "code": "000000"}).status_code == 400
        assert api.post("external/verify/", {**body, "code": telnyx.code}).status_code == 200
        assert telnyx.complaints == []
