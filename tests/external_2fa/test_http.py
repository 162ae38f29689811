"""Requests to vendors: what is sent, what is taken for an answer, and how long it may take."""

import datetime
import ipaddress
import json
import os
import re
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import VerificationMethod, VerificationStatus
from jwt_drf_passwordless.external_2fa.http import VendorError, VendorProvider, expect, segment
from jwt_drf_passwordless.http import NoAnswer, Reply, deadline, fetch
from tests.vendor_server import Answer, Misbehaviour, Optional, Route, Vendor

pytestmark = pytest.mark.standalone


class Any(Vendor):
    """Answers what it is told to."""

    def ok(self, request, *groups):
        return Answer(200, {"ok": True})

    routes = [
        Route("GET", "/", None, ok),
        Route("POST", "/", {"a": "b", "more": Optional(1)}, ok),
        Route("POST", "/typed", {"n": int, "text": re.compile("a+")}, ok),
        Route("POST", "/start", {"number": str}, ok),
        Route("POST", "/check/(.+)", {"code": str}, ok),
    ]


class SmallVendor(VendorProvider):
    """The least that a project writes for a vendor of its own."""

    default_base_url = "https://vendor.example"
    errors = {"7": VerificationStatus.BLOCKED, "busy": VerificationStatus.RATE_LIMITED}
    statuses = {409: VerificationStatus.EXPIRED}

    def _start(self, phone_number, method, locale):
        return self._call("POST", "/start", json={"number": phone_number}).get("id")

    def _check(self, phone_number, code, verification_id):
        self._call("POST", f"/check/{segment(verification_id)}", json={"code": code})
        return VerificationStatus.ACCEPTED


@pytest.fixture
def vendor():
    with Any() as vendor:
        yield vendor
    assert vendor.complaints == []


def failure(*args, **kwargs):
    """Why there is no answer to a request."""
    with pytest.raises(NoAnswer) as caught:
        fetch(*args, **kwargs)
    return caught.value.reason


UNAVAILABLE = VerificationStatus.UNAVAILABLE


def test_an_answer_has_status_headers_and_json(vendor):
    vendor.instead = Answer(201, {"a": [1]}, {"Retry-After": "7"})
    reply = fetch("GET", vendor.url + "/")
    assert (reply.status, reply.headers["retry-after"], reply.body) == (201, "7", {"a": [1]})


def test_an_answer_without_a_body_has_none(vendor):
    vendor.instead = Answer(204)
    assert fetch("GET", vendor.url + "/").body is None


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_an_error_need_not_be_json(vendor, status):
    vendor.instead = Answer(status, b"<html>")
    assert fetch("GET", vendor.url + "/") == Reply(status, fetch("GET", vendor.url + "/").headers, None)


@pytest.mark.parametrize("body", [b"<html>", b"{", b"[" * 60_000, b"\xff", b"1" * 5000])
def test_a_success_has_to_be_json(vendor, body):
    vendor.instead = Answer(200, body)
    assert failure("GET", vendor.url + "/") == "no_json"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_no_answer_and_not_followed(vendor, status):
    vendor.instead = Answer(status, None, {"Location": "/"})
    assert failure("POST", vendor.url + "/", json={"a": "b"}) == f"status_{status}"
    assert len(vendor.requests) == 1


def test_an_answer_may_have_64_kibibytes(vendor):
    vendor.instead = Answer(200, json.dumps("x" * (65536 - 2)).encode())
    assert fetch("GET", vendor.url + "/").body == "x" * (65536 - 2)


def test_one_byte_more_is_too_much(vendor):
    vendor.instead = Answer(200, json.dumps("x" * (65536 - 1)).encode())
    assert failure("GET", vendor.url + "/") == "too_large"


@pytest.mark.parametrize("misbehaviour", [Misbehaviour.SILENT, Misbehaviour.HEADER_DRIP, Misbehaviour.BODY_DRIP])
def test_the_deadline_holds_for_every_byte(vendor, misbehaviour):
    vendor.misbehaviour = misbehaviour
    begin = time.monotonic()
    with deadline(0.3):
        assert failure("GET", vendor.url + "/") == "no_answer"
    assert 0.25 < time.monotonic() - begin < 2


def test_the_pause_between_two_bytes_is_limited_too(vendor):
    vendor.misbehaviour = Misbehaviour.SILENT
    begin = time.monotonic()
    assert failure("GET", vendor.url + "/", timeout=0.2) == "no_answer"
    assert 0.15 < time.monotonic() - begin < 2


def test_after_the_deadline_nothing_is_read(vendor):
    vendor.misbehaviour = Misbehaviour.BODY_DRIP
    with deadline(0.2):
        # The headers are there, the body is not.
        hooks = {"response": lambda response, **kwargs: time.sleep(0.3)}
        assert failure("GET", vendor.url + "/", hooks=hooks) == "no_answer"


def test_requests_share_a_deadline(vendor):
    with deadline(0.2):
        assert fetch("GET", vendor.url + "/").status == 200
        vendor.misbehaviour = Misbehaviour.SILENT
        assert failure("GET", vendor.url + "/") == "no_answer"
        assert failure("GET", vendor.url + "/") == "deadline"
    assert len(vendor.requests) == 2


def test_an_inner_deadline_does_not_extend_the_outer_one(vendor):
    with deadline(0), deadline(60):
        assert failure("GET", vendor.url + "/") == "deadline"


def test_after_the_deadline_requests_are_made_again(vendor):
    with deadline(0):
        assert failure("GET", vendor.url + "/") == "deadline"
    assert fetch("GET", vendor.url + "/").status == 200


def test_a_connection_is_used_again(vendor):
    for _ in range(3):
        fetch("GET", vendor.url + "/")
    ports = {request.port for request in vendor.requests}
    assert (len(vendor.requests), len(ports)) == (3, 1)


def test_after_a_slow_answer_the_next_one_has_its_full_time(vendor):
    vendor.misbehaviour = Misbehaviour.BODY_DRIP
    with deadline(0.1):
        assert failure("GET", vendor.url + "/") == "no_answer"
    vendor.misbehaviour = None
    assert fetch("GET", vendor.url + "/").status == 200


def test_threads_do_not_share_connections(vendor):
    fetch("GET", vendor.url + "/")
    thread = threading.Thread(target=fetch, args=("GET", vendor.url + "/"))
    thread.start()
    thread.join()
    assert len({request.port for request in vendor.requests}) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12 on: the server is a thread
def test_a_forked_process_makes_its_own_connection(vendor):
    fetch("GET", vendor.url + "/")
    child = os.fork()
    if child == 0:  # pragma: no cover  (another process)
        try:
            os._exit(fetch("GET", vendor.url + "/").status != 200)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    fetch("GET", vendor.url + "/")
    first, second, third = (request.port for request in vendor.requests)
    assert first == third != second


def test_cookies_are_neither_kept_nor_sent(vendor):
    vendor.instead = Answer(200, {}, {"Set-Cookie": "a=b; Path=/"})
    fetch("GET", vendor.url + "/")
    fetch("GET", vendor.url + "/")
    assert "Cookie" not in vendor.requests[1].headers


def test_proxies_and_passwords_of_the_environment_are_not_used(vendor, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch("GET", vendor.url + "/").status == 200
    assert "Authorization" not in vendor.requests[0].headers


@pytest.mark.parametrize("key", ["two\nlines", " blank", "no ascii €"])
def test_a_key_that_cannot_be_sent_is_a_mistake_in_the_settings(vendor, key):
    assert failure("GET", vendor.url + "/", headers={"X-Key": key}) == "bad_credentials"
    assert vendor.requests == []


def test_a_host_that_does_not_exist_is_no_answer():
    assert failure("GET", "https://does-not-exist.invalid/") == "no_answer"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a key with a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(hours=1))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


@pytest.fixture
def tls_vendor(certificate):
    with Any() as vendor:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        vendor.encrypt(context)
        yield vendor


def test_a_certificate_that_nobody_trusts_is_no_answer(tls_vendor):
    assert failure("GET", tls_vendor.url + "/") == "no_answer"
    assert tls_vendor.requests == []


def test_an_encrypted_answer_is_read(tls_vendor, certificate):
    assert fetch("GET", tls_vendor.url + "/", verify=certificate).body == {"ok": True}


@pytest.mark.parametrize("misbehaviour", [Misbehaviour.SILENT, Misbehaviour.HEADER_DRIP, Misbehaviour.BODY_DRIP])
def test_the_deadline_holds_for_encrypted_answers(tls_vendor, certificate, misbehaviour):
    tls_vendor.misbehaviour = misbehaviour
    begin = time.monotonic()
    with deadline(0.3):
        assert failure("GET", tls_vendor.url + "/", verify=certificate) == "no_answer"
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("path", "value"),
    [(("a",), [1]), (("a", 0), 1), (("a", 1), None), (("b",), None), (("a", "b"), None), (("a", 0, "c"), None)],
)
def test_a_path_leads_to_its_value_or_to_none(path, value):
    assert Reply(200, {}, {"a": [1]}).get(*path) == value


@pytest.mark.parametrize("body", [None, [], {}, {"to": None}, {"to": "other"}, {"to": ["me"]}])
def test_an_answer_about_another_is_none(body):
    with pytest.raises(VendorError, match="error"):
        expect(Reply(200, {}, body), "me", "to")


def test_an_answer_about_the_same_is_one():
    expect(Reply(200, {}, {"to": "me"}), "me", "to")


@pytest.mark.parametrize(
    ("value", "quoted"), [("+1202", "%2B1202"), ("a/b", "a%2Fb"), ("%2e", "%252e"), ("..a", "..a"), ("\ud800", "%3F")]
)
def test_a_segment_stays_in_its_place(value, quoted):
    assert segment(value) == quoted


@pytest.mark.parametrize("value", ["", ".", "..", "..."])
def test_dots_are_no_segment(value):
    with pytest.raises(VendorError):
        segment(value)


@pytest.mark.parametrize("code", ["the number +12025550123 is bad", "a" * 65, None, [], {"a": 1}, "\n", "é"], ids=str)
def test_what_is_more_than_a_code_is_not_kept(code):
    assert VendorError(UNAVAILABLE, code).code == ""


@pytest.mark.parametrize("code", [60200, "low-balance", "a.b_c#d:1"])
def test_a_code_is_kept_for_the_log(code):
    assert VendorError(UNAVAILABLE, code).code == f"{code}"


@pytest.mark.parametrize(
    "base_url",
    ["https://api.example", "https://api.example/v2/", "http://127.0.0.1:8000", "http://localhost", "http://[::1]:1"],
)
def test_a_safe_base_url_is_taken(base_url):
    assert SmallVendor(base_url=base_url).base_url == base_url.rstrip("/")


@pytest.mark.parametrize(
    "base_url",
    ["http://api.example", "http://10.0.0.1", "ftp://localhost", "api.example", "https://", "https://[", "file:///etc"]
    + ["http://localhost.example", "//api.example"],
)
def test_an_unsafe_base_url_is_a_mistake_in_the_settings(base_url):
    with pytest.raises(ImproperlyConfigured, match="SmallVendor: base_url"):
        SmallVendor(base_url=base_url)


def test_without_a_base_url_it_is_the_vendors():
    assert SmallVendor().base_url == "https://vendor.example"


@pytest.mark.parametrize("timeout", [0, -1, 61, "10", None, float("nan")])
def test_a_timeout_that_is_none_is_a_mistake_in_the_settings(timeout):
    with pytest.raises(ImproperlyConfigured, match="timeout"):
        SmallVendor(timeout=timeout)


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Answer(400, {"code": "7"}), VerificationStatus.BLOCKED, "7"),
        (Answer(400, {"code": 7}), VerificationStatus.BLOCKED, "7"),
        (Answer(500, {"code": "busy"}), VerificationStatus.RATE_LIMITED, "busy"),
        (Answer(400, {"code": "new"}), VerificationStatus.ERROR, "new"),
        (Answer(400, {"code": None, "message": "+12025550123"}), VerificationStatus.ERROR, "400"),
        (Answer(401), VerificationStatus.MISCONFIGURED, "401"),
        (Answer(403), VerificationStatus.MISCONFIGURED, "403"),
        (Answer(404), VerificationStatus.MISCONFIGURED, "404"),
        (Answer(409), VerificationStatus.EXPIRED, "409"),
        (Answer(429), VerificationStatus.RATE_LIMITED, "429"),
        (Answer(502), VerificationStatus.UNAVAILABLE, "502"),
        (Answer(200, {"id": ""}), VerificationStatus.UNAVAILABLE, "no_id"),
        (Answer(200, {"id": 7}), VerificationStatus.UNAVAILABLE, "no_id"),
        (Answer(200, {"id": "x" * 256}), VerificationStatus.UNAVAILABLE, "no_id"),
        (Answer(200, {"id": "a\x00b"}), VerificationStatus.UNAVAILABLE, "no_id"),
    ],
    ids=str,
)
def test_a_failed_send_has_a_status_and_a_code(vendor, answer, status, code):
    vendor.instead = answer
    result = SmallVendor(base_url=vendor.url).send_verification("+12025550123")
    assert (result.success, result.status, result.error_code, result.message) == (False, status, code, None)


def test_what_is_not_found_when_a_code_is_checked_has_ended(vendor):
    vendor.instead = Answer(404)
    result = SmallVendor(base_url=vendor.url).verify_code("+12025550123", "123456", verification_id="a")
    assert result.status is VerificationStatus.NOT_FOUND


def test_a_channel_that_is_not_there_is_not_asked_for(vendor):
    result = SmallVendor(base_url=vendor.url).send_verification("+12025550123", VerificationMethod.RCS)
    assert (result.status, vendor.requests) == (VerificationStatus.UNSUPPORTED_CHANNEL, [])


@pytest.mark.parametrize("code", ["", "12 34", "x" * 21, "12345\n", "１２３４５６", "+", "a;b"])
def test_what_no_code_looks_like_is_refused_without_a_call(vendor, code):
    result = SmallVendor(base_url=vendor.url).verify_code("+12025550123", code, verification_id="a")
    assert (result.status, vendor.requests) == (VerificationStatus.REJECTED, [])


@pytest.mark.parametrize("code", ["1234", "0000000000", "aB3dE6", "+12025550123"])
def test_every_form_of_code_reaches_the_vendor(vendor, code):
    assert SmallVendor(base_url=vendor.url).verify_code("+12025550123", code, verification_id="a").success


def test_a_vendor_that_cannot_cancel_says_so():
    result = SmallVendor().cancel_verification("+12025550123", verification_id="a")
    assert (result.success, result.status, result.error_code) == (False, VerificationStatus.ERROR, "not_supported")


@pytest.mark.parametrize(
    ("send", "complaint"),
    [
        ({"url": "/other"}, "no such route"),
        ({"verb": "PUT"}, "no such route"),
        ({"json": {}}, "body: a is missing"),
        ({"json": {"a": "b", "c": 1}}, "body: unknown c"),
        ({"json": {"a": "b", "more": 2}}, "more: 2 is not 1"),
        ({"json": {"a": 1}}, "a: 1 is not 'b'"),
        ({"json": ["a"]}, "body: ['a'] is not {"),
        ({"data": "a=b"}, "content type None"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, "body: 'JSONDecodeError' is not {"),
        ({"url": "/typed", "json": {"n": True, "text": "a"}}, "n: True is no int"),
        ({"url": "/typed", "json": {"n": 1, "text": "b"}}, "text: 'b' is not a+"),
        ({"json": {"a": "b"}, "headers": {"X-Own": "1"}}, "header: unknown x-own"),
        ({"json": {"a": "b"}, "params": {"q": "1"}}, "query {'q': '1'}"),
    ],
    ids=str,
)
def test_the_server_complains_about_what_the_vendor_does_not_know(send, complaint):
    send = {"verb": "POST", "url": "/"} | send
    with Any() as vendor:
        assert fetch(send.pop("verb"), vendor.url + send.pop("url"), **send).status in (400, 404)
    assert [text for text in vendor.complaints if complaint in text] != []


def test_the_server_complains_about_a_mistake_in_its_play():
    class Broken(Any):
        routes = [Route("GET", "/", None, lambda vendor, request: 1 / 0)]

    with Broken() as vendor:
        assert failure("GET", vendor.url + "/") == "no_answer"
    assert vendor.complaints == ["ZeroDivisionError('division by zero')"]
