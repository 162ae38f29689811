"""Routes of the passwordless login. All of them always exist; what is switched off answers 404."""

from django.urls import include, path

from jwt_drf_passwordless import views

urlpatterns = [
    path(
        "request/email/",
        views.PasswordlessEmailTokenRequestView.as_view(),
        name="passwordless_email_signup_request",
    ),
    path(
        "request/mobile/",
        views.PasswordlessMobileTokenRequestView.as_view(),
        name="passwordless_mobile_signup_request",
    ),
    path(
        "exchange/email/",
        views.EmailExchangePasswordlessTokenForAuthTokenView.as_view(),
        name="email_passwordless_token_exchange",
    ),
    path(
        "exchange/mobile/",
        views.MobileExchangePasswordlessTokenForAuthTokenView.as_view(),
        name="mobile_passwordless_token_exchange",
    ),
    path(
        "exchange/",
        views.ExchangePasswordlessTokenForAuthTokenView.as_view(),
        name="passwordless_token_exchange",
    ),
    path("external/", include("jwt_drf_passwordless.external_2fa.urls")),
]
