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
    CAPTCHA_REQUIRED = _("Please solve the CAPTCHA.")
    CAPTCHA_INVALID = _("The CAPTCHA was not solved, or is too old. Please solve it again.")
    CAPTCHA_UNAVAILABLE = _("The CAPTCHA cannot be checked. Please try again later.")
    INVALID_SIGNATURE = _("Invalid signature")
    WEBHOOK_FAILED = _("The event could not be handled.")
    METHOD_DISABLED = _("This way of signing in is not available.")
    PAYLOAD_TOO_LARGE = _("The request is too large.")
    MALFORMED_REQUEST = _("The request could not be read.")
    INVALID_EMAIL = _("Enter a valid email address.")
    INVALID_PHONE_NUMBER = _("Enter a valid phone number.")
    CANNOT_SEND_THERE = _("Messages cannot be sent to this number.")
    SECOND_FACTOR_REQUIRED = _("SMS request successful. Two Factor Token verification expected.")
    SECOND_FACTOR_REQUIRED_NOTHING_SENT = _("Two Factor Token verification expected.")
    SECOND_FACTOR_ENROLMENT_REQUIRED = _("Your account needs a second factor. Please add one first.")
    SECOND_FACTOR_BROKEN = _("Your second factor cannot be used. Please ask support.")
    SECOND_FACTOR_SAME_PHONE = _("This phone is your second factor. Please sign in another way.")
    SECOND_FACTOR_SAME_EMAIL = _("This email address is your second factor. Please sign in another way.")
    REAUTHENTICATION_REQUIRED = _("Please sign in again, or confirm with your second factor, first.")
    FACTOR_UNAVAILABLE = _("This second factor cannot be added to your account.")
    INVALID_TICKET = _("The ticket is not valid any more. Please sign in again.")
    CODE_OF_LENGTH = _("Enter the code of %(length)s digits.")
    CONTACT_UNCHANGED = _("You sign in by this one already.")
    CONTACT_CHANGED = _("From now on you sign in by this one.")
    RECOVERY_CODE_FORM = _("Enter a whole recovery code.")
    ONE_IDENTIFIER_ONLY = _("Give an email address or a phone number, not both.")
