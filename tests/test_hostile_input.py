"""No input makes a 500 or a token pair: property tests and a corpus of known breakers, on every endpoint.

The test client re-raises what a view lets through, so an unhandled exception fails the test.
"""

import json

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.services import PasswordlessTokenService

pytestmark = pytest.mark.django_db

ROUTES = ["request/email/", "request/mobile/", "exchange/email/", "exchange/mobile/", "exchange/"]
EMAIL = "ada@example.com"
PHONE = "+12015550123"
#: The JSON of the corpus below writes `@email` and `@phone` for the names of the user's fields.
PLACEHOLDERS = {
    b"@email": lambda: package_settings.EMAIL_FIELD_NAME.encode(),
    b"@phone": lambda: package_settings.MOBILE_FIELD_NAME.encode(),
}

property_test = hypothesis_settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def _open_challenges(make_user, configure):
    """Somebody has a code by both methods, so that the exchanges get as far as comparing one."""
    configure(MAX_TOKEN_ATTEMPTS=10)
    user = make_user(email=EMAIL, phone=PHONE)
    PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    PasswordlessTokenService.create_token(user, package_settings.MOBILE_FIELD_NAME)


@pytest.fixture
def send(client, _open_challenges):
    """Send raw bytes to a route and check what must hold for every answer; the answer is returned."""

    def post(route, body, content_type="application/json", **extra):
        for placeholder, name in PLACEHOLDERS.items():
            body = body.replace(placeholder, name())
        answer = client.generic("POST", f"/passwordless/{route}", body, content_type=content_type, **extra)
        assert answer.status_code < 500
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json().keys().isdisjoint({"access", "refresh"})
        return answer

    return post


# Values of any shape. Plain `st.text()` leaves lone surrogates out.
any_text = st.text(st.characters(exclude_categories=()), max_size=40)
near_misses = st.sampled_from(
    [
        EMAIL,
        PHONE,
        "123456",
        "000000",
        "a" * 64,
        "ada@exam\x00ple.com",
        "ada@\ud800.com",
        "+1201555012\ud83d",
        "",
        " ",
        "-",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | near_misses,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(any_text, children, max_size=3),
    max_leaves=6,
)
known_keys = st.sampled_from(["@email", "@phone", "token", "code", "method", "detail", "non_field_errors"])
json_bodies = st.dictionaries(known_keys | any_text, json_values, max_size=5) | json_values
routes = st.sampled_from(ROUTES)

CHARSETS = [
    "utf-8",
    "hex",
    "rot13",
    "utf-7",
    "utf-16",
    "base64",
    "zlib",
    "idna",
    "punycode",
    "undefined",
    "no such",
    "",
]
content_types = st.builds(
    "{}{}".format,
    st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=BOUNDARY",
            "text/plain",
        ]
    )
    | st.text(st.characters(max_codepoint=255), max_size=30),
    st.sampled_from(["", *(f"; charset={charset}" for charset in CHARSETS)]),
)
PARTS = [
    b"--BOUNDARY\r\n", b"--BOUNDARY", b"--BOUNDARY--\r\n", b"--\r\n", b"\r\n", b"\r\n\r\n", b"\x00", b"\xff\xfe",
    b'Content-Disposition: form-data; name="@email"\r\n\r\nada@example.com\r\n',
    b'Content-Disposition: form-data; name="token"; filename="x"\r\n\r\n123456\r\n',
    b"Content-Disposition: form-data; name*=hex''%41\r\n\r\nx\r\n",
    b"Content-Disposition: form-data; name*=bogus''%41\r\n\r\nx\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: text/plain; charset=hex\r\n", b"Content-Length: 9x\r\n",
    b"@email=ada%40example.com&", b"token=123456&", b"token=%ff%00&", b"&=&", b"%", b"=",
    b'{"@email": "ada@example.com"', b', "token": "123456"}', b"[", b'"\\ud800"', b"NaN",
]  # fmt: skip
raw_bodies = st.binary(max_size=200) | st.lists(st.sampled_from(PARTS), max_size=8).map(b"".join)


@property_test
@given(route=routes, body=json_bodies)
def test_json_of_any_shape_is_answered(send, route, body):
    send(route, json.dumps(body).encode())


@property_test
@given(route=routes, email=near_misses | any_text, phone=near_misses | any_text, token=near_misses | any_text)
def test_any_text_under_the_known_keys_is_answered(send, route, email, phone, token):
    body = {"@email": email, "@phone": phone, "token": token}
    send(route, json.dumps(body).encode())
    for identifier in ("@email", "@phone"):
        send("exchange/", json.dumps({identifier: body[identifier], "token": token}).encode())


@property_test
@given(route=routes, body=raw_bodies, content_type=content_types)
@example(route="exchange/", body=b"{}", content_type="application/json; charset=hex")
def test_bytes_of_any_content_type_are_answered(send, route, body, content_type):
    send(route, body, content_type)


@property_test
@given(
    route=routes,
    accept=st.text(st.characters(max_codepoint=255), max_size=40),
    authorization=st.text(st.characters(max_codepoint=255), max_size=40),
)
@example(route="exchange/", accept="application/json; indent=9999999999", authorization="Bearer")
@example(route="exchange/", accept="application/json; indent*=bogus''%41", authorization="Bearer a b")
@example(route="exchange/", accept="*/*;q*=hex''%41, ;;, /", authorization="Basic =")
@example(route="exchange/", accept="application/json;" * 2000, authorization="\x00")
def test_any_accept_and_authorization_headers_are_answered(send, route, accept, authorization):
    send(route, b"{}", HTTP_ACCEPT=accept, HTTP_AUTHORIZATION=authorization)


JSON_CORPUS = {
    "nothing": b"",
    "white space": b" \r\n\t",
    "null": b"null",
    "true": b"true",
    "number": b"7",
    "text": b'"ada@example.com"',
    "array": b"[]",
    "array of bodies": b'[{"@email": "ada@example.com", "token": "123456"}]',
    "half an object": b'{"@email": "ada@exa',
    "two objects": b"{}{}",
    "trailing comma": b'{"token": "123456",}',
    "single quotes": b"{'token': '123456'}",
    "open brackets": b"[" * 8000,
    "open objects": b'{"token":' * 1700,
    "deep list": b"[" * 8000 + b"]" * 8000,
    "deep list under a key": b'{"@email": ' + b"[" * 8000 + b"]" * 8000 + b', "token": "123456"}',
    "deep list as token": b'{"@email": "ada@example.com", "token": ' + b"[" * 8000 + b"]" * 8000 + b"}",
    "deep object under a key": b'{"@phone": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b', "token": "123456"}',
    "shallow enough list": b'{"@email": ' + b"[" * 400 + b"]" * 400 + b', "token": ' + b"[" * 400 + b"]" * 400 + b"}",
    "NaN": b'{"@email": NaN, "@phone": NaN, "token": NaN}',
    "infinity": b'{"@email": Infinity, "token": -Infinity}',
    "float overflow": b'{"@phone": 1e999, "token": 1e999}',
    "huge integer": b'{"@phone": ' + b"9" * 10000 + b', "token": ' + b"9" * 5000 + b"}",
    "long integer": b'{"@phone": ' + b"9" * 4000 + b', "token": ' + b"9" * 4000 + b"}",
    "integers": b'{"@email": 1, "@phone": 12015550123, "token": 123456}',
    "NUL, escaped": b'{"@email": "ada@example.com\\u0000", "@phone": "+1201555\\u00000123", "token": "\\u0000"}',
    "NUL, raw": b'{"@email": "ada@example.com\x00", "token": "123456"}',
    "NUL in a key": b'{"\\u0000": 1, "token\\u0000": 2}',
    "lone surrogates": b'{"@email": "\\ud800@example.com", "@phone": "+1201555\\udfff", "token": "12345\\ud83d"}',
    "lone surrogate in the domain": b'{"@email": "ada@\\ud800.example", "token": "123456"}',
    "lone surrogate in a key": b'{"\\ud800": 1}',
    "surrogates the wrong way round": b'{"token": "\\udc00\\ud800", "@email": "ada@example.com"}',
    "surrogate as UTF-8": b'{"@email": "\xed\xa0\x80@example.com"}',
    "invalid UTF-8": b'{"@email": "\xff\xfe@example.com"}',
    "overlong UTF-8": b'{"@email": "\xc0\xafada@example.com"}',
    "UTF-16": '{"@email": "ada@example.com"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"@email": "ada@example.com"}',
    "Arabic digits": '{"@phone": "+١٢٠١٥٥٥٠١٢٣", "token": "١٢٣٤٥٦"}'.encode(),
    "full-width digits": '{"@email": "ada@example.com", "token": "１２３４５６"}'.encode(),
    "superscript digits": '{"@email": "ada@example.com", "token": "¹²³⁴⁵⁶"}'.encode(),
    "right to left": '{"@email": "\u202eada@example.com", "@phone": "\u202e+12015550123", "token": "1\u2062"}'.encode(),
    "combining marks": b'{"@email": "' + ("a" + "\u0301" * 200).encode() + b'@example.com", "token": "1"}',
    "ligature that grows": b'{"@email": "' + ("\ufdfa" * 200).encode() + b'@example.com", "token": "1"}',
    "emoji": '{"@email": "😀@example.com", "@phone": "😀", "token": "😀😀😀😀😀😀"}'.encode(),
    "IDN domain": '{"@email": "ada@bücher.example", "token": "123456"}'.encode(),
    "long label": b'{"@email": "ada@' + b"a" * 200 + b'.example", "token": "123456"}',
    "dots": b'{"@email": "ada@' + b"a." * 100 + b'", "token": "123456"}',
    "brackets": b'{"@email": "ada@[127.0.0.1]", "token": "123456"}',
    "bad IPv6": b'{"@email": "ada@[IPv6:::::::]", "token": "123456"}',
    "line breaks": b'{"@email": "ada@example.com\\r\\nBcc: a@b.example", "@phone": "+1\\n2015550123", "token": "1\\n"}',
    "long texts": b'{"@email": "' + b"a" * 999 + b'", "@phone": "' + b"1" * 999 + b'", "token": "' + b"1" * 999 + b'"}',
    "phone context": b'{"@phone": "tel:5550123;phone-context=+1201;ext=9", "token": "123456"}',
    "phone letters": b'{"@phone": "1-800-FLOWERS", "token": "123456"}',
    "star codes": b'{"@phone": "*#06#", "token": "123456"}',
    "percent signs": b'{"@email": "%s%d%(a)s@example.com", "@phone": "%s", "token": "%s%n"}',
    "braces": b'{"@email": "{0.__class__}@example.com", "token": "{token}"}',
    "LIKE wildcards": b'{"@email": "%@example.com", "@phone": "+1201555____", "token": "______"}',
    "SQL": b'{"@email": "\'or\'1\'=\'1@example.com", "@phone": "\' OR 1=1 --", "token": "\' OR \'\'=\'"}',
    "lookups": b'{"@email__contains": "@", "user__is_staff": true, "token__startswith": ""}',
    "prototype": b'{"__proto__": {"token": "123456"}, "constructor": 1, "__class__": 2}',
}  # fmt: skip


@pytest.mark.parametrize("body", JSON_CORPUS.values(), ids=JSON_CORPUS)
def test_known_breakers_in_json_are_answered(send, body):
    for route in ROUTES:
        send(route, body)


def part(name, value, *headers):
    """One part of a multipart body; `value` and `name` are bytes."""
    lines = [b"--BOUNDARY", b'Content-Disposition: form-data; name="' + name + b'"', *headers, b"", value, b""]
    return b"\r\n".join(lines)


END = b"--BOUNDARY--\r\n"
MULTIPART_CORPUS = {
    "nothing": b"",
    "only the end": END,
    "no end": part(b"@email", b"ada@example.com"),
    "another boundary": part(b"@email", b"ada@example.com").replace(b"BOUNDARY", b"OTHER"),
    "cut in a header": b"--BOUNDARY\r\nContent-Disposition: form-da",
    "no headers": b"--BOUNDARY\r\n\r\nada@example.com\r\n" + END,
    "no name": b"--BOUNDARY\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    "name in an unknown charset": b"--BOUNDARY\r\nContent-Disposition: form-data; name*=bogus''%41\r\n\r\nx\r\n" + END,
    "name in no charset": b"--BOUNDARY\r\nContent-Disposition: form-data; name*=hex''%41\r\n\r\nx\r\n" + END,
    "name of bytes": part(b"\xff\xfe", b"x") + END,
    "file under every key": b"".join(
        part(name + b'"; filename="f.txt', b"123456") for name in (b"@email", b"@phone", b"token", b"code")
    )
    + END,
    "file of NULs": part(b'token"; filename="\x00', b"\x00" * 100) + END,
    "bad base64": part(b"token", b"!!!=", b"Content-Transfer-Encoding: base64") + END,
    "bad length": part(b"token", b"123456", b"Content-Length: -5") + END,
    "part in a strange charset": part(b"token", b"123456", b"Content-Type: text/plain; charset=hex") + END,
    "nested multipart": part(b"token", b"--X\r\n\r\n--X--", b"Content-Type: multipart/mixed; boundary=X") + END,
    "invalid UTF-8": part(b"@email", b"\xff@example.com") + part(b"token", b"\xc3\x28") + END,
    "NUL": part(b"@email", b"ada\x00@example.com") + part(b"@phone", b"+1\x00") + part(b"token", b"\x00") + END,
    "hundreds of files": part(b'f"; filename="f', b"") * 150 + END,
    "hundreds of fields": part(b"f", b"") * 200 + END,
    "nested keys": part(b"@email[0]", b"x") + part(b"token.a", b"x") + part(b"token[0]a", b"x") + END,
    "charset field": part(b"_charset_", b"hex") + part(b"@email", b"ada@example.com") + END,
}


@pytest.mark.parametrize("body", MULTIPART_CORPUS.values(), ids=MULTIPART_CORPUS)
def test_known_breakers_in_multipart_forms_are_answered(send, body):
    for route in ROUTES:
        send(route, body, "multipart/form-data; boundary=BOUNDARY")


@pytest.mark.parametrize(
    "parameters", ["", "; boundary=", "; boundary=\xe9", '; boundary="', "; boundary=" + "b" * 210, "; boundary=a b"]
)
def test_a_multipart_form_without_a_usable_boundary_is_a_400(send, parameters):
    for route in ROUTES:
        answer = send(route, part(b"@email", b"ada@example.com") + END, f"multipart/form-data{parameters}")
        assert answer.status_code == 400


FORM_CORPUS = {
    "nothing": b"",
    "no values": b"@email&token",
    "separators": b"&&&==&=&;",
    "bad percent": b"@email=%&token=%zz%u0041",
    "invalid UTF-8": b"@email=%ff%40example.com&@phone=%c3%28&token=%ed%a0%80",
    "NUL": b"@email=ada%00%40example.com&@phone=%2B1%00&token=%00",
    "raw bytes": b"@email=\xff\xfe&token=\x00",
    "arrays": b"@email[]=ada@example.com&token[0]=123456&token[a]=1",
    "JSON": b'{"@email": "ada@example.com", "token": "123456"}',
}


@pytest.mark.parametrize("body", FORM_CORPUS.values(), ids=FORM_CORPUS)
def test_known_breakers_in_forms_are_answered(send, body):
    for route in ROUTES:
        send(route, body, "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"&".join(b"a%d=" % number for number in range(1500)), "application/x-www-form-urlencoded"),
        (b"&" * 3000, "application/x-www-form-urlencoded"),
    ],
)
def test_thousands_of_fields_are_a_400(send, body, content_type):
    for route in ROUTES:
        answer = send(route, body, content_type)
        assert answer.status_code == 400


@pytest.mark.parametrize("charset", CHARSETS)
def test_the_charset_that_a_client_names_is_not_used(client, make_user, charset):
    user = make_user(email=EMAIL)
    code = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME).short_token
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": code}
    content_type = f"application/json; charset={charset}"
    answer = client.generic("POST", "/passwordless/exchange/", json.dumps(body).encode(), content_type)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=BOUNDARY",
        "text/plain",
        "",
    ],
)
def test_a_body_of_a_megabyte_is_a_413(send, content_type):
    for route in ROUTES:
        assert send(route, b"[" * 1024 * 1024, content_type).status_code == 413


@pytest.mark.parametrize("name", ["open brackets", "open objects", "NaN", "infinity", "huge integer", "invalid UTF-8"])
def test_json_that_no_parser_should_take_is_a_400(send, name):
    for route in ROUTES:
        assert send(route, JSON_CORPUS[name]).status_code == 400


@pytest.mark.parametrize("name", ["null", "true", "number", "text", "array", "array of bodies"])
def test_json_that_is_no_object_is_a_400(send, name):
    for route in ROUTES:
        answer = send(route, JSON_CORPUS[name])
        assert (answer.status_code, answer.json().keys()) == (400, {"non_field_errors"})


def test_the_last_of_duplicate_keys_counts_in_json(client, make_user):
    field = package_settings.EMAIL_FIELD_NAME
    user = make_user(email=EMAIL)
    code = PasswordlessTokenService.create_token(user, field).short_token
    last_is_wrong = f'{{"{field}": "{EMAIL}", "token": "{code}", "token": "wrong"}}'
    last_is_right = f'{{"{field}": "eve@example.com", "token": "wrong", "token": "{code}", "{field}": "{EMAIL}"}}'
    assert client.post("/passwordless/exchange/", last_is_wrong, "application/json").status_code == 400
    assert client.post("/passwordless/exchange/", last_is_right, "application/json").status_code == 200


def test_the_last_of_duplicate_keys_counts_in_forms(client, make_user):
    field = package_settings.EMAIL_FIELD_NAME
    form = "application/x-www-form-urlencoded"
    user = make_user(email=EMAIL)
    code = PasswordlessTokenService.create_token(user, field).short_token
    last_is_wrong = f"{field}={EMAIL}&token={code}&token=wrong"
    last_is_right = f"{field}=eve@example.com&token=wrong&token={code}&{field}={EMAIL}"
    assert client.post("/passwordless/exchange/", last_is_wrong, form).status_code == 400
    assert client.post("/passwordless/exchange/", last_is_right, form).status_code == 200


@pytest.mark.parametrize(
    "spelled",
    [
        lambda code: code.translate({48 + digit: 0x0660 + digit for digit in range(10)}),
        lambda code: code.translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
        lambda code: f"+{code}",
        lambda code: f"{code[:3]}_{code[3:]}",
        lambda code: f"{code}.0",
        lambda code: f"{code[:3]}\t{code[3:]}",
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"\u200b{code}",
        lambda code: f"{code}\n{code}",
        lambda code: int(code),
        lambda code: float(code),
        lambda code: [code],
        lambda code: {"0": code},
    ],
)
def test_a_code_in_any_other_form_than_its_own_is_refused(client, make_user, configure, spelled):
    configure(SHORT_TOKEN_CHARS="123456789")
    field = package_settings.EMAIL_FIELD_NAME
    code = PasswordlessTokenService.create_token(make_user(email=EMAIL), field).short_token
    body = json.dumps({field: EMAIL, "token": spelled(code)})
    assert client.post("/passwordless/exchange/", body, "application/json").status_code == 400
