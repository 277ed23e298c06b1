"""Run with the standard library alone: ``python3 -m unittest test_banyan_tag`` in this folder."""

import base64
import hashlib
import json
import unittest

from banyan_tag import TagRefused, check_headers, read_key_id, read_tag

NOW = 1_800_000_000
TARGET = b"/api/auth/me/?a=1"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header=None, signature=b"s" * 64, payload=b"{}"):
    header = {"alg": "ES256", "kid": "k1", "typ": "banyan-tag+jwt"} if header is None else header
    return ".".join([encode(json.dumps(header).encode()), encode(payload), encode(signature)])


def claims(**more):
    good = {
        "iss": "banyan", "aud": "legacy", "sub": "7", "tenant": "acme", "scope": "read write", "amr": ["session"],
        "rid": "request-1", "jti": "j1", "iat": NOW, "exp": NOW + 30,
        "htm": "GET", "htp": encode(hashlib.sha256(TARGET).digest()),
    }  # fmt: skip
    return {name: value for name, value in {**good, **more}.items() if value is not None}


def read(given, **more):
    return read_tag(given, **{"audience": "legacy", "method": "GET", "target": TARGET, "now": NOW + 1, **more})


class KeyIdTest(unittest.TestCase):
    def test_a_good_tag_names_its_key(self):
        self.assertEqual(read_key_id(compact()), "k1")

    def test_every_other_form_is_refused(self):
        good = {"alg": "ES256", "kid": "k1", "typ": "banyan-tag+jwt"}
        cases = {
            "tag_missing": [None, ""],
            "algorithm_refused": [compact({**good, "alg": alg}) for alg in ("none", "HS256", "es256", None)],
            "tag_malformed": [
                "a.b", compact() + ".x", compact(signature=b"short"), compact() + "=", "é.é.é", "x" * 9000,
                compact({**good, "crit": ["b64"]}), compact({**good, "jwk": {}}), compact({**good, "typ": "JWT"}),
                compact({**good, "kid": 1}), compact([]), "%%%." + compact().split(".", 1)[1],
            ],
        }  # fmt: skip
        for reason, tags in cases.items():
            for tag in tags:
                with self.subTest(tag=tag), self.assertRaises(TagRefused) as caught:
                    read_key_id(tag)
                self.assertEqual(caught.exception.reason, reason)


class ClaimsTest(unittest.TestCase):
    def test_a_known_caller_is_read(self):
        tag = read(claims())
        self.assertEqual((tag.tenant, tag.user_id, tag.scopes, tag.by), ("acme", 7, ("read", "write"), "session"))

    def test_an_anonymous_caller_may_have_no_tenant(self):
        tag = read(claims(sub="anonymous", amr=None, tenant=None, scope=""))
        self.assertEqual((tag.tenant, tag.user_id, tag.by), (None, None, None))

    def test_the_gateways_own_question_is_known_by_its_scope(self):
        self.assertTrue(read(claims(sub="anonymous", amr=None, scope="banyan.session")).is_session_question)
        self.assertFalse(read(claims(scope="banyan.session")).is_session_question)

    def test_a_tag_that_names_no_request_is_good_only_where_that_is_allowed(self):
        unbound = claims(rid=None, htm=None, htp=None)
        self.assertIsNone(read(unbound, binding="caller").request_id)
        with self.assertRaises(TagRefused) as caught:
            read(unbound)
        self.assertEqual(caught.exception.reason, "other_request")

    def test_a_tag_that_names_a_request_is_for_that_one_only_whatever_is_allowed(self):
        for more in ({"htm": "POST"}, {"htp": None}, {"rid": None}):
            with self.subTest(more=more), self.assertRaises(TagRefused):
                read(claims(**more), binding="caller")

    def test_every_wrong_claim_is_refused(self):
        wrong = [
            {"iss": "other"}, {"aud": "new"}, {"aud": ["legacy"]}, {"sub": "0"}, {"sub": "7a"}, {"sub": 7}, {"sub": "-7"}, {"sub": None},
            {"tenant": None}, {"tenant": "Acme"}, {"tenant": "a/b"}, {"tenant": "acme\n"}, {"tenant": ["acme"]}, {"scope": None},
            {"scope": ["read"]}, {"amr": None}, {"amr": "session"}, {"amr": ["session", "jwt"]}, {"amr": ["pwd"]}, {"rid": ""},
            {"jti": None}, {"iat": None}, {"exp": None}, {"iat": float(NOW)}, {"exp": True}, {"exp": NOW + 3600}, {"exp": NOW},
            {"sub": "anonymous"},
        ]  # fmt: skip
        for more in wrong:
            with self.subTest(more=more), self.assertRaises(TagRefused) as caught:
                read(claims(**more))
            self.assertEqual(caught.exception.reason, "claims_wrong")

    def test_a_tag_counts_for_its_time_and_its_request_only(self):
        for reason, more in [
            ("tag_expired", {"now": NOW + 90}), ("tag_from_future", {"now": NOW - 61}), ("other_request", {"method": "POST"}),
            ("other_request", {"target": b"/api/auth/me/?a=2"}),
        ]:  # fmt: skip
            with self.subTest(more=more), self.assertRaises(TagRefused) as caught:
                read(claims(), **more)
            self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(read(claims(), now=NOW + 89).user_id, 7)


class HeadersTest(unittest.TestCase):
    def test_plain_headers_must_say_what_the_tag_says(self):
        tag = read(claims())
        check_headers(tag, "acme", "7", "request-1")
        check_headers(tag, None, None, None)
        for forged in [("globex", None, None), ("acme,globex", None, None), (None, "8", None), (None, None, "other")]:
            with self.subTest(forged=forged), self.assertRaises(TagRefused):
                check_headers(tag, *forged)


if __name__ == "__main__":
    unittest.main()
