#!/usr/bin/env python3
"""JSON Web Signatures: what the service signs verifies with a JOSE library that it does not use, by
the keys that it publishes, and what that library signs the service tells from its own."""

import json
import time
import unittest

from deployment import Deployment
from google.protobuf.timestamp_pb2 import Timestamp
from jwcrypto import jwk, jws
from jwcrypto.common import JWSEHeaderParameter
from wire import SECONDS, Client, keys, new_key, partners, refusal, signing

PAYLOAD = b'{"amount": "12.50", "currency": "EUR"}'
FAULTS = signing.SignatureFault
# What UK Open Banking has in headers, and what the library has to be told of it.
OPEN_BANKING = {name: f"http://openbanking.org.uk/{name}" for name in ("iat", "iss", "tan")}
KNOWN = {name: JWSEHeaderParameter(name, True, True, None) for name in OPEN_BANKING.values()}


class Jws(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = cls.create_key(keys.KEY_ALGORITHM_EC_P256)

    @classmethod
    def create_key(cls, algorithm, purpose=keys.KEY_PURPOSE_JWS) -> str:
        return new_key(cls.officer, algorithm, purpose)

    def sign(self, key: str, payload: bytes = PAYLOAD, **options) -> str:
        request = signing.SignJwsRequest(name=key, payload=payload, **options)
        return self.settlement.SignJws(request, timeout=SECONDS).jws

    def verify(self, key: str, text: str, **options):
        request = signing.VerifyJwsRequest(name=key, jws=text, **options)
        return self.settlement.VerifyJws(request, timeout=SECONDS)

    def key_set(self, key: str) -> jwk.JWKSet:
        answer = self.settlement.GetJwks(signing.GetJwksRequest(name=key), timeout=SECONDS)
        self.assertEqual(answer.max_age_seconds, 300)
        return jwk.JWKSet.from_json(answer.jwks)

    def opened_elsewhere(self, key: str, text: str, payload: bytes | None = None,
                         known: dict | None = None) -> jws.JWS:
        """The JWS as the other library understands it, once it has verified it by the key set;
        `known`: what it understands in headers besides."""
        opened = jws.JWS(header_registry=known)
        opened.deserialize(text)
        kid = json.loads(opened.objects["protected"])["kid"]
        if payload is not None:
            opened.objects["payload"] = payload
        opened.verify(self.key_set(key).get_key(kid))
        return opened

    def test_another_library_verifies_every_algorithm_by_the_published_keys(self):
        for algorithm, alg in ((keys.KEY_ALGORITHM_EC_P256, "ES256"),
                               (keys.KEY_ALGORITHM_ED25519, "EdDSA"),
                               (keys.KEY_ALGORITHM_EC_P384, "ES384"),
                               (keys.KEY_ALGORITHM_RSA_2048, "PS256"),
                               (keys.KEY_ALGORITHM_RSA_2048_SHA384, "PS384"),
                               (keys.KEY_ALGORITHM_RSA_2048_SHA512, "PS512")):
            with self.subTest(alg=alg):
                key = self.create_key(algorithm)
                before = int(time.time())
                opened = self.opened_elsewhere(key, self.sign(key, type="JOSE"))
                self.assertEqual(opened.payload, PAYLOAD)
                header = opened.jose_header
                self.assertEqual((header["alg"], header["typ"]), (alg, "JOSE"))
                self.assertTrue(before <= header["iat"] <= time.time())
                (published,) = self.key_set(key)
                self.assertEqual(header["kid"], published.thumbprint())

    def test_another_library_verifies_a_detached_payload_encoded_or_not(self):
        for unencoded in (False, True):
            with self.subTest(unencoded=unencoded):
                text = self.sign(self.key, detached=True, unencoded=unencoded)
                self.assertEqual(text.split(".")[1], "")
                self.opened_elsewhere(self.key, text, PAYLOAD)
                with self.assertRaises(jws.InvalidJWSSignature):
                    self.opened_elsewhere(self.key, text, PAYLOAD + b" ")
                self.assertTrue(self.verify(self.key, text, payload=PAYLOAD).valid)

    def test_another_library_verifies_open_bankings_header_and_makes_one_that_is_accepted(self):
        key = self.create_key(keys.KEY_ALGORITHM_RSA_2048)
        header = signing.OpenBankingHeader(issuer='O="A"/2cFqTpLwJ8X9s1kQmZ3vBn',
                                           trust_anchor="openbanking.org.uk")
        before = int(time.time())
        text = self.sign(key, detached=True, type="JOSE", open_banking=header)
        said = self.opened_elsewhere(key, text, PAYLOAD, KNOWN).jose_header
        self.assertTrue(before <= said[OPEN_BANKING["iat"]] <= time.time())
        self.assertEqual((said["alg"], said[OPEN_BANKING["iss"]], said[OPEN_BANKING["tan"]]),
                         ("PS256", header.issuer, header.trust_anchor))
        self.assertEqual(said["crit"], list(OPEN_BANKING.values()))
        self.assertNotIn("iat", said)
        with self.assertRaises(jws.InvalidJWSSignature):  # it does not know what is critical
            self.opened_elsewhere(key, text, PAYLOAD)

        partner = jwk.JWK.generate(kty="RSA", size=2048)
        name = self.officer.partners.CreatePartnerKey(partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id="open-bank", purpose=keys.KEY_PURPOSE_JWS,
            pem=partner.export_to_pem().decode(), not_after_time=Timestamp(
                seconds=int(time.time()) + 86400)), timeout=SECONDS).partner_key.name
        made = jws.JWS(PAYLOAD, header_registry=KNOWN)
        made.add_signature(partner, None, json.dumps({
            "alg": "PS256", "kid": "theirs",
            "crit": [OPEN_BANKING[one] for one in ("tan", "iss", "iat")],
            OPEN_BANKING["iat"]: int(time.time()), OPEN_BANKING["iss"]: header.issuer,
            OPEN_BANKING["tan"]: header.trust_anchor}))
        protected, _, signature = made.serialize(compact=True).split(".")
        theirs = f"{protected}..{signature}"
        for expected in (None, header):
            self.assertTrue(self.verify(name, theirs, payload=PAYLOAD, max_age_seconds=60,
                                        open_banking=expected).valid)
        header.issuer += "x"
        self.assertEqual(self.verify(name, theirs, payload=PAYLOAD, open_banking=header).fault,
                         FAULTS.SIGNATURE_FAULT_HEADER_MISMATCH)

    def test_a_rotation_breaks_no_verifier_that_fetched_the_key_set_before_it(self):
        key = self.create_key(keys.KEY_ALGORITHM_EC_P256)
        rotate = keys.RotateKeyRequest(name=key)
        unknown = refusal(lambda: self.officer.keys.RotateKey(rotate, timeout=60))
        self.assertEqual((unknown.code, unknown.reason), ("FAILED_PRECONDITION",
                                                          "KEY_NOT_PUBLISHED"))
        old = self.sign(key)
        self.officer.keys.CreateKeyVersion(keys.CreateKeyVersionRequest(name=key), timeout=60)
        known = self.key_set(key)
        # This verifier is the only one, and needs no five minutes.
        rotate.at_once = True
        self.officer.keys.RotateKey(rotate, timeout=60)
        new = self.sign(key)
        for text, version in ((old, 1), (new, 2)):
            opened = jws.JWS()
            opened.deserialize(text)
            opened.verify(known.get_key(opened.jose_header["kid"]))
            self.assertEqual(self.verify(key, text).key_version, f"{key}/versions/{version}")

    def test_the_next_version_is_published_before_it_signs(self):
        key = self.create_key(keys.KEY_ALGORITHM_EC_P256)
        next_version = self.officer.keys.CreateKeyVersion(
            keys.CreateKeyVersionRequest(name=key), timeout=60).key.versions[0]
        self.assertEqual((next_version.state, next_version.primary),
                         (keys.KEY_STATE_PRE_ACTIVATION, False))
        known = self.key_set(key)
        self.assertEqual(len(known["keys"]), 2)
        self.assertEqual(self.verify(key, self.sign(key)).key_version, f"{key}/versions/1")

        rotate = keys.RotateKeyRequest(name=key)
        early = refusal(lambda: self.officer.keys.RotateKey(rotate, timeout=60))
        self.assertEqual((early.code, early.reason), ("FAILED_PRECONDITION", "KEY_NOT_PUBLISHED"))
        rotate.at_once = True
        self.officer.keys.RotateKey(rotate, timeout=60)
        self.assertEqual(self.verify(key, self.sign(key)).key_version, next_version.name)

    def test_what_others_signed_is_told_from_it(self):
        theirs = jwk.JWK.generate(kty="EC", crv="P-256")
        kid = self.key_set(self.key).export(as_dict=True)["keys"][0]["kid"]
        for header, fault in (({"alg": "ES256"}, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG),
                              ({"alg": "ES256", "kid": kid}, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG),
                              ({"alg": "ES256", "kid": "x"}, FAULTS.SIGNATURE_FAULT_KEY_UNKNOWN)):
            with self.subTest(header=header):
                made = jws.JWS(PAYLOAD)
                made.add_signature(theirs, None, json.dumps(header))
                answer = self.verify(self.key, made.serialize(compact=True))
                self.assertEqual((answer.valid, answer.fault), (False, fault))
        # The public key taken for a shared secret.
        public = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=self.key),
                                              timeout=SECONDS)
        confused = jws.JWS(PAYLOAD)
        confused.add_signature(jwk.JWK.from_password(public.pem), None,
                               json.dumps({"alg": "HS256", "kid": kid}))
        self.assertEqual(self.verify(self.key, confused.serialize(compact=True)).fault,
                         FAULTS.SIGNATURE_FAULT_ALGORITHM_MISMATCH)

    def test_bad_input_is_refused_by_field(self):
        text = self.sign(self.key)
        bare = self.create_key(keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_SIGN)
        for call, reason, field in (
                (lambda: self.sign(self.key, b""), "FIELD_REQUIRED", "payload"),
                (lambda: self.sign(self.key, b"x" * (64 * 1024 + 1)), "MESSAGE_TOO_LARGE", "payload"),
                (lambda: self.sign(self.key, type="a b"), "FIELD_INVALID", "type"),
                (lambda: self.sign(self.key, unencoded=True), "FIELD_INVALID", "unencoded"),
                (lambda: self.sign(self.key, request_id="x"), "FIELD_INVALID", "request_id"),
                (lambda: self.sign(self.key, open_banking=signing.OpenBankingHeader(issuer="a")),
                 "FIELD_REQUIRED", "open_banking.trust_anchor"),
                (lambda: self.verify(self.key, text, open_banking=signing.OpenBankingHeader(
                    issuer="a", trust_anchor="A")), "FIELD_INVALID", "open_banking.trust_anchor"),
                (lambda: self.sign(bare), "KEY_PURPOSE_MISMATCH", ""),
                (lambda: self.verify(self.key, ""), "FIELD_REQUIRED", "jws"),
                (lambda: self.verify(self.key, text + "."), "FIELD_INVALID", "jws"),
                (lambda: self.verify(self.key, text, payload=PAYLOAD), "FIELD_INVALID", "payload"),
                (lambda: self.verify(self.key, text, max_age_seconds=-1), "FIELD_INVALID",
                 "max_age_seconds"),
                (lambda: self.verify(bare, text), "KEY_PURPOSE_MISMATCH", ""),
                (lambda: self.key_set(bare), "KEY_PURPOSE_MISMATCH", "")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))

    def test_who_may_not_sign_jws_does_not(self):
        request = signing.SignJwsRequest(name=self.key, payload=PAYLOAD)
        self.assertEqual(refusal(lambda: self.checkout.SignJws(request, timeout=SECONDS)).reason,
                         "POLICY_DENIED")

    def test_the_command_line_signs_publishes_and_checks(self):
        folder = self.deployment.folder
        (folder / "payload.json").write_bytes(PAYLOAD)
        command = self.deployment.command
        made = command("settlement", "jws", "sign", "--key", self.key, "--in",
                       folder / "payload.json", "--detached", "--out", folder / "payload.jws")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.opened_elsewhere(self.key, (folder / "payload.jws").read_text().strip(), PAYLOAD)
        check = ["jws", "verify", "--key", self.key, "--jws", folder / "payload.jws", "--payload",
                 folder / "payload.json", "--max-age", "60"]
        checked = command("settlement", *check)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        (folder / "payload.json").write_bytes(PAYLOAD + b" ")
        checked = command("settlement", *check)
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn("SIGNATURE_WRONG", checked.stdout)
        said = ["--open-banking-issuer", "A/b", "--open-banking-trust-anchor", "bank.example"]
        signed = ["jws", "sign", "--key", self.key, "--in", folder / "payload.json", "--out",
                  folder / "payload.jws"]
        self.assertEqual(command("settlement", *signed, *said).returncode, 0)
        check = check[:6]
        self.assertEqual(command("settlement", *check, *said).returncode, 0)
        said[1] = "A/c"
        self.assertIn("HEADER_MISMATCH", command("settlement", *check, *said).stdout)
        self.assertEqual(command("settlement", *check, *said[:2]).returncode, 2)
        published = command("settlement", "keys", "jwks", self.key)
        self.assertEqual(len(json.loads(published.stdout)["keys"]), 1)
        kept = command("settlement", "keys", "jwks", self.key, "--out", folder / "jwks.json")
        self.assertEqual(kept.stdout.split(), ["MAX", "AGE", "SECONDS", "300"])
        self.assertEqual((folder / "jwks.json").read_text(), published.stdout)

    def test_a_public_key_is_a_jwk_too_as_in_the_key_set_or_without_one(self):
        command, file = self.deployment.command, self.deployment.folder / "public"
        bare = [new_key(self.officer, algorithm) for algorithm in (
            keys.KEY_ALGORITHM_EC_P256, keys.KEY_ALGORITHM_ED25519, keys.KEY_ALGORITHM_RSA_2048)]
        for key, alg in zip([self.key, *bare], ("ES256", "ES256", "EdDSA", None)):
            with self.subTest(key=key, alg=alg):
                answer = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=key),
                                                      timeout=SECONDS)
                found = json.loads(answer.jwk)
                self.assertEqual((found.get("alg"), found["use"]), (alg, "sig"))
                self.assertEqual(jwk.JWK(**found).export_to_pem(), answer.pem.encode())
                made = command("settlement", "keys", "public-key", key, "--format", "jwk", "--out",
                               file)
                self.assertEqual(made.returncode, 0, made.stderr)
                self.assertEqual(json.loads(file.read_text()), found)
        own, = json.loads(self.settlement.GetJwks(signing.GetJwksRequest(name=self.key),
                                                  timeout=SECONDS).jwks)["keys"]
        self.assertEqual(json.loads(self.settlement.GetPublicKey(signing.GetPublicKeyRequest(
            name=self.key), timeout=SECONDS).jwk), own)


if __name__ == "__main__":
    unittest.main()
