"""What a queue stores: unreadable, unchangeable, and after it the same message as before."""

import datetime

import pytest
import sms
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.translation import gettext_lazy

from jwt_drf_passwordless.delivery import Outgoing
from jwt_drf_passwordless.sealing import renew, seal, unseal

NEW_KEY = "another key for tests only, of more than fifty characters too"
EXPIRES_AT = datetime.datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)
HTML = "<p>Your code is <b>482913</b></p>"


class TaggedEmail(EmailMultiAlternatives):
    """An email of a project whose mail service reads attributes of the message, as django-anymail's do."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tags = []
        self.metadata = {}


def an_email():
    email = TaggedEmail(
        subject="Your login",
        body="Your code is 482913",
        from_email="login@example.com",
        to=["ada@example.com"],
        reply_to=["help@example.com"],
        headers={"Auto-Submitted": "auto-generated", "X-Campaign": "login"},
    )
    email.attach_alternative(HTML, "text/html")
    email.tags = ["login", "code"]
    email.metadata = {"tenant": 7}
    return email


def through_a_queue(message):
    """The message that a worker gets."""
    return Outgoing.unseal(Outgoing(message, "email", "a***@example.com", EXPIRES_AT).seal()).message


# Sealing


@pytest.mark.parametrize("data", [b"", b"a code: 482913", bytes(range(256)), "käse".encode()])
def test_what_was_sealed_can_be_unsealed(data):
    assert unseal("queue", seal("queue", data)) == data


def test_a_sealed_text_is_printable_and_tells_nothing():
    text = seal("queue", b"482913")
    assert text.isascii()
    assert text.isprintable()
    assert "482913" not in text


def test_the_same_data_is_sealed_differently_each_time():
    assert seal("queue", b"482913") != seal("queue", b"482913")


def test_a_text_sealed_for_one_use_fits_no_other():
    with pytest.raises(ValueError, match="under no key in use"):
        unseal("table", seal("queue", b"482913"))


@pytest.mark.parametrize("place", [0, 20, 33, 40, -5])
def test_a_sealed_text_that_was_changed_is_refused(place):
    text = seal("queue", b"482913 is your code")
    changed = list(text)
    changed[place] = "A" if changed[place] != "A" else "B"
    with pytest.raises(ValueError, match="under no key in use"):
        unseal("queue", "".join(changed))


@pytest.mark.parametrize("text", ["", "A", "AAAA", "not sealed at all", "é", "=" * 80, "A" * 56])
def test_a_text_that_was_never_sealed_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - base64 and the cipher have sentences of their own
        unseal("queue", text)


def test_keys_can_be_others_than_those_of_django(settings):
    text = seal("table", b"482913", [NEW_KEY])
    assert unseal("table", text, ["some other key", NEW_KEY]) == b"482913"
    with pytest.raises(ValueError, match="under no key in use"):
        unseal("table", text)
    settings.SECRET_KEY = NEW_KEY
    assert unseal("table", text) == b"482913"


def test_a_text_is_renewed_if_an_older_key_has_sealed_it():
    text = seal("table", b"482913", ["the old key"])
    assert renew("table", text, ["the old key", NEW_KEY]) == text
    renewed = renew("table", text, [NEW_KEY, "the old key"])
    assert unseal("table", renewed, [NEW_KEY]) == b"482913"
    with pytest.raises(ValueError, match="under no key in use"):
        renew("table", text, [NEW_KEY])


def test_a_text_that_was_cut_off_is_refused():
    with pytest.raises(ValueError):  # noqa: PT011 - base64 and the cipher have sentences of their own
        unseal("queue", seal("queue", b"482913 is your code")[:-8])


def test_a_text_sealed_under_a_fallback_key_can_be_unsealed(settings):
    text = seal("queue", b"482913")
    settings.SECRET_KEY_FALLBACKS = ["a first one that does not fit", settings.SECRET_KEY]
    settings.SECRET_KEY = NEW_KEY
    assert unseal("queue", text) == b"482913"


def test_a_text_sealed_under_a_key_that_was_dropped_is_refused(settings):
    text = seal("queue", b"482913")
    settings.SECRET_KEY = NEW_KEY
    with pytest.raises(ValueError, match="under no key in use"):
        unseal("queue", text)


def test_a_new_text_is_sealed_under_the_newest_key(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW_KEY
    text = seal("queue", b"482913")
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal("queue", text) == b"482913"


# Messages


def test_an_email_comes_out_with_both_parts_headers_and_the_attributes_of_its_class():
    email = through_a_queue(an_email())
    assert type(email) is TaggedEmail
    assert (email.subject, email.body) == ("Your login", "Your code is 482913")
    assert (email.from_email, email.to, email.reply_to) == (
        "login@example.com",
        ["ada@example.com"],
        ["help@example.com"],
    )
    assert email.extra_headers == {"Auto-Submitted": "auto-generated", "X-Campaign": "login"}
    assert [tuple(part) for part in email.alternatives] == [(HTML, "text/html")]
    assert (email.tags, email.metadata) == (["login", "code"], {"tenant": 7})


def test_an_email_that_came_through_a_queue_is_sent_as_the_same_text(mailoutbox):
    through_a_queue(an_email()).send()
    (email,) = mailoutbox
    sent = email.message()
    assert (sent["Subject"], sent["From"], sent["To"]) == ("Your login", "login@example.com", "ada@example.com")
    assert (sent["Reply-To"], sent["X-Campaign"]) == ("help@example.com", "login")
    parts = [
        (part.get_content_type(), part.get_payload(decode=True)) for part in sent.walk() if not part.is_multipart()
    ]
    assert [(kind, text.decode().strip()) for kind, text in parts] == [
        ("text/plain", "Your code is 482913"),
        ("text/html", HTML),
    ]


def test_a_plain_email_comes_out_as_one():
    email = through_a_queue(EmailMessage("Your login", "482913", "login@example.com", ["ada@example.com"]))
    assert type(email) is EmailMessage
    assert (email.subject, email.body, email.to) == ("Your login", "482913", ["ada@example.com"])


def test_a_translated_subject_comes_out_as_text():
    assert through_a_queue(EmailMessage(gettext_lazy("email address"), "482913")).subject == "email address"


def test_an_attached_text_comes_out(mailoutbox):
    email = EmailMessage("Your login", "482913", "login@example.com", ["ada@example.com"])
    email.attach("terms.txt", "all of them", "text/plain")
    through_a_queue(email).send()
    (sent,) = mailoutbox
    attached = sent.message().get_payload()[1]
    assert (attached.get_filename(), attached.get_payload(decode=True).strip()) == ("terms.txt", b"all of them")


def test_the_connection_of_a_message_stays_behind():
    message = sms.Message("482913 is your code", "Acme", ["+12015550123"], connection=object())
    assert through_a_queue(message).connection is None


def test_a_text_message_comes_out():
    message = through_a_queue(sms.Message("482913 is your code", "Acme", ["+12015550123"]))
    assert type(message) is sms.Message
    assert (message.body, message.originator, message.recipients) == ("482913 is your code", "Acme", ["+12015550123"])

    message.send()
    assert sms.outbox == [message]


@pytest.mark.parametrize("expires_at", [EXPIRES_AT, datetime.datetime(2030, 1, 2, 3, 4, 5)])
def test_what_a_worker_has_to_know_comes_out(expires_at):
    outgoing = Outgoing.unseal(Outgoing(an_email(), "email", "a***@example.com", expires_at).seal())
    assert (outgoing.field, outgoing.subject, outgoing.expires_at) == ("email", "a***@example.com", expires_at)


def test_a_sealed_message_tells_nothing():
    sealed = Outgoing(an_email(), "email", "a***@example.com", EXPIRES_AT).seal()
    assert sealed.isascii()
    assert [text for text in ("482913", "example", "subject", "TaggedEmail") if text in sealed] == []


def test_a_message_that_was_changed_in_the_queue_is_refused():
    sealed = Outgoing(an_email(), "email", "a***@example.com", EXPIRES_AT).seal()
    with pytest.raises(ValueError, match="under no key in use"):
        Outgoing.unseal(sealed[:-8] + "AAAAAAA=")


def test_a_message_waits_through_a_change_of_keys(settings):
    sealed = Outgoing(an_email(), "email", "a***@example.com", EXPIRES_AT).seal()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW_KEY
    assert Outgoing.unseal(sealed).message.body == "Your code is 482913"


def test_a_message_sealed_under_a_key_that_was_dropped_is_refused(settings):
    sealed = Outgoing(an_email(), "email", "a***@example.com", EXPIRES_AT).seal()
    settings.SECRET_KEY = NEW_KEY
    with pytest.raises(ValueError, match="under no key in use"):
        Outgoing.unseal(sealed)
