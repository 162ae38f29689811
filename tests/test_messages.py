"""What people read: golden subject, text, HTML and SMS, and what can never get into them."""

import email
import itertools
import struct
from email import policy

import pytest
import sms
from django.core import mail
from django.utils import translation

from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.sms import PasswordlessRequestSMS

TOKEN = "abc123"
CONTEXT = {"token": TOKEN, "short_token": "012345", "user": None}
TEXT = """\
Your sign-in code is 012345

It works once, within 10 minutes.
Do not share it with anyone. If you did not ask for it, ignore this message.

"""
TEXT_WITH_ALL = """\
Your sign-in code is 012345

Or open this link to sign in:
https://app.example/login#token=abc123

It works once, within 10 minutes.
Do not share it with anyone. If you did not ask for it, ignore this message.

--\x20
Acme

"""
HTML = """\
<!doctype html>
<html lang="en-us" dir="ltr">
  <body style="margin:0;padding:24px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;line-height:1.5">
   \x20
    <p>Your sign-in code</p>
    <p style="font-size:32px;font-weight:bold;letter-spacing:4px;margin:8px 0">012345</p>
   \x20
    <p>It works once, within 10 minutes.
    Do not share it with anyone. If you did not ask for it, ignore this message.</p>
  </body>
</html>
"""
HTML_WITH_ALL = """\
<!doctype html>
<html lang="en-us" dir="ltr">
  <body style="margin:0;padding:24px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;line-height:1.5">
    <p><strong>Acme</strong></p>
    <p>Your sign-in code</p>
    <p style="font-size:32px;font-weight:bold;letter-spacing:4px;margin:8px 0">012345</p>
    <p><a href="https://app.example/login#token=abc123" style="display:inline-block;padding:12px 20px;\
border-radius:6px;background:#1f4fbf;color:#ffffff;text-decoration:none">Sign in</a></p>
    <p>It works once, within 10 minutes.
    Do not share it with anyone. If you did not ask for it, ignore this message.</p>
  </body>
</html>
"""
#: Text that would be a header, a line, a link, markup or a placeholder if it could.
HOSTILE = "Eve\r\nBcc: victim@example.com\r\n\r\nhttps://evil.example <a href='https://evil.example'>{token}{{ token }}"


class GreetingEmail(PasswordlessRequestEmail):
    """A project's email that greets users in its own templates."""

    template_prefix = "greeting/"


def render_email(to="ada@example.com", **context):
    return PasswordlessRequestEmail(None, {**CONTEXT, **context}).render([to])


def render_sms(**context):
    return PasswordlessRequestSMS(None, {**CONTEXT, **context}).render("+12015550123")


def text_of(message):
    return message.body


def html_of(message):
    ((html, mimetype),) = message.alternatives
    assert mimetype == "text/html"
    return html


def parsed(message):
    """The message as a mail server gets it."""
    return email.message_from_bytes(message.message().as_bytes(), policy=policy.default)


@pytest.fixture
def templates(settings):
    """Put a project's templates before those of the package: `templates(name=source)`."""

    def override(**sources):
        found = {f"jwt_drf_passwordless/passwordless_request_{name}": source for name, source in sources.items()}
        loaders = [
            ("django.template.loaders.locmem.Loader", found),
            "django.template.loaders.app_directories.Loader",
        ]
        engine = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}
        settings.TEMPLATES = [engine]

    return override


@pytest.fixture
def german(settings, tmp_path):
    """A project's catalog with some of our sentences, in GNU's compiled form: a table of offsets, then the texts."""
    catalog = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
        "It works once, within %(minutes)s minute.\0It works once, within %(minutes)s minutes.": (
            "Er gilt einmal, %(minutes)s Minute lang.\0Er gilt einmal, %(minutes)s Minuten lang."
        ),
        "Your sign-in code for %(site_name)s": "%(site_name)s: Ihr Code",
        "Your sign-in code": "Ihr Code",
        "Your sign-in code is %(short_token)s": "Ihr Code ist %(short_token)s",
    }
    texts = [text.encode() for text in (*catalog, *catalog.values())]
    offsets = list(itertools.accumulate((len(text) + 1 for text in texts), initial=28 + 16 * len(catalog)))
    head = (0x950412DE, 0, len(catalog), 28, 28 + 8 * len(catalog), 0, 0)
    table = itertools.chain(head, *((len(text), offset) for text, offset in zip(texts, offsets, strict=False)))
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(struct.pack(f"<{7 + 4 * len(catalog)}I", *table) + b"\0".join(texts) + b"\0")
    settings.LOCALE_PATHS = [tmp_path]
    with translation.override("de"):
        yield


@pytest.mark.usefixtures("german")
def test_a_project_translates_the_sentences(configure):
    text = text_of(render_email())
    assert text.startswith("Ihr Code ist 012345\n")
    assert "Er gilt einmal, 10 Minuten lang.\n" in text
    configure(TOKEN_LIFETIME=60, SITE_NAME="Acme")
    assert render_email().subject == "Acme: Ihr Code"
    html = html_of(render_email())
    assert "<p>Ihr Code</p>" in html
    assert "<p>Er gilt einmal, 1 Minute lang." in html


def test_an_email_without_site_name_and_link():
    message = render_email()
    assert message.subject == "Your sign-in code"
    assert text_of(message) == TEXT
    assert html_of(message) == HTML


def test_an_email_with_site_name_and_link(configure):
    configure(SITE_NAME="Acme", PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    message = render_email()
    assert message.subject == "Your sign-in code for Acme"
    assert text_of(message) == TEXT_WITH_ALL
    assert html_of(message) == HTML_WITH_ALL


def test_an_sms_without_site_name_and_domain():
    assert render_sms().body == "012345 is your sign-in code. Do not share it."


def test_an_sms_with_site_name(configure):
    configure(SITE_NAME="Acme")
    assert render_sms().body == "012345 is your sign-in code for Acme. Do not share it."


def test_an_sms_with_site_name_and_domain_ends_in_the_line_that_phones_fill_in_from(configure):
    configure(SITE_NAME="Acme", SMS_DOMAIN="app.example")
    # https://wicg.github.io/sms-one-time-codes/
    assert render_sms().body == ("012345 is your sign-in code for Acme. Do not share it.\n\n@app.example #012345")


def test_an_sms_with_domain_alone(configure):
    configure(SMS_DOMAIN="app.example")
    assert render_sms().body == "012345 is your sign-in code. Do not share it.\n\n@app.example #012345"


def test_no_domain_puts_no_token_of_the_link_into_an_sms(configure):
    configure(SMS_DOMAIN="app.example", PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    assert TOKEN not in render_sms().body


@pytest.mark.parametrize(
    ("lifetime", "sentence"),
    [
        (1, "It works once, within 1 minute."),
        (60, "It works once, within 1 minute."),
        (61, "It works once, within 2 minutes."),
        (600, "It works once, within 10 minutes."),
    ],
)
def test_an_email_tells_the_lifetime_in_minutes(configure, lifetime, sentence):
    configure(TOKEN_LIFETIME=lifetime)
    message = render_email()
    assert sentence in text_of(message)
    assert sentence in html_of(message)


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://app.example/#{token}", "https://app.example/#abc%2F%2B%3D%7Btoken%7D"),
        ("https://app.example/#{short_token}", "https://app.example/#0%261%202"),
        ("https://app.example/#{email}", "https://app.example/#o%27hara%2Btag%3Fx%7B0%7D%40example.com"),
        ("acme-app://{email}/{short_token}", "acme-app://o%27hara%2Btag%3Fx%7B0%7D%40example.com/0%261%202"),
    ],
)
def test_each_placeholder_of_the_link_is_replaced_and_quoted(configure, template, url):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=template)
    message = render_email("o'hara+tag?x{0}@example.com", token="abc/+={token}", short_token="0&1 2")
    assert f"\n{url}\n" in text_of(message)
    assert f'<a href="{url}" ' in html_of(message)


def test_a_placeholder_inside_a_value_is_not_replaced_in_turn(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/{email}#x")
    message = render_email("{token}@example.com")
    assert "https://app.example/%7Btoken%7D%40example.com#x" in text_of(message)
    assert TOKEN not in text_of(message)


@pytest.mark.parametrize("template", ["https://app.example/{token.__class__}", "https://app.example/{0}/{user}/{}"])
def test_a_link_template_reaches_into_no_object(configure, template):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=template)
    assert f"\n{template}\n" in text_of(render_email())


def test_the_text_part_is_not_escaped_and_the_html_part_is(configure):
    configure(
        SITE_NAME="""Ben & Jerry's <"Ice">""",
        PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/?next=a&lang=en#token={token}",
    )
    message = render_email(short_token="<1&2>")
    assert message.subject == """Your sign-in code for Ben & Jerry's <"Ice">"""
    assert "code is <1&2>\n" in text_of(message)
    assert "\nhttps://app.example/?next=a&lang=en#token=abc123\n" in text_of(message)
    assert """\n-- \nBen & Jerry's <"Ice">\n""" in text_of(message)
    assert ">&lt;1&amp;2&gt;</p>" in html_of(message)
    assert '<a href="https://app.example/?next=a&amp;lang=en#token=abc123" ' in html_of(message)
    assert "<strong>Ben &amp; Jerry&#x27;s &lt;&quot;Ice&quot;&gt;</strong>" in html_of(message)


def test_an_sms_is_not_escaped(configure):
    configure(SITE_NAME="Ben & Jerry's")
    assert render_sms(short_token="<12").body == "<12 is your sign-in code for Ben & Jerry's. Do not share it."


def test_braces_and_percent_signs_in_the_site_name_are_plain_text(configure):
    configure(SITE_NAME="100% {token} {{ token }} {% now %} %(token)s %s")
    message = render_email()
    assert message.subject == "Your sign-in code for 100% {token} {{ token }} {% now %} %(token)s %s"
    assert text_of(message).endswith("-- \n100% {token} {{ token }} {% now %} %(token)s %s\n\n")
    assert render_sms().body == (
        "012345 is your sign-in code for 100% {token} {{ token }} {% now %} %(token)s %s. Do not share it."
    )


def test_the_default_link_format_of_a_fragment_stays_a_fragment(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}&email={email}")
    message = render_email("ada#x@example.com")
    assert "\nhttps://app.example/login#token=abc123&email=ada%23x%40example.com\n" in text_of(message)


@pytest.mark.parametrize("user", ["Ada", HOSTILE])
def test_a_user_s_data_changes_nothing_in_our_messages(configure, user):
    configure(SITE_NAME="Acme", PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    message = render_email(user=user)
    assert message.subject == "Your sign-in code for Acme"
    assert text_of(message) == TEXT_WITH_ALL
    assert html_of(message) == HTML_WITH_ALL
    assert render_sms(user=user).body == "012345 is your sign-in code for Acme. Do not share it."


def test_the_subject_is_one_line_whatever_a_template_puts_into_it(templates):
    templates(**{"subject.txt": "\n  Hi {{ user|safe }},\n\tyour code \n"})
    assert render_email(user="Eve\r\nBcc: victim@example.com").subject == "Hi Eve Bcc: victim@example.com, your code"


def test_a_user_s_data_adds_no_header_recipient_or_link_to_a_template_that_prints_it(templates):
    templates(**{"subject.txt": "Hi {{ user|safe }}", "body.html": "<p>Hi {{ user }}</p>"})
    message = parsed(render_email(user=HOSTILE))
    assert message["To"] == "ada@example.com"
    assert message["Bcc"] is None
    assert message["Cc"] is None
    assert set(message.keys()) == {
        "Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted",
    }  # fmt: skip
    html = message.get_body(["html"]).get_content()
    assert "<a" not in html
    assert "&lt;a href=" in html
    assert "{{ token }}" in html


def test_a_recipient_with_a_line_break_is_refused():
    message = render_email("ada@example.com\nBcc: victim@example.com")
    with pytest.raises(ValueError, match="newlines|linefeed"):
        message.message()


def test_an_email_has_both_parts_and_says_that_no_human_sent_it():
    message = parsed(render_email())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "webmaster@localhost"


def test_from_addresses_are_those_of_the_project(settings):
    settings.DEFAULT_FROM_EMAIL = "Acme <login@app.example>"
    settings.DEFAULT_FROM_SMS = "Acme"
    assert parsed(render_email())["From"] == "Acme <login@app.example>"
    assert render_sms().originator == "Acme"


def test_send_puts_an_email_into_the_outbox():
    PasswordlessRequestEmail(None, CONTEXT).send(["ada@example.com"])
    (message,) = mail.outbox
    assert (message.to, message.cc, message.bcc) == (["ada@example.com"], [], [])
    assert message.body == TEXT


def test_send_puts_an_sms_into_the_outbox():
    PasswordlessRequestSMS(None, CONTEXT).send("+12015550123")
    (message,) = sms.outbox
    assert message.recipients == ["+12015550123"]
    assert message.body == "012345 is your sign-in code. Do not share it."


def test_sending_leaves_the_context_of_the_caller_as_it_was():
    context = dict(CONTEXT)
    PasswordlessRequestEmail(None, context).send(["ada@example.com"])
    assert context == CONTEXT


def test_a_context_of_the_caller_wins_over_the_settings(configure):
    configure(SITE_NAME="Acme")
    assert render_email(site_name="Acme Shop").subject == "Your sign-in code for Acme Shop"
    assert render_sms(domain="shop.example").body.endswith("\n\n@shop.example #012345")


def test_a_project_overrides_every_template_and_gets_the_documented_context(configure, templates):
    configure(SITE_NAME="Acme", PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}", TOKEN_LIFETIME=120)
    source = "{{ token }}|{{ short_token }}|{{ site_name }}|{{ user }}|{{ lifetime_minutes }}"
    templates(**{"subject.txt": source, "body.txt": source + "|{{ url }}", "body.html": source, "sms.txt": source})
    message = render_email(user="Ada")
    assert message.subject == "abc123|012345|Acme|Ada|2"
    assert text_of(message) == "abc123|012345|Acme|Ada|2|https://app.example/#abc123"
    assert html_of(message) == "abc123|012345|Acme|Ada|2"
    assert render_sms(user="Ada").body == "abc123|012345|Acme|Ada|2"


def test_an_sms_has_no_link_whatever_the_settings_are(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}")
    context = PasswordlessRequestSMS(None, {**CONTEXT, "user": None, "language": None}).get_context_data()
    named = {"token", "short_token", "user", "language", "purpose", "site_name", "lifetime_minutes", "domain"}
    assert context.keys() == named


def test_a_template_that_a_project_does_not_override_is_ours(templates):
    templates(**{"subject.txt": "Welcome back"})
    message = render_email()
    assert message.subject == "Welcome back"
    assert text_of(message) == TEXT


@pytest.mark.django_db
def test_a_subclass_named_in_the_settings_sends_from_its_own_templates(api, make_user, configure, settings):
    configure(EMAIL={"passwordless_request": "tests.test_messages.GreetingEmail"})
    found = {f"greeting/{name}": "Welcome" for name in ("subject.txt", "body.txt", "body.html")}
    loaders = [("django.template.loaders.locmem.Loader", found)]
    engine = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}
    settings.TEMPLATES = [engine]
    make_user(email="ada@example.com")

    api.request_email("ada@example.com")
    assert [message.subject for message in mail.outbox] == ["Welcome"]


@pytest.mark.django_db
@pytest.mark.parametrize("apps", [[], ["django.contrib.sites"]], ids=["without the sites app", "with the sites app"])
def test_a_forged_host_is_in_no_message(api, make_user, configure, settings, apps):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *apps]
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["*"]
    make_user(email="ada@example.com", phone="+12015550123")
    forged = {
        "HTTP_HOST": "evil.example",
        "HTTP_X_FORWARDED_HOST": "worse.example",
        "HTTP_ORIGIN": "https://evil.example",
    }

    assert api.request_email("ada@example.com", **forged).status_code == 200
    assert api.request_mobile("+12015550123", **forged).status_code == 200
    for text in (mail.outbox[0].message().as_string(), sms.outbox[0].body):
        assert "evil" not in text
        assert "worse" not in text
        assert "testserver" not in text
    assert "\nhttps://app.example/login#token=" in mail.outbox[0].body


@pytest.mark.django_db
def test_a_known_user_s_email_goes_to_the_stored_address_and_carries_it_in_the_link(api, make_user, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login?email={email}#token={token}")
    make_user(email="Ada+Tag@Example.com")

    assert api.request_email("aDA+tAG@eXAMPLE.com").status_code == 200
    assert mail.outbox[0].to == ["Ada+Tag@Example.com"]
    assert "\nhttps://app.example/login?email=Ada%2BTag%40Example.com#token=" in mail.outbox[0].body
