#!/usr/bin/env python3
"""COSE messages, read by a CBOR library and checked by a library that the service does not use."""

import json
import time
import unittest

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from deployment import Deployment
from signatures import check_signature
from wire import SECONDS, Client, keys, new_key, refusal, signing

PAYLOAD = cbor2.dumps({"amount": 1250, "currency": "EUR"})
AAD = b"terminal 7"
ALG, KID, CLAIMS, ISSUED_AT = 1, 4, 15, 6
ALGS = {keys.KEY_ALGORITHM_EC_P256: -7, keys.KEY_ALGORITHM_EC_P384: -35,
        keys.KEY_ALGORITHM_ED25519: -8, keys.KEY_ALGORITHM_RSA_2048: -37}
FAULTS = signing.SignatureFault


class CoseMessages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = new_key(cls.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_COSE)

    def sign(self, key: str = "", payload: bytes = PAYLOAD, stub=None, **options):
        request = signing.SignCoseRequest(name=key or self.key, payload=payload, **options)
        return (stub or self.settlement).SignCose(request, timeout=SECONDS)

    def verify(self, message: bytes, **options):
        request = signing.VerifyCoseRequest(name=self.key, cose_sign1=message, **options)
        return self.settlement.VerifyCose(request, timeout=SECONDS)

    def public(self, key: str):
        return serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=key), timeout=SECONDS).der)

    def test_another_library_verifies_what_rfc_9052_says_is_signed(self):
        for algorithm, alg in ALGS.items():
            with self.subTest(algorithm=algorithm):
                key = new_key(self.officer, algorithm, keys.KEY_PURPOSE_COSE)
                before = int(time.time())
                message = cbor2.loads(self.sign(key, external_aad=AAD).cose_sign1)
                self.assertEqual(message.tag, 18)
                header, unprotected, payload, signature = message.value
                self.assertEqual((unprotected, payload), ({}, PAYLOAD))
                read = cbor2.loads(header)
                self.assertEqual(cbor2.dumps(read, canonical=True), header)
                self.assertEqual(set(read), {ALG, KID, CLAIMS})
                self.assertEqual(read[ALG], alg)
                self.assertTrue(before <= read[CLAIMS][ISSUED_AT] <= time.time())
                jwks = self.settlement.GetJwks(signing.GetJwksRequest(name=key), timeout=SECONDS)
                self.assertEqual(json.loads(jwks.jwks)["keys"][0]["kid"].encode(), read[KID])

                public = self.public(key)
                check_signature(public, signature,
                                cbor2.dumps(["Signature1", header, AAD, PAYLOAD]), hashes.SHA256())
                with self.assertRaises(InvalidSignature):
                    check_signature(public, signature,
                                    cbor2.dumps(["Signature1", header, b"", PAYLOAD]),
                                    hashes.SHA256())

    def test_the_service_tells_what_is_wrong(self):
        message = self.sign(external_aad=AAD).cose_sign1
        self.assertTrue(self.verify(message, external_aad=AAD, max_age_seconds=60).valid)
        self.assertEqual(self.verify(message).fault, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)
        header, unprotected, payload, signature = cbor2.loads(message).value
        untagged = cbor2.dumps([header, {KID: b"x"} | unprotected, payload, signature])
        refused = refusal(lambda: self.verify(untagged, external_aad=AAD))
        self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "cose_sign1"))
        other = cbor2.dumps([header, {-65537: [1, {2: 3}]}, payload, signature])
        self.assertTrue(self.verify(other, external_aad=AAD).valid)
        other = cbor2.dumps([cbor2.dumps({ALG: -36}), {}, payload, signature])
        self.assertEqual(self.verify(other).fault, FAULTS.SIGNATURE_FAULT_ALGORITHM_MISMATCH)

    def test_a_detached_payload_is_not_in_the_message(self):
        message = self.sign(detached=True, without_issue_time=True).cose_sign1
        header, _, payload, _ = cbor2.loads(message).value
        self.assertIsNone(payload)
        self.assertEqual(set(cbor2.loads(header)), {ALG, KID})
        self.assertTrue(self.verify(message, payload=PAYLOAD).valid)
        self.assertEqual(self.verify(message, payload=PAYLOAD, max_age_seconds=60).fault,
                         FAULTS.SIGNATURE_FAULT_ISSUE_TIME_MISSING)
        self.assertEqual(refusal(lambda: self.verify(message)).reason, "FIELD_REQUIRED")

    def test_bad_input_is_refused_by_field(self):
        message = self.sign().cose_sign1
        for call, reason, field in (
                (lambda: self.sign(payload=b""), "FIELD_REQUIRED", "payload"),
                (lambda: self.sign(payload=b"x" * 65537), "MESSAGE_TOO_LARGE", "payload"),
                (lambda: self.sign(external_aad=b"x" * 1025), "MESSAGE_TOO_LARGE", "external_aad"),
                (lambda: self.verify(b""), "FIELD_REQUIRED", "cose_sign1"),
                (lambda: self.verify(message[:-1]), "FIELD_INVALID", "cose_sign1"),
                (lambda: self.verify(message + b"\0"), "FIELD_INVALID", "cose_sign1"),
                (lambda: self.verify(message, payload=PAYLOAD), "FIELD_INVALID", "payload"),
                (lambda: self.verify(message, max_age_seconds=-1), "FIELD_INVALID",
                 "max_age_seconds")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))

    def test_who_may_not_sign_cose_does_not(self):
        self.assertEqual(refusal(lambda: self.sign(stub=self.checkout)).reason, "POLICY_DENIED")

    def test_the_command_line_signs_and_checks(self):
        folder = self.deployment.folder
        (folder / "receipt.cbor").write_bytes(PAYLOAD)
        (folder / "aad").write_bytes(AAD)
        both = ("--external-aad", folder / "aad", "--key", self.key)
        made = self.deployment.command("settlement", "cose", "sign", *both, "--in",
                                       folder / "receipt.cbor", "--detached", "--out",
                                       folder / "receipt.cose")
        self.assertEqual(made.returncode, 0, made.stderr)
        message = (folder / "receipt.cose").read_bytes()
        self.assertTrue(self.verify(message, payload=PAYLOAD, external_aad=AAD).valid)
        check = ("settlement", "cose", "verify", *both, "--cose", folder / "receipt.cose",
                 "--payload", folder / "receipt.cbor", "--max-age", "60")
        self.assertEqual(self.deployment.command(*check).returncode, 0)
        (folder / "aad").write_bytes(AAD + b" ")
        checked = self.deployment.command(*check)
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn("SIGNATURE_WRONG", checked.stdout)


if __name__ == "__main__":
    unittest.main()
