"""One shape for all second factors: list, begin, confirm, rename, remove."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless.base_views import user_of
from jwt_drf_passwordless.claims import claims_of
from jwt_drf_passwordless.two_factor import enrolment
from jwt_drf_passwordless.two_factor.registry import factors
from jwt_drf_passwordless.two_factor.serializers import NameSerializer, RemovalSerializer
from jwt_drf_passwordless.two_factor.views import EnrolmentView, TwoFactorUserView


class FactorListView(EnrolmentView):
    """`2fa/factors/`: GET answers `{"factors": [...], "available": [names], "required": bool}`.

    An entry has `id`, `method`, `name`, `created_at`, `last_used_at`, and what else its kind has to tell.
    """

    http_method_names = ["get", "options"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(enrolment.overview(user_of(request)))


class FactorBeginView(EnrolmentView):
    """`2fa/factors/<method>/`: begins an enrolment.

    Answers 200 with what the client needs to prove it, or 201 and the entry where nothing is to be proven;
    400 `factor_unavailable`; 403 `reauthentication_required` unless the login is fresh and, for who has a
    second factor, by that; 404 for what the site does not offer; 429; 503.
    """

    limiter_key = "token_request_rate_limit_decorator"
    limit = "request"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, method: str, **kwargs: Any) -> Response:
        factor = enrolment.named(factors(), method)
        data = self.read(request, factor.begin_serializer).validated_data
        answer = enrolment.begin(user_of(request), method, data, claims_of(request), request)
        is_done = not factor.needs_confirmation
        return Response(answer, status=status.HTTP_201_CREATED if is_done else status.HTTP_200_OK)


class FactorConfirmView(EnrolmentView):
    """`2fa/factors/<method>/confirm/`: `token`, the proof, and optional `name`; answers 201 and the entry.

    400 wrong; 403 and 404 as for its beginning.
    """

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, method: str, **kwargs: Any) -> Response:
        data = self.read(request, enrolment.named(factors(), method).confirm_serializer).validated_data
        entry = enrolment.confirm(user_of(request), method, data, claims_of(request), request)
        return Response(entry, status=status.HTTP_201_CREATED)


class FactorView(TwoFactorUserView):
    """`2fa/factors/<method>/<id>/`: PATCH `name` answers 200 and the renamed entry, DELETE removes it: 204; or 404.

    A DELETE needs what a beginning needs, or a `token` in the body, a proof for `2fa/step-up/`; 403 also
    for the last factor of a user who must have one.
    """

    http_method_names = ["patch", "delete", "options"]

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, method: str, pk: str, **kwargs: Any) -> Response:
        user = user_of(request)
        if request.method == "PATCH":
            data = self.read(request, NameSerializer).validated_data
            return Response(enrolment.rename(user, method, pk, data["name"]))
        data = self.read(request, RemovalSerializer).validated_data
        enrolment.remove(user, method, pk, data, claims_of(request), request)
        return Response(status=status.HTTP_204_NO_CONTENT)
