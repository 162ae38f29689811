"""Routes of the second factor, for an include at `api/`. All always exist; without `TWO_FACTOR` ours answer 404."""

from django.urls import path

from jwt_drf_passwordless.sessions.views import GuardedTokenRefreshView, GuardedTokenVerifyView
from jwt_drf_passwordless.two_factor import factor_views, trusted_views, views
from jwt_drf_passwordless.two_factor.passkey import views as passkey_views

urlpatterns = [
    path("token/", views.TwoFactorTokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("token/refresh/", GuardedTokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", GuardedTokenVerifyView.as_view(), name="token_verify"),
    path("2fa/phone-verify/", views.PhoneVerifyView.as_view(), name="2fa_phone_verify"),
    path("2fa/phone-register/", views.PhoneRegisterView.as_view(), name="2fa_register_phone"),
    path("2fa/token-verify/", views.TwoFactorTokenVerifyView.as_view(), name="2fa_token_verify"),
    path("2fa/resend/", views.TwoFactorResendView.as_view(), name="2fa_resend"),
    path("2fa/step-up/", views.TwoFactorStepUpView.as_view(), name="2fa_step_up"),
    path("2fa/trusted-devices/", trusted_views.TrustedDevicesView.as_view(), name="2fa_trusted_devices"),
    path("2fa/trusted-devices/<int:pk>/", trusted_views.TrustedDeviceView.as_view(), name="2fa_trusted_device"),
    path("2fa/phone/", views.PhoneView.as_view(), name="2fa_phone"),
    path("2fa/factors/", factor_views.FactorListView.as_view(), name="2fa_factors"),
    path("2fa/factors/<slug:method>/", factor_views.FactorBeginView.as_view(), name="2fa_factor_begin"),
    path("2fa/factors/<slug:method>/confirm/", factor_views.FactorConfirmView.as_view(), name="2fa_factor_confirm"),
    path("2fa/factors/<slug:method>/<slug:pk>/", factor_views.FactorView.as_view(), name="2fa_factor"),
    path("passkey/request/", passkey_views.PasskeyRequestView.as_view(), name="passkey_request"),
    path("passkey/login/", passkey_views.PasskeyLoginView.as_view(), name="passkey_login"),
]
