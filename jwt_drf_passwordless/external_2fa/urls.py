"""Routes of the vendors, included by those of the login."""

from django.urls import path

from jwt_drf_passwordless.external_2fa import views

urlpatterns = [
    path("request/", views.External2FARequestView.as_view(), name="external_2fa_request"),
    path("verify/", views.External2FAVerifyView.as_view(), name="external_2fa_verify"),
    path("webhook/", views.External2FAWebhookView.as_view(), name="external_2fa_webhook"),
    path("webhook/<str:alias>/", views.External2FAWebhookView.as_view(), name="external_2fa_webhook_alias"),
]
