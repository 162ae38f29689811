"""Routes of a change, for an include at `api/`. All always exist; of a method that is off they answer 404."""

from django.urls import path

from jwt_drf_passwordless.contact import views

urlpatterns = [
    path("contact/email/", views.EmailRequestView.as_view(), name="contact_email"),
    path("contact/email/confirm/", views.EmailConfirmView.as_view(), name="contact_email_confirm"),
    path("contact/mobile/", views.MobileRequestView.as_view(), name="contact_mobile"),
    path("contact/mobile/confirm/", views.MobileConfirmView.as_view(), name="contact_mobile_confirm"),
]
