"""The messages that tell of a change, to the side that it takes the account from as well."""

from functools import partial

from django.conf import settings as django_settings
from django.contrib.auth.models import AbstractBaseUser

from jwt_drf_passwordless.methods import MOBILE, LoginMethod
from jwt_drf_passwordless.notices import Notice, address_of, send
from jwt_drf_passwordless.utils import mask


class ContactChangedNotice(Notice):
    """Templates `jwt_drf_passwordless/contact_changed_{subject,body,sms}.txt`, context `method`, "EMAIL" or "MOBILE",
    and `old` and `new`, masked."""

    template_prefix = "jwt_drf_passwordless/contact_changed_"


def tell(user: AbstractBaseUser, method: LoginMethod, old: str, new: str) -> None:
    """Mail the account's address, and of an email address the old and the new one; text the old number.

    `old` is "" where there was none (OWASP ASVS 6.3.7, NIST SP 800-63B section 4.6).
    """
    context = {"user": user, "method": method.name, "old": old and mask(old), "new": mask(new)}
    notice = ContactChangedNotice(None, context)
    addresses = [address_of(user)] if method is MOBILE else [old, new, address_of(user)]
    for address in dict.fromkeys(filter(None, addresses)):
        send(partial(notice.render, address), method.field, address)
    if method is MOBILE and old and method.may_be_sent_to(old) and getattr(django_settings, "SMS_BACKEND", None):
        send(partial(notice.render_sms, old), method.field, old, method.spend)
