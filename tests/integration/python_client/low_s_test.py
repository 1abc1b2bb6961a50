#!/usr/bin/env python3
"""Keys that ask for low S: every format has it, and a library that the service does not use tells."""

import base64
import unittest

import audit_log
import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (decode_dss_signature,
                                                             encode_dss_signature)
from deployment import Deployment
from wire import SECONDS, Client, keys, refusal, signing

P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
SIGNATURES = 40  # by chance all are low once in a million million runs


def s_of(raw: bytes) -> int:
    return int.from_bytes(raw[len(raw) // 2:], "big")


class LowS(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))

    def create(self, key_id: str, purpose=keys.KEY_PURPOSE_SIGN, low_s: bool = True,
               algorithm=keys.KEY_ALGORITHM_EC_P256) -> str:
        key = self.officer.keys.CreateKey(keys.CreateKeyRequest(
            parent="tenants/acme", key_id=key_id, purpose=purpose, algorithm=algorithm,
            cryptoperiod_days=30, low_s=low_s), timeout=SECONDS).key
        self.assertEqual([version.low_s for version in key.versions], [low_s])
        return key.name

    def batch(self, key: str) -> list[bytes]:
        messages = [b"%d" % number for number in range(SIGNATURES)]
        answer = self.settlement.BatchSign(signing.BatchSignRequest(name=key, messages=messages),
                                           timeout=SECONDS)
        return [result.signature for result in answer.results]

    def test_signatures_are_low_where_the_key_asks_for_it_and_either_elsewhere(self):
        low = [decode_dss_signature(one)[1] for one in self.batch(self.create("low"))]
        self.assertTrue(all(s <= P256_ORDER // 2 for s in low))
        either = [decode_dss_signature(one)[1]
                  for one in self.batch(self.create("either", low_s=False))]
        self.assertIn(True, [s > P256_ORDER // 2 for s in either])
        self.assertIn(True, [s <= P256_ORDER // 2 for s in either])

    def test_every_format_has_the_low_one(self):
        jws = self.create("low-jws", keys.KEY_PURPOSE_JWS)
        cose = self.create("low-cose", keys.KEY_PURPOSE_COSE)
        http = self.create("low-http", keys.KEY_PURPOSE_HTTP)
        message = signing.HttpMessage(method="GET", scheme="https", authority="acme.example",
                                      path="/")
        for number in range(SIGNATURES // 2):
            signed = self.settlement.SignJws(signing.SignJwsRequest(
                name=jws, payload=b"%d" % number), timeout=SECONDS)
            raw = base64.urlsafe_b64decode(signed.jws.split(".")[2] + "==")
            self.assertLessEqual(s_of(raw), P256_ORDER // 2)
            signed = self.settlement.SignCose(signing.SignCoseRequest(
                name=cose, payload=b"%d" % number), timeout=SECONDS)
            self.assertLessEqual(s_of(cbor2.loads(signed.cose_sign1).value[3]), P256_ORDER // 2)
            signed = self.settlement.SignHttpMessage(signing.SignHttpMessageRequest(
                name=http, message=message, components=["@method"]), timeout=SECONDS)
            raw = base64.b64decode(signed.fields[-1].value.split(":")[1])
            self.assertLessEqual(s_of(raw), P256_ORDER // 2)
            request = self.officer.signing.CreateCertificateSigningRequest(
                signing.CreateCertificateSigningRequestRequest(
                    name=jws, subject=signing.CertificateSubject(common_name=f"n{number}")),
                timeout=SECONDS)
            s = decode_dss_signature(x509.load_der_x509_csr(request.der).signature)[1]
            self.assertLessEqual(s, P256_ORDER // 2)

    def test_the_other_s_is_right_for_a_library_and_wrong_for_the_service(self):
        key = self.create("strict")
        signature = self.settlement.Sign(signing.SignRequest(name=key, message=b"pay"),
                                         timeout=SECONDS).signature
        r, s = decode_dss_signature(signature)
        other = encode_dss_signature(r, P256_ORDER - s)
        public = serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=key), timeout=SECONDS).der)
        public.verify(other, b"pay", ec.ECDSA(hashes.SHA256()))
        for presented, valid in ((signature, True), (other, False)):
            answer = self.settlement.Verify(signing.VerifyRequest(
                name=key, message=b"pay", signature=presented), timeout=SECONDS)
            self.assertEqual(answer.valid, valid)

    def test_it_stays_with_the_key_and_is_recorded(self):
        made = self.deployment.command("officer-1", "keys", "create", "tenants/acme/keys/low-cli",
                                       "--algorithm", "ec-p384", "--low-s")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("LOW S", made.stdout)
        rotated = self.officer.keys.RotateKey(
            keys.RotateKeyRequest(name="tenants/acme/keys/low-cli"), timeout=SECONDS).key
        self.assertEqual([version.low_s for version in rotated.versions], [True, True])
        with Client(self.deployment, "auditor") as auditor:
            records = audit_log.read(auditor.export(),
                                     (self.deployment.folder / "log.vkey").read_text().strip())
        said = [record.body["details"].get("low_s") for record in records
                if record.body.get("resource", "").startswith("tenants/acme/keys/low-cli/")]
        self.assertEqual(said, ["true"] * 4)  # an intent and its outcome for each version

    def test_only_ecdsa_has_it(self):
        for purpose, algorithm in ((keys.KEY_PURPOSE_SIGN, keys.KEY_ALGORITHM_RSA_2048),
                                   (keys.KEY_PURPOSE_SIGN, keys.KEY_ALGORITHM_ED25519),
                                   (keys.KEY_PURPOSE_MAC, keys.KEY_ALGORITHM_HMAC_SHA256)):
            refused = refusal(lambda p=purpose, a=algorithm: self.create("none", p, algorithm=a))
            self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "low_s"))


if __name__ == "__main__":
    unittest.main()
