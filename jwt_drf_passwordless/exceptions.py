"""What can go wrong, each with its status, machine code and sentence; `FlowView` renders them."""

from rest_framework import status
from rest_framework.exceptions import APIException

from jwt_drf_passwordless.conf import message


class PasswordlessError(APIException):
    """Base class. The sentence is looked up when raised, in the messages class that the project names."""

    #: Where it is not the code in capitals.
    message_name = ""

    def __init__(self) -> None:
        super().__init__(message(self.message_name or self.default_code.upper()))


class MalformedRequest(PasswordlessError):
    """400: the body is not what its content type says."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "malformed_request"


class InvalidCredentials(PasswordlessError):
    """400: the one failure of every redeem; `reason` is for signals and log, the client never sees it."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_credentials"
    message_name = "INVALID_CREDENTIALS_ERROR"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class CannotSend(PasswordlessError):
    """400: no message can be sent to this address. Only under `REVEAL_ACCOUNT_EXISTENCE`."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "cannot_send"
    message_name = "CANNOT_SEND_TOKEN"


class MethodDisabled(PasswordlessError):
    """404: this way of signing in is not in `ALLOWED_PASSWORDLESS_METHODS`."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "method_disabled"


class PayloadTooLarge(PasswordlessError):
    """413: the body is over the limit of the view."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"


class DeliveryUnavailable(PasswordlessError):
    """503: the message could not be sent, told under `REVEAL_ACCOUNT_EXISTENCE` only; or `SMS_BUDGET` is used up."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "delivery_unavailable"


class ProviderUnavailable(PasswordlessError):
    """503: it is known, for every user alike, that no vendor can be asked now."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "provider_unavailable"


class CaptchaRequired(PasswordlessError):
    """400: this request needs a solved CAPTCHA and brings none."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "captcha_required"


class CaptchaInvalid(PasswordlessError):
    """400: the vendor or we do not take the token of the CAPTCHA."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "captcha_invalid"


class CaptchaUnavailable(PasswordlessError):
    """503: the CAPTCHA's vendor gives no answer, or does not take our keys."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "captcha_unavailable"


class WebhookRejected(PasswordlessError):
    """401: a webhook is not signed by the vendor, too old, or from elsewhere."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "invalid_signature"


class WebhookFailed(PasswordlessError):
    """500: a receiver of a webhook's signal failed, so that the vendor sends it again."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_code = "webhook_failed"


class InvalidTicket(PasswordlessError):
    """401: a ticket of the second step is used, expired, replaced, or none at all."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "invalid_ticket"
    #: For signals and log, as of `InvalidCredentials`.
    reason = "ticket"
    #: REST framework sends it as WWW-Authenticate.
    auth_header = 'Bearer realm="api"'


class ReauthenticationRequired(PasswordlessError):
    """403: the token does not say that the user has signed in lately, or with the second factor."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "reauthentication_required"


class SecondFactorNeeded(PasswordlessError):
    """403: the user has no second factor, or must not be without one."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "second_factor_enrolment_required"


class SecondFactorBroken(PasswordlessError):
    """403: what is stored about the second factor is incomplete, or its provider cannot be made."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "second_factor_broken"


class SecondFactorSamePhone(PasswordlessError):
    """403: the phone that has proven the first factor is the only second factor."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "second_factor_same_phone"


class SecondFactorSameEmail(PasswordlessError):
    """403: the email address that has proven the first factor is the only second factor."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "second_factor_same_email"


class FactorUnavailable(PasswordlessError):
    """400: this second factor cannot be added, as the user has as many as may be, or lacks what it needs."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "factor_unavailable"
