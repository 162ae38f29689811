"""Age, MACs, JWTs and URLs, with the vectors of vendors and of RFC 4231."""

import base64
import time

import jwt
import pytest
import time_machine

from jwt_drf_passwordless.external_2fa.signatures import both_ports, is_fresh, jwt_claims, mac_matches, same, sha256_hex

FORM = b"https://app.example/hook/?a=1StatusapprovedTo+15017122661"
NOW = 1_800_000_000
SECRET = "throwaway-signature-secret-000001"


@pytest.mark.parametrize("timestamp", [NOW, str(NOW), NOW - 300, NOW + 300, str(NOW - 300), str(NOW + 300)])
def test_a_time_within_five_minutes_is_fresh(timestamp):
    with time_machine.travel(NOW, tick=False):
        assert is_fresh(timestamp)


@pytest.mark.parametrize(
    "timestamp",
    [NOW - 301, NOW + 301, str(NOW - 301), str(NOW + 301), float(NOW), f"{NOW}.0", f" {NOW}", f"+{NOW}", f"-{NOW}"]
    + [-NOW, "", None, True, "٣" * 10, "1_800_000_000", "9" * 16, "9" * 5000, 10**30, [NOW], b"1800000000"],
)
def test_every_other_time_is_not(timestamp):
    with time_machine.travel(NOW, tick=False):
        assert not is_fresh(timestamp)


@pytest.mark.parametrize(
    ("key", "signed", "signature", "algorithm"),
    [
        # RFC 4231, test case 2.
        (b"Jefe", b"what do ya want for nothing?", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=", "sha256"),
        # Twilio: a form, by both algorithms.
        (b"12345", FORM, "aJooOr67V+UzZ3vBlS5lnSNcOY4=", "sha1"),
        (b"12345", FORM, "yMbsTomB2N+DHQlExOMExTF3Mxfdfhh3cLTGct1GES0=", "sha256"),
        # Plivo, V3.
        (
            b"token1",
            b"https://app.example/hook/?SessionStatusverifiedSessionUUIDs1.nonce1",
            "CiooSlvKYLQGFOpUFacitDYKZgHveU/crINV338aBcY=",
            "sha256",
        ),
    ],
)
def test_the_mac_of_a_vector_matches(key, signed, signature, algorithm):
    assert mac_matches(key, signed, signature, algorithm)
    assert not mac_matches(key, signed + b" ", signature, algorithm)
    assert not mac_matches(key + b" ", signed, signature, algorithm)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "=", "x" * 10_000])
def test_what_is_no_mac_does_not_match(signature):
    assert not mac_matches(b"key", b"signed", signature)


def test_without_a_key_nothing_matches():
    # The HMAC of nothing under an empty key, which anybody can work out.
    assert not mac_matches(b"", b"", "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=")


@pytest.mark.parametrize(
    ("given", "equal"), [("abc", True), ("ab", False), ("\ud800", False), (None, False), (7, False)]
)
def test_texts_are_compared_whatever_is_given(given, equal):
    assert same("abc", given) is equal


def test_a_digest_is_written_in_hex():
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def token(key=SECRET, **claims):
    return jwt.encode({"iss": "Vendor", "a": 1} | claims, key, "HS256")


def test_the_claims_of_a_signed_token_are_told():
    assert jwt_claims(token(), SECRET, "Vendor") == {"iss": "Vendor", "a": 1}


def test_a_token_that_was_made_in_our_future_has_its_claims():
    assert jwt_claims(token(iat=int(time.time()) + 100), SECRET, "Vendor")["a"] == 1


def test_a_token_that_names_an_audience_has_its_claims():
    assert jwt_claims(token(aud="app.example"), SECRET, "Vendor")["a"] == 1


@pytest.mark.parametrize("claims", [{"iss": "Other"}, {"exp": 1}, {"nbf": 4_000_000_000}, {"key": SECRET + "x"}])
def test_a_token_of_others_and_of_other_times_claims_nothing(claims):
    assert jwt_claims(token(**claims), SECRET, "Vendor") == {}


def test_without_a_secret_no_token_claims_anything():
    assert jwt_claims(token(), "", "Vendor") == {}


TOO_DEEP = base64.b64encode(b"[" * 99_999).decode() + ".e30.AA"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "\ud800.a.b", TOO_DEEP])
def test_what_is_no_token_claims_nothing(text):
    assert jwt_claims(text, SECRET, "Vendor") == {}


@pytest.mark.parametrize(
    ("url", "both"),
    [
        ("https://a.example/x?y=1", {"https://a.example/x?y=1", "https://a.example:443/x?y=1"}),
        ("https://a.example:443/", {"https://a.example/", "https://a.example:443/"}),
        ("http://a.example/", {"http://a.example/", "http://a.example:80/"}),
        ("https://a.example:80/", {"https://a.example:80/"}),
        ("https://[::1]/", {"https://[::1]/", "https://[::1]:443/"}),
    ],
)
def test_the_default_port_is_tried_both_ways(url, both):
    assert both_ports(url) == both


@pytest.mark.parametrize("url", ["https://[", "https://a.example:port/", "https://a.example:99999/"])
def test_what_is_no_url_is_an_error(url):
    with pytest.raises(ValueError, match=r"[Pp]ort|IPv6"):
        both_ports(url)
