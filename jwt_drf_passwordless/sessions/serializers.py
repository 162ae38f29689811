"""Bodies of the sessions' endpoints, and a session as its user sees it."""

from typing import Any

from rest_framework import serializers
from rest_framework_simplejwt.serializers import TokenRefreshSerializer

from jwt_drf_passwordless.claims import session_of
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.serializers import NameField, TextField
from jwt_drf_passwordless.sessions import services


class SessionTokenRefreshSerializer(TokenRefreshSerializer):
    """In place of SimpleJWT's: base of a project's own `TOKEN_REFRESH_SERIALIZER` while `SESSIONS` is on."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        token = services.read(self.token_class, attrs["refresh"])
        successor = services.rotate(token, self.context.get("request"))
        return {"access": str(successor.access_token), "refresh": str(successor)}


class RefreshTokenSerializer(serializers.Serializer[Any]):
    refresh = TextField()


class NameSerializer(serializers.Serializer[Any]):
    name = NameField(allow_blank=True)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """`current`: whether it is that of the context's `claims`."""

    amr = serializers.SerializerMethodField()
    current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "name", "created_at", "last_used_at", "expires_at", "network", "amr", "current")

    def get_amr(self, session: Session) -> list[str]:
        return session.amr.split()

    def get_current(self, session: Session) -> bool:
        return session_of(self.context["claims"]) == str(session.pk)
