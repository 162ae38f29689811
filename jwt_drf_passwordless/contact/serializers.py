"""Bodies of a change: the new identifier under the field's name, and the code that was sent there."""

from typing import Any

from rest_framework import serializers

from jwt_drf_passwordless.methods import LoginMethod
from jwt_drf_passwordless.serializers import IdentifierField, TokenField


class ContactSerializer(serializers.Serializer[Any]):
    """The new address or number of the view's method."""

    for_sending = True

    def get_fields(self) -> dict[str, Any]:
        method: LoginMethod = self.context["view"].method
        return {**super().get_fields(), method.field: IdentifierField(method, for_sending=self.for_sending)}


class ContactTokenSerializer(ContactSerializer):
    for_sending = False

    token = TokenField(max_length=255)
