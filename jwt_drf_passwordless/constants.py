"""Every sentence that a client can see. `CONSTANTS["messages"]` names a class that replaces this one."""

from django.utils.translation import gettext_lazy as _


class Messages:
    """A replacement needs only the names that it changes; the others are taken from here."""

    INVALID_CREDENTIALS_ERROR = _("Invalid credentials")
    TOKEN_SENT = _("A token has been sent to you")
    CANNOT_SEND_TOKEN = _("Unable to send token")
    DELIVERY_UNAVAILABLE = _("The message could not be sent. Please try again later.")
    PROVIDER_UNAVAILABLE = _("The service that sends codes cannot be reached. Please try again later.")
    UNKNOWN_CHANNEL = _("Choose one of: %(channels)s.")
    INVALID_SIGNATURE = _("Invalid signature")
    WEBHOOK_FAILED = _("The event could not be handled.")
    METHOD_DISABLED = _("This way of signing in is not available.")
    PAYLOAD_TOO_LARGE = _("The request is too large.")
    MALFORMED_REQUEST = _("The request could not be read.")
    INVALID_EMAIL = _("Enter a valid email address.")
    INVALID_PHONE_NUMBER = _("Enter a valid phone number.")
    ONE_IDENTIFIER_ONLY = _("Give an email address or a phone number, not both.")
