"""The routes of the suite without SimpleJWT's own for refresh tokens, as a project has them that knows sessions."""

from tests.urls import urlpatterns as of_the_suite

urlpatterns = [pattern for pattern in of_the_suite if getattr(pattern, "name", None) != "token_refresh"]
