"""Routes of tokens and sessions, for an include at `api/`. All always exist; without `SESSIONS` some answer 404."""

from django.urls import path

from jwt_drf_passwordless.sessions import views

urlpatterns = [
    path("token/refresh/", views.GuardedTokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", views.GuardedTokenVerifyView.as_view(), name="token_verify"),
    path("token/logout/", views.TokenLogoutView.as_view(), name="token_logout"),
    path("sessions/", views.SessionsView.as_view(), name="sessions"),
    path("sessions/others/", views.OtherSessionsView.as_view(), name="other_sessions"),
    path("sessions/<uuid:pk>/", views.OneSessionView.as_view(), name="session"),
]
