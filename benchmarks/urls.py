from django.urls import include, path

from benchmarks import floors

urlpatterns = [*floors.urlpatterns, path("passwordless/", include("jwt_drf_passwordless.urls"))]
