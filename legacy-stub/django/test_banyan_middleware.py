"""The middleware's own logic, with stand-ins for Django and PyJWT: ``python3 -m unittest`` in this folder needs neither."""

import importlib.util
import json
import pathlib
import sys
import time
import types
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).parent


class Response:
    def __init__(self, content=b"", status=200, headers=None):
        self.content, self.status_code, self.headers = content, status, headers or {}


class Forbidden(Response):
    def __init__(self, content=b""):
        super().__init__(content, 403)


class PyJWTError(Exception):
    pass


def decode_complete(compact, key, algorithms):
    assert algorithms == ["ES256"]
    if key != "right":
        raise PyJWTError
    return {"payload": json.dumps(decode_complete.claims).encode()}


def load():
    """Imports the middleware as ``banyan.banyan_middleware`` with stand-ins in the place of what it imports."""
    names = """jwt django django.conf django.contrib django.contrib.auth django.contrib.auth.models django.contrib.sessions
        django.contrib.sessions.backends django.contrib.sessions.backends.db django.contrib.sessions.models django.core
        django.core.exceptions django.http django.utils django.utils.functional django.views django.views.decorators
        django.views.decorators.csrf django.views.decorators.http""".split()
    fakes = {name: mock.MagicMock(name=name) for name in names}
    fakes["jwt"].PyJWTError, fakes["jwt"].api_jws.decode_complete = PyJWTError, decode_complete
    fakes["django.conf"].settings = types.SimpleNamespace(BANYAN={"JWKS_URL": "http://127.0.0.1:1/", "OPEN_PATHS": ["/healthz"]})
    fakes["django.core.exceptions"].ImproperlyConfigured = type("ImproperlyConfigured", (Exception,), {})
    fakes["django.http"].HttpResponse, fakes["django.http"].HttpResponseForbidden = Response, Forbidden
    package = types.ModuleType("banyan")
    package.__path__ = [str(HERE)]
    fakes["banyan"] = package
    fakes["django_tenants"] = None  # makes the import fail, as in a shop without it
    with mock.patch.dict(sys.modules, fakes):
        spec = importlib.util.spec_from_file_location("banyan.banyan_middleware", HERE / "banyan_middleware.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(HERE))
import test_banyan_tag as tags  # noqa: E402

banyan = load()


def request(path="/api/auth/me/", **meta):
    meta = {"RAW_URI": tags.TARGET.decode(), "HTTP_X_IDENTITY_TAG": tags.compact(), **meta}
    return types.SimpleNamespace(path=path, method="GET", META=meta)


class KeyRingTest(unittest.TestCase):
    def test_an_unknown_key_id_is_asked_for_but_not_too_often(self):
        now, asked = [0.0], []
        ring = banyan.KeyRing("", fetch=lambda: asked.append(1) or {"k1": "right"}, clock=lambda: now[0])
        self.assertEqual(ring.find("k1"), "right")
        for _ in range(50):
            with self.assertRaises(banyan.TagRefused):
                ring.find("other")
        self.assertEqual(len(asked), 1)
        now[0] = 6.0
        with self.assertRaises(banyan.TagRefused):
            ring.find("other")
        self.assertEqual(len(asked), 2)

    def test_old_keys_stay_good_while_the_gateway_is_away(self):
        now, answers = [0.0], [{"k1": "right"}]
        ring = banyan.KeyRing("", fetch=lambda: answers.pop(), clock=lambda: now[0])
        ring.find("k1")
        now[0] = 700.0
        with self.assertLogs("banyan", "WARNING"):
            self.assertEqual(ring.find("k1"), "right")


class IdentityTest(unittest.TestCase):
    def visit(self, asked, keys=None):
        middleware = banyan.BanyanIdentityMiddleware(lambda _: Response(b"view"))
        middleware.keys = banyan.KeyRing("", fetch=lambda: {"k1": "right"} if keys is None else keys())
        iat = int(time.time())
        decode_complete.claims = tags.claims(iat=iat, exp=iat + 30)
        return middleware(asked)

    def test_a_good_tag_reaches_the_view_with_its_caller(self):
        asked = request()
        self.assertEqual(self.visit(asked).status_code, 200)
        self.assertEqual((asked.banyan.tenant, asked.banyan.user_id), ("acme", 7))
        self.assertFalse(asked._dont_enforce_csrf_checks)

    def test_what_did_not_come_through_the_gateway_is_refused(self):
        for meta in [
            {"HTTP_X_IDENTITY_TAG": None}, {"HTTP_X_TENANT_ID": "globex"}, {"RAW_URI": "/other/"}, {"HTTP_X_USER_ID": "8"},
        ]:  # fmt: skip
            with self.subTest(meta=meta), self.assertLogs("banyan", "WARNING"):
                self.assertEqual(self.visit(request(**meta)).status_code, 403)
        with self.assertLogs("banyan", "WARNING"):
            self.assertEqual(self.visit(request(), keys=lambda: {"k1": "wrong"}).status_code, 403)

    def test_nobody_is_blamed_while_there_are_no_keys(self):
        with self.assertLogs("banyan", "WARNING"):
            self.assertEqual(self.visit(request(), keys=lambda: 1 / 0).status_code, 503)

    def test_open_paths_need_no_tag(self):
        self.assertEqual(self.visit(request(path="/healthz", HTTP_X_IDENTITY_TAG=None)).status_code, 200)


if __name__ == "__main__":
    unittest.main()
