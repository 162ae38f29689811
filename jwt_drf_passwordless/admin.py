"""Challenges, second factors and sessions in the admin: to look at and to delete, masked, without secrets."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jwt_drf_passwordless.conf import FACTOR_RESET, resolve
from jwt_drf_passwordless.methods import METHODS
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session
from jwt_drf_passwordless.services import LOGIN
from jwt_drf_passwordless.utils import challenge_key, mask

COLUMNS = (
    "purpose",
    "token_request_identifier",
    "masked_identifier",
    "user_id",
    "expires_at",
    "next_send_at",
    "sends",
    "uses",
    "tries",
)


class LookedAtAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base: rows are neither added nor changed."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By what the list shows only: a filter in the address would tell the rest letter by letter."""
        return lookup.partition("__")[0] in self.list_display and super().lookup_allowed(lookup, value, request)


class OfUserAdmin(LookedAtAdmin):
    """Base: rows are found by their user."""

    search_fields = ("user_id",)
    search_help_text = _("The primary key of a user.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the column itself, which has an index: Django's own search would compare all of them as texts."""
        if search_term:
            try:
                queryset = queryset.filter(user_id=get_user_model()._meta.pk.clean(search_term.strip(), None))
            except ValidationError:  # no key of such users
                queryset = queryset.none()
        return queryset, False


class FactorAdmin(OfUserAdmin):
    """Base: to delete one does what the user's own removal does, and tells the user."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        resolve(FACTOR_RESET)([obj], request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        resolve(FACTOR_RESET)(queryset, request)


@admin.register(PasswordlessChallengeToken)
class PasswordlessChallengeTokenAdmin(LookedAtAdmin):
    list_display = COLUMNS
    fields = COLUMNS
    readonly_fields = COLUMNS
    search_fields = ("key",)
    search_help_text = _("A whole email address or phone number.")

    @admin.display(description=_("identifier"))
    def masked_identifier(self, challenge: PasswordlessChallengeToken) -> str:
        return mask(challenge.identifier)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PasswordlessChallengeToken], search_term: str
    ) -> tuple[QuerySet[PasswordlessChallengeToken], bool]:
        """By whole identifier only: its key has a unique index, a part of it would read the whole table."""
        if search_term:
            identifiers = {method.field: method.canonicalize(search_term) for method in METHODS}
            keys = [challenge_key(LOGIN, field, value) for field, value in identifiers.items() if value]
            queryset = queryset.filter(key__in=keys)
        return queryset, False


@admin.register(PhoneDevice)
class PhoneDeviceAdmin(FactorAdmin):
    """Deleting one turns the user's second factor off: for support, once it knows whom it speaks to."""

    list_display = ("user_id", "masked_number", "provider", "confirmed_at")
    fields = ("user_id", "masked_number", "provider", "vendor_user_id", "confirmed_at")
    readonly_fields = fields

    @admin.display(description=_("phone number"))
    def masked_number(self, device: PhoneDevice) -> str:
        return mask(device.number)


@admin.register(Session)
class SessionAdmin(OfUserAdmin):
    """Deleting one signs its user out there."""

    list_display = ("user_id", "name", "network", "amr", "created_at", "last_used_at", "expires_at", "refresh_until")
    fields = list_display
    readonly_fields = fields


@admin.register(Authenticator)
class AuthenticatorAdmin(FactorAdmin):
    """As for phones; the codes of a set of recovery codes are a row each."""

    list_display = ("user_id", "method", "name", "created_at", "confirmed_at", "last_used_at")
    fields = list_display
    readonly_fields = fields
