"""The app's entry in `INSTALLED_APPS`."""

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class JwtDrfPasswordlessConfig(AppConfig):
    name = "jwt_drf_passwordless"
    verbose_name = _("Passwordless login")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jwt_drf_passwordless import checks, deploy_checks, limit_checks
        from jwt_drf_passwordless.captcha import checks as captcha_checks
        from jwt_drf_passwordless.external_2fa import checks as provider_checks
        from jwt_drf_passwordless.sessions import checks as session_checks
        from jwt_drf_passwordless.two_factor import checks as two_factor_checks

        register(checks.check_settings, Tags.security)
        for check in (
            limit_checks.check_limits,
            provider_checks.check_providers,
            captcha_checks.check_captcha,
            session_checks.check_sessions,
            two_factor_checks.check_two_factor,
        ):
            register(checks.of_right_shape(check), Tags.security)
        for check in (
            deploy_checks.check_deployment,
            limit_checks.check_limits_in_deployment,
            provider_checks.check_provider_deployment,
            captcha_checks.check_captcha_deployment,
            two_factor_checks.check_two_factor_deployment,
        ):
            register(checks.of_right_shape(check), Tags.security, deploy=True)

        if apps.is_installed("drf_spectacular"):
            from jwt_drf_passwordless import openapi  # noqa: F401 - its classes register themselves
