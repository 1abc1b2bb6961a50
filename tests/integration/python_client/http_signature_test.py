#!/usr/bin/env python3
"""HTTP message signatures, checked by a signature base that is made here from RFC 9421, and by a
library for such signatures that has nothing in common with the service."""

import base64
import dataclasses
import datetime
import hashlib
import json
import re
import time
import unittest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from deployment import Deployment
from http_message_signatures import (HTTPMessageVerifier, InvalidSignature as Unverified,
                                     MappingKeyResolver, algorithms)
from signatures import check_signature
from wire import SECONDS, Client, keys, new_key, refusal, signing

BODY = b'{"amount": "12.50"}'
COVERED = ["@method", "@target-uri", "content-type", "content-digest"]
FAULTS = signing.SignatureFault


def message(**changes) -> signing.HttpMessage:
    parts = {"method": "POST", "scheme": "https", "authority": "Bank.Example:443",
             "path": "/payments", "query": "a=1", "body": BODY,
             "fields": [signing.HttpField(name="Content-Type", value=" application/json")]}
    return signing.HttpMessage(**{**parts, **changes})


@dataclasses.dataclass
class Received:
    """A request as the library wants it."""
    method: str
    url: str
    headers: dict[str, str]


@dataclasses.dataclass
class ReceivedResponse:
    """A response as the library wants it."""
    status_code: int
    headers: dict[str, str]


def received(whole: signing.HttpMessage) -> Received:
    return Received(whole.method, f"{whole.scheme}://bank.example{whole.path}?{whole.query}",
                    {field.name: field.value.strip() for field in whole.fields})


def base_of(parameters: str, fields: dict[str, str]) -> bytes:
    """What is signed, of the message above."""
    values = {"@method": "POST", "@target-uri": "https://bank.example/payments?a=1",
              "content-type": "application/json", **fields}
    names = re.findall(r'"([^"]+)"', parameters[:parameters.index(")")])
    lines = [f'"{name}": {values[name]}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


class HttpSignatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = cls.create_key(keys.KEY_ALGORITHM_EC_P256)

    @classmethod
    def create_key(cls, algorithm) -> str:
        return new_key(cls.officer, algorithm, keys.KEY_PURPOSE_HTTP)

    def sign(self, key: str, signed: signing.HttpMessage, **options):
        request = signing.SignHttpMessageRequest(
            name=key, message=signed, components=options.pop("components", COVERED), **options)
        return self.settlement.SignHttpMessage(request, timeout=SECONDS)

    def signed(self, key: str, **options) -> signing.HttpMessage:
        whole = message()
        whole.fields.extend(self.sign(key, message(), **options).fields)
        return whole

    def verify(self, whole: signing.HttpMessage, **options):
        request = signing.VerifyHttpMessageRequest(name=self.key, message=whole, **options)
        return self.settlement.VerifyHttpMessage(request, timeout=SECONDS)

    def test_another_library_verifies_what_rfc_9421_says_is_signed(self):
        for algorithm in (keys.KEY_ALGORITHM_EC_P256, keys.KEY_ALGORITHM_EC_P384,
                          keys.KEY_ALGORITHM_ED25519, keys.KEY_ALGORITHM_RSA_2048_SHA512):
            with self.subTest(algorithm=algorithm):
                key = self.create_key(algorithm)
                before = int(time.time())
                answer = self.sign(key, message(), valid_seconds=60, nonce="n", tag="bank")
                fields = {field.name: field.value for field in answer.fields}
                digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
                self.assertEqual(fields["content-digest"], f"sha-256=:{digest}:")
                label, parameters = fields["signature-input"].split("=", 1)
                self.assertEqual(label, "sig1")
                created = int(re.search(r"created=(\d+)", parameters)[1])
                self.assertTrue(before <= created <= time.time())
                self.assertIn(f';expires={created + 60};nonce="n";keyid="', parameters)
                jwks = self.settlement.GetJwks(signing.GetJwksRequest(name=key), timeout=SECONDS)
                self.assertIn(json.loads(jwks.jwks)["keys"][0]["kid"], parameters)

                signature = base64.b64decode(
                    re.fullmatch(r"sig1=:(.+):", fields["signature"])[1], validate=True)
                public = serialization.load_der_public_key(self.settlement.GetPublicKey(
                    signing.GetPublicKeyRequest(name=key), timeout=SECONDS).der)
                check_signature(public, signature, base_of(parameters, fields), hashes.SHA512())
                with self.assertRaises(InvalidSignature):
                    check_signature(public, signature, base_of(parameters + ";x=1", fields),
                                    hashes.SHA512())

    def test_a_library_for_http_message_signatures_verifies_them(self):
        for algorithm, expected in (
                (keys.KEY_ALGORITHM_EC_P256, algorithms.ECDSA_P256_SHA256),
                (keys.KEY_ALGORITHM_EC_P384, algorithms.ECDSA_P384_SHA384),
                (keys.KEY_ALGORITHM_ED25519, algorithms.ED25519),
                (keys.KEY_ALGORITHM_RSA_2048_SHA512, algorithms.RSA_PSS_SHA512)):
            with self.subTest(algorithm=algorithm):
                key = self.create_key(algorithm)
                jwks = self.settlement.GetJwks(signing.GetJwksRequest(name=key), timeout=SECONDS)
                public = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=key),
                                                      timeout=SECONDS)
                key_id = json.loads(jwks.jwks)["keys"][0]["kid"]
                verifier = HTTPMessageVerifier(
                    signature_algorithm=expected,
                    key_resolver=MappingKeyResolver(public_keys={key_id: public.pem.encode()},
                                                    private_keys={}))

                def verify(request: Received):
                    return verifier.verify(request, expect_tag="bank", require_components=COVERED,
                                           max_age=datetime.timedelta(seconds=60), body=BODY)

                request = received(self.signed(key, valid_seconds=60, nonce="n", tag="bank"))
                verified, = verify(request)
                self.assertEqual((verified.label, verified.nonce), ("sig1", "n"))
                with self.assertRaises(Unverified):
                    verify(dataclasses.replace(request, method="PUT"))
                with self.assertRaises(Unverified):
                    verify(dataclasses.replace(
                        request, headers=request.headers | {"Content-Type": "text/plain"}))

    def test_the_library_verifies_responses_too(self):
        jwks = self.settlement.GetJwks(signing.GetJwksRequest(name=self.key), timeout=SECONDS)
        public = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=self.key),
                                              timeout=SECONDS)
        key_id = json.loads(jwks.jwks)["keys"][0]["kid"]
        verifier = HTTPMessageVerifier(
            signature_algorithm=algorithms.ECDSA_P256_SHA256,
            key_resolver=MappingKeyResolver(public_keys={key_id: public.pem.encode()},
                                            private_keys={}))
        covered = ["@status", "content-type", "content-digest"]
        for body in (BODY, b""):
            with self.subTest(body=body):
                made = signing.HttpMessage(status=201, body=body, fields=[
                    signing.HttpField(name="Content-Type", value="application/json")])
                made.fields.extend(self.sign(self.key, made, components=covered,
                                             tag="bank").fields)
                sent = ReceivedResponse(made.status,
                                        {field.name: field.value for field in made.fields})

                def verify(response: ReceivedResponse, content: bytes = body):
                    return verifier.verify(response, expect_tag="bank", require_components=covered,
                                           max_age=datetime.timedelta(seconds=60), body=content)

                verified, = verify(sent)
                self.assertEqual(verified.label, "sig1")
                with self.assertRaises(Unverified):
                    verify(dataclasses.replace(sent, status_code=200))
                with self.assertRaises(Unverified):
                    verify(sent, body + b" ")

    def test_the_service_tells_what_is_wrong(self):
        whole = self.signed(self.key)
        self.assertTrue(self.verify(whole, required_components=COVERED, max_age_seconds=60).valid)
        changed = signing.HttpMessage()
        changed.CopyFrom(whole)
        changed.query = "a=2"
        self.assertEqual(self.verify(changed).fault, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)
        changed.CopyFrom(whole)
        changed.body += b" "
        self.assertEqual(self.verify(changed).fault, FAULTS.SIGNATURE_FAULT_DIGEST_WRONG)
        self.assertEqual(self.verify(whole, required_components=["@query"]).fault,
                         FAULTS.SIGNATURE_FAULT_COMPONENT_MISSING)

    def test_a_response_is_signed_too(self):
        response = signing.HttpMessage(status=201)
        response.fields.extend(
            self.sign(self.key, signing.HttpMessage(status=201), components=["@status"]).fields)
        self.assertTrue(self.verify(response).valid)
        response.status = 200
        self.assertFalse(self.verify(response).valid)

    def test_the_digest_of_an_empty_body_is_signed_and_compared(self):
        none = signing.HttpMessage(status=204)
        covered = ["@status", "content-digest"]
        refused = refusal(lambda: self.sign(self.key, none, components=covered))
        self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "message"))
        empty = signing.HttpMessage(status=204, body=b"")
        empty.fields.extend(self.sign(self.key, empty, components=covered).fields)
        digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()
        self.assertEqual(empty.fields[0].value, f"sha-256=:{digest}:")
        self.assertTrue(self.verify(empty, required_components=covered).valid)
        empty.body = b" "
        self.assertEqual(self.verify(empty).fault, FAULTS.SIGNATURE_FAULT_DIGEST_WRONG)
        empty.ClearField("body")
        refused = refusal(lambda: self.verify(empty))
        self.assertEqual((refused.reason, refused.field), ("FIELD_REQUIRED", "message.body"))

    def test_bad_input_is_refused_by_field(self):
        twice = signing.HttpField(name="signature-input", value='sig1=("@method" "@method")')
        no_form = signing.HttpField(name="signature", value="sig1=a")
        evil = signing.HttpField(name="X", value='a\n"@method": GET')
        for call, reason, field in (
                (lambda: self.sign(self.key, message(), components=[]), "FIELD_REQUIRED",
                 "components"),
                (lambda: self.sign(self.key, message(), components=["@method"] * 2),
                 "FIELD_INVALID", "components"),
                (lambda: self.sign(self.key, message(), components=["date"]), "FIELD_INVALID",
                 "message"),
                (lambda: self.sign(self.key, message(fields=[evil])), "FIELD_INVALID", "message"),
                (lambda: self.sign(self.key, message(path="payments")), "FIELD_INVALID", "message"),
                (lambda: self.sign(self.key, message(), label="A"), "FIELD_INVALID", "label"),
                (lambda: self.sign(self.key, self.signed(self.key)), "FIELD_INVALID", "label"),
                (lambda: self.sign(self.key, self.signed(self.key), label="second",
                                   components=["signature"]), "FIELD_INVALID", "components"),
                (lambda: self.sign(self.key, message(), valid_seconds=-1), "FIELD_INVALID",
                 "valid_seconds"),
                (lambda: self.sign(self.key, message(body=b"x" * 65536)), "MESSAGE_TOO_LARGE",
                 "message"),
                (lambda: self.verify(message()), "FIELD_REQUIRED", "message.fields"),
                (lambda: self.verify(message(fields=[twice, no_form])), "FIELD_INVALID",
                 "message.fields"),
                (lambda: self.verify(self.signed(self.key), label="x"), "FIELD_INVALID", "label")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))

    def test_a_nonce_is_accepted_once_and_has_to_be_there(self):
        with_nonce = self.signed(self.key, nonce="n-1")
        self.assertTrue(self.verify(with_nonce, max_age_seconds=60, accept_once=True).valid)
        self.assertEqual(self.verify(with_nonce, max_age_seconds=60, accept_once=True).fault,
                         FAULTS.SIGNATURE_FAULT_REPLAYED)
        self.assertEqual(self.verify(self.signed(self.key), max_age_seconds=60,
                                     accept_once=True).fault,
                         FAULTS.SIGNATURE_FAULT_NONCE_MISSING)
        refused = refusal(lambda: self.verify(self.signed(self.key, nonce="n-2"),
                                              accept_once=True))
        self.assertEqual((refused.reason, refused.field), ("FIELD_REQUIRED", "max_age_seconds"))

    def test_who_may_not_sign_messages_does_not(self):
        request = signing.SignHttpMessageRequest(name=self.key, message=message(),
                                                 components=COVERED)
        refused = refusal(lambda: self.checkout.SignHttpMessage(request, timeout=SECONDS))
        self.assertEqual(refused.reason, "POLICY_DENIED")

    def test_the_command_line_signs_a_request_as_it_is_on_the_wire_and_checks_it(self):
        folder = self.deployment.folder
        head = ("POST /payments?a=1 HTTP/1.1\r\nHost: bank.example\r\n"
                "Content-Type: application/json\r\n")
        whole = folder / "request.http"
        whole.write_bytes(f"{head}\r\n".encode() + BODY)
        cover = [word for name in COVERED for word in ("--cover", name)]
        made = self.deployment.command("settlement", "http", "sign", "--key", self.key,
                                       "--message", whole, *cover, "--tag", "orders")
        self.assertEqual(made.returncode, 0, made.stderr)
        added = dict(line.split(": ", 1) for line in made.stdout.splitlines())
        self.assertEqual(list(added), ["content-digest", "signature-input", "signature"])
        self.assertIn(';tag="orders"', added["signature-input"])
        fields = [signing.HttpField(name=name, value=value) for name, value in added.items()]
        as_sent = message(authority="bank.example")
        as_sent.fields.extend(fields)
        self.assertTrue(self.verify(as_sent).valid)

        whole.write_bytes(f"{head}{made.stdout}\r\n".encode() + BODY)
        check = ("settlement", "http", "verify", "--key", self.key, "--message", whole, "--require",
                 "@target-uri", "--require", "content-digest", "--max-age", "60")
        checked = self.deployment.command(*check)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        whole.write_bytes(f"{head}{made.stdout}\r\n".encode() + BODY + b" ")
        checked = self.deployment.command(*check)
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn("DIGEST_WRONG", checked.stdout)

    def test_the_command_line_tells_an_empty_body_from_none(self):
        file = self.deployment.folder / "empty.http"
        sign = ("settlement", "http", "sign", "--key", self.key, "--message", file, "--cover",
                "@status", "--cover", "content-digest")
        file.write_bytes(b"HTTP/1.1 204 No Content\r\n")
        refused = self.deployment.command(*sign)
        self.assertIn("FIELD_INVALID", refused.stderr)
        file.write_bytes(b"HTTP/1.1 204 No Content\r\n\r\n")
        made = self.deployment.command(*sign)
        self.assertEqual(made.returncode, 0, made.stderr)
        file.write_bytes(f"HTTP/1.1 204 No Content\r\n{made.stdout}\r\n".encode())
        checked = self.deployment.command("settlement", "http", "verify", "--key", self.key,
                                          "--message", file, "--require", "content-digest")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    unittest.main()
