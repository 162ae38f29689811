"""The client's address: whose word is believed, and what a forged header is worth."""

import ipaddress

import pytest
from django.test import RequestFactory

from jwt_drf_passwordless.clients import client_address, network

V4 = "203.0.113.77"


def request(remote=V4, forwarded=None):
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().post("/", REMOTE_ADDR=remote, **extra)


@pytest.mark.parametrize("forwarded", ["198.51.100.1", "198.51.100.1, 198.51.100.2", "", "junk"])
def test_without_declared_proxies_no_header_is_believed(forwarded):
    assert str(client_address(request(forwarded=forwarded))) == V4


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "198.51.100.1,10.0.0.2", "198.51.100.1"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, "[2001:db8::7]:443", "2001:db8::7"),
        (1, "[2001:db8::7]", "2001:db8::7"),
        (1, "2001:db8::7%eth0", "2001:db8::7"),
        (1, "198.51.100.1:8080", "198.51.100.1"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        # Shorter than the chain that was declared, or no address: the connection's own.
        (2, "198.51.100.1", V4),
        (1, "", V4),
        (1, None, V4),
        (1, "unknown", V4),
        (1, "198.51.100.1, ", V4),
        (1, "198.51.100.1.5", V4),
        (1, "198.51.100.0/24", V4),
        (1, "1" * 5000, V4),
        (1, "198.51.100.1:80:80", V4),
    ],
)
def test_with_declared_proxies_the_outermost_of_them_is_believed(configure, proxies, forwarded, expected):
    configure(TRUSTED_PROXIES=proxies)
    assert client_address(request(forwarded=forwarded)) == ipaddress.ip_address(expected)


@pytest.mark.parametrize("remote", ["", "unknown", "/run/socket", "1.2.3"])
def test_where_there_is_no_address_there_is_no_network(remote):
    assert client_address(request(remote)) is None
    assert network(request(remote)) is None


def test_outside_of_a_request_there_is_no_network():
    assert network(None) is None


@pytest.mark.parametrize(("remote", "expected"), [(V4, "203.0.113.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64")])
def test_a_network_is_24_bits_of_an_ipv4_address_and_64_of_an_ipv6_one(remote, expected):
    assert network(request(remote)) == expected
