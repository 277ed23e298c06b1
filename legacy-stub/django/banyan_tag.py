"""What a Banyan identity tag must say: the part without Django, without PyJWT, without I/O.

The gateway puts ``X-Identity-Tag`` on every request that goes on, an anonymous caller's too. It is a compact JWS (ES256), bound to one
method and one request target (or, with ``TAG_BINDING=caller``, to its caller only), and lives 30 seconds. ``banyan_middleware`` checks the signature; this module checks everything else, so
that it can be tested with the standard library alone (``python3 -m unittest test_banyan_tag``).
"""

import base64
import dataclasses
import hashlib
import json
import re
from typing import Any, Mapping, Optional, Tuple

TYPE = "banyan-tag+jwt"
ISSUER = "banyan"
ALGORITHM = "ES256"
LONGEST_TAG = 8192
# The gateway gives a tag 30 s; one that claims more was not made by it.
LONGEST_LIFE_S = 60
SKEW_S = 60
SESSION_SCOPE = "banyan.session"

_PART = re.compile(r"[A-Za-z0-9_-]+")
_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[1-9][0-9]{0,9}")
_KINDS = ("api_key", "jwt", "session")


class TagRefused(Exception):
    """A request without a valid tag. ``reason`` is one of a closed list, fit for logs; never tell it to the client."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class IdentityTag:
    """Who is calling, as the gateway found out."""

    #: The tenant's name; None where the caller is anonymous and the host names none.
    tenant: Optional[str]
    #: None for an anonymous caller.
    user_id: Optional[int]
    scopes: Tuple[str, ...]
    #: "api_key", "jwt" or "session"; None for an anonymous caller. Ask "session" callers for a CSRF token.
    by: Optional[str]
    #: None where the tag is bound to its caller only.
    request_id: Optional[str]
    #: Unique to this tag.
    id: str

    @property
    def is_session_question(self) -> bool:
        """True for the gateway's own question, whose session is this?"""
        return self.user_id is None and SESSION_SCOPE in self.scopes


def read_key_id(compact: Optional[str]) -> str:
    """The key id of a tag whose form and header are right. The signature comes next, then ``read_tag``."""
    if not compact:
        raise TagRefused("tag_missing")
    parts = compact.split(".")
    if len(compact) > LONGEST_TAG or len(parts) != 3 or len(_decode(parts[2])) != 64:
        raise TagRefused("tag_malformed")
    header = _parse_object(_decode(parts[0]))
    if header.get("alg") != ALGORITHM:
        raise TagRefused("algorithm_refused")
    # alg, typ and kid and nothing else: no crit, no key of its own (RFC 8725 section 3).
    if set(header) != {"alg", "typ", "kid"} or header["typ"] != TYPE or not isinstance(header["kid"], str):
        raise TagRefused("tag_malformed")
    return header["kid"]


def read_tag(
    claims: Mapping[str, Any], *, audience: str, method: str, target: bytes, now: float, binding: str = "request"
) -> IdentityTag:
    """The tag that the claims of a good signature make, or TagRefused. ``target`` is the request target as it came, query included.

    ``binding="caller"``: tags that name no request are good, too, as the gateway makes them with the setting of that name.
    """
    tag = _read_claims(claims, audience)
    _check_times(claims, now)
    digest = base64.urlsafe_b64encode(hashlib.sha256(target).digest()).rstrip(b"=").decode("ascii")
    if _is_unbound(claims):
        if binding != "caller":
            raise TagRefused("other_request")
    elif claims.get("htm") != method or claims.get("htp") != digest:
        raise TagRefused("other_request")
    return tag


def check_headers(tag: IdentityTag, tenant: Optional[str], user: Optional[str], request_id: Optional[str]) -> None:
    """The plain headers are a convenience: they say what the tag says, or the request is forged.

    WSGI folds ``X_Tenant_Id`` and ``X-Tenant-Id`` and joins repeated headers by a comma: both end here as a contradiction.
    """
    users = ("", "anonymous") if tag.user_id is None else (str(tag.user_id),)
    right = (
        tenant in (None, tag.tenant or "")
        and (user is None or user in users)
        and (tag.request_id is None or request_id in (None, tag.request_id))
    )
    if not right:
        raise TagRefused("identity_header_contradicts")


def _read_claims(claims: Mapping[str, Any], audience: str) -> IdentityTag:
    tenant, scope, amr = claims.get("tenant"), claims.get("scope"), claims.get("amr")
    names = ("jti", "sub") if _is_unbound(claims) else ("rid", "jti", "sub")
    texts = all(isinstance(claims.get(name), str) and claims[name] for name in names)
    if claims.get("iss") != ISSUER or claims.get("aud") != audience or not texts or not isinstance(scope, str):
        raise TagRefused("claims_wrong")
    if "tenant" in claims and not (isinstance(tenant, str) and _TENANT.fullmatch(tenant)):
        raise TagRefused("claims_wrong")
    scopes = tuple(scope.split())
    if claims["sub"] == "anonymous" and "amr" not in claims:
        return IdentityTag(tenant, None, scopes, None, claims.get("rid"), claims["jti"])
    known = isinstance(amr, list) and len(amr) == 1 and amr[0] in _KINDS
    if not known or tenant is None or not _USER.fullmatch(claims["sub"]):
        raise TagRefused("claims_wrong")
    return IdentityTag(tenant, int(claims["sub"]), scopes, amr[0], claims.get("rid"), claims["jti"])


def _is_unbound(claims: Mapping[str, Any]) -> bool:
    """It names no request at all. One that names half of one is no tag."""
    return not any(name in claims for name in ("rid", "htm", "htp"))


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    iat, exp = claims.get("iat"), claims.get("exp")
    if type(iat) is not int or type(exp) is not int or not 0 < exp - iat <= LONGEST_LIFE_S:
        raise TagRefused("claims_wrong")
    if now >= exp + SKEW_S:
        raise TagRefused("tag_expired")
    if now < iat - SKEW_S:
        raise TagRefused("tag_from_future")


def _decode(part: str) -> bytes:
    if not _PART.fullmatch(part) or len(part) % 4 == 1:
        raise TagRefused("tag_malformed")
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    # Stray bits at the end would give one tag two spellings.
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != part:
        raise TagRefused("tag_malformed")
    return data


def _parse_object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"))
    except ValueError:
        raise TagRefused("tag_malformed") from None
    if not isinstance(value, dict):
        raise TagRefused("tag_malformed")
    return value
