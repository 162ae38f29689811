"""A protected API. Settings ask every view for a token, so nothing more is needed here."""

from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response


@api_view(["GET"])
def me(request: Request) -> Response:
    """Who is asking, what they have proven (`amr`, names of RFC 8176) and when (`auth_time`, Unix seconds)."""
    return Response(
        {
            "id": request.user.pk,
            "email": request.user.email,
            "phone_number": str(request.user.phone_number) if request.user.phone_number else None,
            "amr": request.auth.get("amr"),
            "auth_time": request.auth.get("auth_time"),
        }
    )
