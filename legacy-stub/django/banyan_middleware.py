"""Banyan in a Django monolith: who is calling comes from the gateway's signed tag, and from nowhere else.

Install as README.md says. Needs Django >= 4.2, PyJWT[crypto] >= 2.8 and, for BanyanTenantMiddleware, django-tenants.
"""

import datetime
import json
import logging
import threading
import time
import urllib.request

import jwt
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .banyan_tag import ALGORITHM, TagRefused, check_headers, read_key_id, read_tag

log = logging.getLogger("banyan")

KEYS_MAX_AGE_S = 600
# However many unknown key ids arrive, the gateway is asked for its keys no more often than this.
REFETCH_AFTER_S = 5
FETCH_TIMEOUT_S = 3


def _setting(name, default=None):
    return getattr(settings, "BANYAN", {}).get(name, default)


class KeysUnavailable(Exception):
    """The gateway could not yet be asked for its keys: no request can be believed, and none should be blamed."""


class KeyRing:
    """The gateway's public keys by key id, fetched when they are needed and not too often. One per process."""

    def __init__(self, url, fetch=None, clock=time.monotonic):
        self._fetch = fetch or (lambda: _fetch_keys(url))
        self._clock = clock
        self._lock = threading.Lock()
        self._keys = {}
        self._asked = self._fetched = float("-inf")

    def find(self, key_id):
        now = self._clock()
        if key_id not in self._keys or now - self._fetched > KEYS_MAX_AGE_S:
            with self._lock:
                self._refresh(now)
        if not self._keys:
            raise KeysUnavailable
        try:
            return self._keys[key_id]
        except KeyError:
            raise TagRefused("key_unknown") from None

    def _refresh(self, now):
        pause = REFETCH_AFTER_S if self._keys else 0.25
        if now - self._asked < pause:
            return
        self._asked = now
        try:
            self._keys = self._fetch()
            self._fetched = now
        except Exception:  # The keys of before stay good: a gateway that restarts must not lock its callers out.
            log.warning("Banyan's keys could not be fetched", exc_info=True)


def _fetch_keys(url):
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:
        found = json.load(answer)["keys"]
    fit = [key for key in found if key.get("kty") == "EC" and key.get("crv") == "P-256" and isinstance(key.get("kid"), str)]
    return {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM).key for key in fit if key.get("use", "sig") == "sig"}


class BanyanIdentityMiddleware:
    """Refuses what did not come through the gateway; sets ``request.banyan`` (an IdentityTag). Must be the first middleware."""

    def __init__(self, get_response):
        self.get_response = get_response
        url = _setting("JWKS_URL")
        if not url:
            raise ImproperlyConfigured('settings.BANYAN["JWKS_URL"] must name the gateway\'s /.well-known/jwks.json.')
        self.keys = KeyRing(url)

    def __call__(self, request):
        if request.path in _setting("OPEN_PATHS", ()):
            return self.get_response(request)
        try:
            request.banyan = self.check(request)
        except TagRefused as refused:
            log.warning("request refused: %s", refused.reason)
            return HttpResponseForbidden(b"<h1>403 Forbidden</h1>")
        except KeysUnavailable:
            return HttpResponse(b"<h1>Service Unavailable</h1>", status=503, headers={"Retry-After": "1"})
        # Only a browser's session can be abused from another site: keys and tokens need no CSRF token.
        request._dont_enforce_csrf_checks = request.banyan.by != "session"
        return self.get_response(request)

    def check(self, request):
        compact = request.META.get("HTTP_X_IDENTITY_TAG")
        key = self.keys.find(read_key_id(compact))
        try:
            # The signature only: a strict reading of the claims follows, in one place for all checks.
            decoded = jwt.api_jws.decode_complete(compact, key, algorithms=[ALGORITHM])
            claims = json.loads(decoded["payload"])
        except (jwt.PyJWTError, ValueError):
            raise TagRefused("signature_wrong") from None
        if not isinstance(claims, dict):
            raise TagRefused("claims_wrong")
        tag = read_tag(
            claims,
            audience=_setting("AUDIENCE", "legacy"),
            method=request.method,
            target=read_target(request),
            now=time.time(),
            binding=_setting("TAG_BINDING", "request"),
        )
        meta = request.META
        check_headers(tag, meta.get("HTTP_X_TENANT_ID"), meta.get("HTTP_X_USER_ID"), meta.get("HTTP_X_REQUEST_ID"))
        return tag


def read_target(request):
    """The request target byte for byte. WSGI itself does not tell it, but the servers do."""
    meta = request.META
    raw = meta.get("RAW_URI") or meta.get("REQUEST_URI")  # gunicorn; uWSGI and mod_wsgi
    if raw:
        return raw.encode("latin-1")
    scope = getattr(request, "scope", None)  # ASGI: uvicorn, daphne, hypercorn
    if scope and scope.get("raw_path"):
        query = scope.get("query_string", b"")
        return scope["raw_path"] + (b"?" + query if query else b"")
    if _setting("DERIVE_TARGET", False):  # runserver: right for all targets that Django writes as they came
        return request.get_full_path().encode("ascii")
    raise ImproperlyConfigured(
        "This server does not tell the raw request target. Run gunicorn, uWSGI or an ASGI server, "
        'or set BANYAN["DERIVE_TARGET"] = True on a developer\'s machine.'
    )


class BanyanAuthenticationMiddleware:
    """``request.user`` is whom the tag names. Put it where django.contrib.auth's AuthenticationMiddleware stood."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        tag = getattr(request, "banyan", None)
        request.user = SimpleLazyObject(lambda: _find_user(tag))
        return self.get_response(request)


def _find_user(tag):
    if tag is None or tag.user_id is None:
        return AnonymousUser()
    found = get_user_model()._default_manager.filter(pk=tag.user_id, is_active=True).first()
    return found or AnonymousUser()


try:
    from django_tenants.middleware.main import TenantMainMiddleware
except ImportError:  # A monolith with one schema needs none of it.
    TenantMainMiddleware = None

if TenantMainMiddleware is not None:

    class BanyanTenantMiddleware(TenantMainMiddleware):
        """The tag's tenant decides; only a tag that names none leaves it to the host. Put it in TenantMainMiddleware's place."""

        def get_tenant(self, domain_model, hostname):
            tag = _current.tag
            if tag is None or tag.tenant is None:
                return super().get_tenant(domain_model, hostname)
            # Banyan's tenant names are schema names with "-" for "_".
            domain = domain_model.objects.select_related("tenant").filter(
                tenant__schema_name=tag.tenant.replace("-", "_")
            )
            found = domain.order_by("-is_primary").first()
            if found is None:
                raise domain_model.DoesNotExist
            return found.tenant

        def process_request(self, request):
            _current.tag = getattr(request, "banyan", None)
            try:
                return super().process_request(request)
            finally:
                _current.tag = None


class _Current(threading.local):
    tag = None


_current = _Current()


@csrf_exempt
@require_POST
def banyan_session(request):
    """``POST /.banyan/session/``: whose session is this? Asked by the gateway alone, with a tag of its own."""
    if not request.banyan.is_session_question:
        return HttpResponseForbidden(b"<h1>403 Forbidden</h1>")
    try:
        key = json.loads(request.body)["session_key"]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"session_key": ["This field is required."]}, status=400)
    # The row's own time: get_expiry_date() would count from now.
    row = Session.objects.filter(session_key=key, expire_date__gt=timezone.now()).first() if isinstance(key, str) else None
    if row is None:
        return JsonResponse({}, status=404)
    request.session = SessionStore(session_key=key)
    # get_user() also checks the password's hash and is_active: what Django would not log in, the gateway does not either.
    user = get_user(request)
    if not user.is_authenticated:
        return JsonResponse({}, status=404)
    expires = row.expire_date.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return JsonResponse({"user_id": user.pk, "expires_at": expires})
