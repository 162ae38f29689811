"""The page, which is a client of the API like any other, and the developer's inbox."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from web import inbox

View = Callable[[HttpRequest], HttpResponse]

#: Our own files and nothing inline; pictures may be `data:`, for QR codes; texts never become HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types"
)


def strict(view: View) -> View:
    """Add the headers that keep a page which holds tokens to itself."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return never_cache(require_safe(guarded))


@strict
def page(request: HttpRequest) -> HttpResponse:
    """All flows. With DEBUG also the inbox, and who could sign in."""
    vendor = settings.JWT_DRF_PASSWORDLESS.get("EXTERNAL_2FA")
    context = {"debug": settings.DEBUG, "vendor": vendor, "site_url": settings.SITE_URL}
    if settings.DEBUG:
        people = get_user_model().objects.filter(is_active=True, is_staff=False).order_by("pk")[:6]
        context["people"] = [way for one in people for way in (one.email, one.phone_number) if way]
        context["is_elsewhere"] = urlsplit(settings.SITE_URL).netloc != request.get_host()
    return render(request, "web/index.html", context)


@strict
def inbox_page(request: HttpRequest) -> HttpResponse:
    """What was sent. 404 without DEBUG."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "web/inbox.html")


@strict
def inbox_messages(request: HttpRequest) -> HttpResponse:
    """The same as JSON, the newest first. 404 without DEBUG."""
    if not settings.DEBUG:
        raise Http404
    return JsonResponse({"messages": list(inbox.messages)})
