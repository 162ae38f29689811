"""What each provider asks its vendor, and what it makes of the answers."""

import socket
from datetime import datetime, timedelta, timezone

import pytest
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.captcha import CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.captcha.siteverify import time
from jwt_drf_passwordless.http import deadline
from tests.captcha.vendors import HOST, SECRET, V2, V3, VENDORS, Enterprise, HCaptcha, Turnstile, dumped
from tests.vendor_server import NO_ANSWER, Answer, Misbehaviour

pytestmark = pytest.mark.standalone

PASSED, REFUSED = CaptchaStatus.PASSED, CaptchaStatus.REFUSED
UNAVAILABLE, MISCONFIGURED = CaptchaStatus.UNAVAILABLE, CaptchaStatus.MISCONFIGURED
NEVER_ENDS = {Misbehaviour.SILENT, Misbehaviour.HEADER_DRIP, Misbehaviour.BODY_DRIP}
#: Answers of another shape than any vendor's.
SHAPES = [None, True, 7, "true", [], {}, [{"success": True}], {"success": None}, {"tokenProperties": None}]
SHAPES += [{"tokenProperties": []}, {"success": False, "error-codes": None}, {"success": False, "error-codes": [7]}]

with_score = pytest.mark.parametrize("vendor_class", [V3, Enterprise])


def verify(vendor, token=None, **options):
    """What comes of a token, by default of a solved one."""
    return vendor.make_provider(**options).verify(token or vendor.solve(), "8.8.8.8", "request")


def met_by(vendor, status=200, body=None):
    """What a provider makes of an answer."""
    vendor.instead = Answer(status, body)
    result = verify(vendor)
    return result.status, result.reason


def test_a_solved_one_passes_with_the_facts_that_the_vendor_tells(every_vendor):
    result = verify(every_vendor)
    assert (result.status, result.reason, result.hostname) == (PASSED, "", HOST)
    assert result.action == ("request" if every_vendor.has_action else None)
    assert abs(result.solved_at - every_vendor.solved_at) < timedelta(seconds=1)


def test_the_vendor_is_told_the_client_s_address(every_vendor):
    verify(every_vendor)
    assert b"8.8.8.8" in every_vendor.requests[0].body


def test_an_unknown_address_is_not_sent(every_vendor):
    every_vendor.make_provider().verify(every_vendor.solve(), None, "request")
    assert b"emote" not in every_vendor.requests[0].body
    assert b"userIpAddress" not in every_vendor.requests[0].body


def test_the_vendor_is_asked_by_the_documented_host(every_vendor):
    hosts = {
        "RecaptchaV2": "https://www.google.com",
        "RecaptchaV3": "https://www.google.com",
        "RecaptchaEnterprise": "https://recaptchaenterprise.googleapis.com",
        "HCaptcha": "https://api.hcaptcha.com",
        "Turnstile": "https://challenges.cloudflare.com",
    }
    provider = every_vendor.provider(**every_vendor.options)
    assert provider.base_url == hosts[every_vendor.provider.__name__]


def test_the_key_is_in_no_url(every_vendor):
    verify(every_vendor)
    (request,) = every_vendor.requests
    assert SECRET not in request.path
    assert request.query == {}


@pytest.mark.parametrize(
    ("vendor_class", "reason"),
    [
        (V2, "timeout-or-duplicate"),
        (V3, "timeout-or-duplicate"),
        (Enterprise, "DUPE"),
        (HCaptcha, "already-seen-response"),
        (Turnstile, "timeout-or-duplicate"),
    ],
)
def test_a_second_use_is_refused(vendor_class, reason):
    with vendor_class() as vendor:
        token = vendor.solve()
        assert verify(vendor, token).status is PASSED
        assert verify(vendor, token) == CaptchaResult(REFUSED, reason)


def test_a_token_that_the_vendor_does_not_know_is_refused(every_vendor):
    assert verify(every_vendor, "made-up").status is REFUSED


@pytest.mark.parametrize("misbehaviour", NO_ANSWER)
def test_no_answer_is_an_outage_and_not_asked_again(every_vendor, misbehaviour):
    every_vendor.misbehaviour = misbehaviour
    with deadline(0.2 if misbehaviour in NEVER_ENDS else 5):
        assert verify(every_vendor).status is UNAVAILABLE
    assert every_vendor.count_requests(1) == 1


def test_a_vendor_that_cannot_be_reached_is_an_outage(every_vendor):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = verify(every_vendor, base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert result == CaptchaResult(UNAVAILABLE, "no_answer")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_vendor_that_is_overloaded_is_an_outage(every_vendor, status):
    assert met_by(every_vendor, status, {"success": True}) == (UNAVAILABLE, str(status))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_error_that_is_about_the_request_is_none(every_vendor, status):
    assert met_by(every_vendor, status, b"<html>") == (MISCONFIGURED, str(status))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_answer_of_another_shape_is_refused(every_vendor, shape):
    assert met_by(every_vendor, body=dumped(shape))[0] is REFUSED


@pytest.mark.parametrize("status", [200, 201, 202, 400])
@pytest.mark.parametrize("success", ["true", "True", 1, [True], {"a": 1}], ids=str)
def test_only_true_is_a_success(every_vendor, status, success):
    properties = {"valid": success, "hostname": HOST, "action": "request"}
    body = {"success": success, "score": 0.9, "tokenProperties": properties, "riskAnalysis": {"score": 0.9}}
    assert met_by(every_vendor, status, body)[0] is not PASSED


@pytest.mark.parametrize("status", [201, 202, 400, 403])
def test_only_status_200_is_a_success(every_vendor, status):
    properties = {"valid": True, "hostname": HOST, "action": "request"}
    body = {"success": True, "score": 0.9, "tokenProperties": properties, "riskAnalysis": {"score": 0.9}}
    assert met_by(every_vendor, status, body) == (MISCONFIGURED, str(status))


def test_a_wrong_secret_is_a_mistake_in_the_settings(every_vendor):
    key = "api_key" if "api_key" in every_vendor.options else "secret"
    result = verify(every_vendor, **{key: "of-another-site"})
    assert result.status is MISCONFIGURED
    assert result.reason in ("invalid-input-secret", "PERMISSION_DENIED")


@pytest.mark.parametrize("vendor_class", [V2, V3, HCaptcha, Turnstile])
@pytest.mark.parametrize(
    ("status", "codes", "expected"),
    [
        (200, ["missing-input-secret"], (MISCONFIGURED, "missing-input-secret")),
        (200, ["bad-request", "invalid-input-secret"], (MISCONFIGURED, "bad-request")),
        (200, ["internal-error"], (UNAVAILABLE, "internal-error")),
        (200, ["bad-request"], (REFUSED, "bad-request")),
        (400, ["invalid-input-response"], (REFUSED, "invalid-input-response")),
        (400, ["invalid-input-secret"], (MISCONFIGURED, "invalid-input-secret")),
        (200, ["something-new"], (REFUSED, "something-new")),
        (200, ["the number +12025550123", "x" * 65, 7, None], (REFUSED, "200")),
        (200, [], (REFUSED, "200")),
    ],
    ids=str,
)
def test_an_error_code_says_whose_fault_it_is(vendor_class, status, codes, expected):
    with vendor_class() as vendor:
        assert met_by(vendor, status, {"success": False, "error-codes": codes}) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"tokenProperties": {"valid": False, "invalidReason": "EXPIRED"}}, "EXPIRED"),
        ({"tokenProperties": {"valid": False, "invalidReason": "not a code"}}, ""),
        ({"tokenProperties": {"valid": False}}, ""),
    ],
)
def test_an_invalid_token_of_enterprise_is_refused_for_the_vendor_s_reason(body, reason):
    with Enterprise() as vendor:
        assert met_by(vendor, body=body) == (REFUSED, reason)


@with_score
@pytest.mark.parametrize(
    ("score", "passes"),
    [(0.5, True), (1, True), (1.0, True), (0.49, False), (0, False), (None, False), ("0.9", False), (True, False)]
    + [([], False), (1.1, False), (float("inf"), False), (float("nan"), False)],
)
def test_a_score_has_to_be_a_human_s(vendor_class, score, passes):
    with vendor_class() as vendor:
        vendor.facts["score"] = score
        result = verify(vendor)
    assert (result.status, result.reason) == ((PASSED, "") if passes else (REFUSED, "score"))


@with_score
@pytest.mark.parametrize(("min_score", "passes"), [(0.9, True), (0.91, False), (0, True), (1, False)])
def test_the_lowest_score_is_an_option(vendor_class, min_score, passes):
    with vendor_class() as vendor:
        assert (verify(vendor, min_score=min_score).status is PASSED) is passes


def test_a_token_of_v2_has_no_score_and_is_none_of_v3():
    with V3() as vendor:
        vendor.facts.update(score=None, action=None)
        assert verify(vendor) == CaptchaResult(REFUSED, "score")


@pytest.mark.parametrize(
    ("score", "passes"), [(0, True), (0.3, True), (0.31, False), (1, False), (None, False), (-0.1, False)]
)
def test_hcaptcha_s_scores_go_the_other_way(score, passes):
    with HCaptcha() as vendor:
        vendor.facts["score"] = score
        assert (verify(vendor, max_score=0.3).status is PASSED) is passes


@pytest.mark.parametrize("score", [0, 1, None])
def test_without_a_bound_hcaptcha_s_score_is_not_looked_at(score):
    with HCaptcha() as vendor:
        vendor.facts["score"] = score
        assert verify(vendor).status is PASSED


def test_hcaptcha_is_asked_without_a_site_key_where_none_is_given():
    with HCaptcha() as vendor:
        verify(vendor, site_key="")
        assert b"sitekey" not in vendor.requests[0].body


@pytest.mark.parametrize("vendor_class", [V3, Enterprise, Turnstile])
@pytest.mark.parametrize("action", [None, 7, ["request"]], ids=str)
def test_an_action_that_is_not_told_is_an_empty_one(vendor_class, action):
    with vendor_class() as vendor:
        vendor.facts["action"] = action
        assert verify(vendor).action == ""


@pytest.mark.parametrize("hostname", [None, 7, [HOST]], ids=str)
def test_a_hostname_that_is_not_told_is_an_empty_one(every_vendor, hostname):
    every_vendor.facts["hostname"] = hostname
    assert verify(every_vendor).hostname == ""


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-03-01T12:00:00Z", 0),
        ("2026-03-01T12:00:00.5Z", 500_000),
        ("2026-03-01T12:00:00.123Z", 123_000),
        ("2026-03-01T12:00:00.123456789Z", 123_456),
        ("2026-03-01T14:00:00+02:00", 0),
        ("2026-03-01T12:00:00+0000", 0),
    ],
)
def test_a_time_is_read_in_every_form(written, microsecond):
    assert time(written) == datetime(2026, 3, 1, 12, 0, 0, microsecond, tzinfo=timezone.utc)


@pytest.mark.parametrize("written", [None, "", 1772366400, "today", "2026-03-01T12:00:00", "2026-13-01T12:00:00Z", []])
def test_what_is_no_time_with_a_zone_is_none(written):
    assert time(written) is None


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": None}, "secret"),
        ({"secret": "two words"}, "secret"),
        ({"secret": "a\nb"}, "secret"),
        ({"site_key": None}, "site_key"),
        ({"base_url": "http://vendor.example"}, "base_url"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 61}, "timeout"),
        ({"timeout": "5"}, "timeout"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_a_mistake_in_the_settings(options, mistake):
    with pytest.raises(ImproperlyConfigured, match=f"Turnstile: .*{mistake}"):
        Turnstile.provider(**{"secret": SECRET, **options})


@pytest.mark.parametrize("options", [{"project": ""}, {"project": None}, {"site_key": ""}])
def test_enterprise_needs_a_project_and_a_site_key(options):
    with pytest.raises(ImproperlyConfigured, match="RecaptchaEnterprise: project or site_key"):
        Enterprise.provider(**{**Enterprise.options, **options})


@pytest.mark.parametrize("bound", [-0.1, 1.1, "0.5", True, None, float("nan")])
def test_a_bound_of_scores_is_between_0_and_1(bound):
    for vendor_class in (V3, Enterprise):
        with pytest.raises(ImproperlyConfigured, match="min_score must be between 0 and 1"):
            vendor_class.provider(**vendor_class.options, min_score=bound)
    if bound is not None:
        with pytest.raises(ImproperlyConfigured, match="max_score must be between 0 and 1"):
            HCaptcha.provider(**HCaptcha.options, max_score=bound)


def test_a_project_stays_in_its_place_of_the_path():
    with Enterprise() as vendor:
        vendor.instead = Answer(404)
        verify(vendor, project="a/../b?c")
        assert vendor.requests[0].path == "/v1/projects/a%2F..%2Fb%3Fc/assessments"


@pytest.mark.parametrize(
    ("vendor_class", "options"),
    [
        (V2, {"secret": "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}),
        (V2, {"site_key": "6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI"}),
        (V3, {"secret": "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}),
        (HCaptcha, {"secret": "0x0000000000000000000000000000000000000000"}),
        (HCaptcha, {"site_key": "10000000-ffff-ffff-ffff-000000000001"}),
        (HCaptcha, {"site_key": "20000000-ffff-ffff-ffff-000000000002"}),
        (HCaptcha, {"site_key": "30000000-ffff-ffff-ffff-000000000003"}),
        (Turnstile, {"secret": "1x0000000000000000000000000000000AA"}),
        (Turnstile, {"secret": "2x0000000000000000000000000000000AA"}),
        (Turnstile, {"secret": "3x0000000000000000000000000000000AA"}),
        (Turnstile, {"site_key": "1x00000000000000000000AA"}),
        (Turnstile, {"site_key": "2x00000000000000000000AB"}),
        (Turnstile, {"site_key": "3x00000000000000000000FF"}),
        (Turnstile, {"site_key": "1x00000000000000000000BB"}),
        (Turnstile, {"site_key": "2x00000000000000000000BB"}),
    ],
    ids=str,
)
def test_the_vendors_keys_for_tests_are_known(vendor_class, options):
    assert vendor_class.provider(**{**vendor_class.options, **options}).uses_test_key


@pytest.mark.parametrize("vendor_class", VENDORS)
def test_other_keys_are_not_taken_for_them(vendor_class):
    assert not vendor_class.provider(**vendor_class.options).uses_test_key
