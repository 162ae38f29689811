"""The email that tells a user that a second factor was added, replaced or removed."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from jwt_drf_passwordless.notices import Notice, mail

#: A name that the message repeats: whoever has got into an account may have chosen it, and no mail program makes a
#: link of this.
HARMLESS = re.compile(r"[\w '’()*+&-]{1,64}")


class SecondFactorChangedEmail(Notice):
    """Templates `jwt_drf_passwordless/second_factor_changed_{subject,body}.txt`, context `action`, `factor`, `name`;
    and `what`, which is both."""

    template_prefix = "jwt_drf_passwordless/second_factor_changed_"

    def get_context_data(self) -> dict[str, Any]:
        context = super().get_context_data()
        factor, name = context["factor"], context["name"]
        return {**context, "what": f"{factor} ({name})" if name else str(factor)}


def shown_name(entry: Mapping[str, Any]) -> str:
    """The name of a factor for the message; "" where it is long, or has characters that links are made of."""
    name: str = entry["name"]
    is_masked = name in (entry.get("email"), entry.get("phone"))
    return name if is_masked or HARMLESS.fullmatch(name) else ""


def notify(user: AbstractBaseUser, **context: Any) -> None:
    """Mail the user, if the account has an address."""
    mail(user, SecondFactorChangedEmail(None, {"user": user, **context}))
