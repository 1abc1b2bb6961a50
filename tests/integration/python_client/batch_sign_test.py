#!/usr/bin/env python3
"""Batches of signatures, by a client that shares no code with the service: each signature holds for
its own message and no other, each item has its own result, and the batch is one record."""

import base64
import json
import unittest
import uuid

import audit_log
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from deployment import Deployment
from wire import SECONDS, Client, keys, new_id, new_key, refusal, signing

MESSAGES = [f'{{"order": {number}}}'.encode() for number in range(100)]


class BatchSign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = new_key(cls.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_SIGN)

    def sign(self, messages, **options):
        request = signing.BatchSignRequest(name=options.pop("key", self.key), messages=messages,
                                           **options)
        return self.settlement.BatchSign(request, timeout=SECONDS)

    def verify(self, pairs, **options):
        request = signing.BatchVerifyRequest(
            name=options.pop("key", self.key), **options,
            signed_messages=[signing.SignedMessage(message=message, signature=signature)
                             for message, signature in pairs])
        return self.settlement.BatchVerify(request, timeout=SECONDS)

    def records(self) -> list[audit_log.Record]:
        with Client(self.deployment, "auditor") as auditor:
            return audit_log.read(auditor.export(),
                                  (self.deployment.folder / "log.vkey").read_text().strip())

    def test_each_of_a_hundred_signatures_verifies_elsewhere_and_for_its_message_only(self):
        answer = self.sign(MESSAGES)
        self.assertEqual((answer.key_version, answer.algorithm),
                         (f"{self.key}/versions/1", "ECDSA-P256-SHA256"))
        public = serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=self.key), timeout=SECONDS).der)
        self.assertEqual(len(answer.results), len(MESSAGES))
        for message, result in zip(MESSAGES, answer.results):
            public.verify(result.signature, message, ec.ECDSA(hashes.SHA256()))
        with self.assertRaises(InvalidSignature):
            public.verify(answer.results[0].signature, MESSAGES[1], ec.ECDSA(hashes.SHA256()))

    def test_the_service_tells_which_signatures_are_wrong(self):
        signatures = [result.signature for result in self.sign(MESSAGES).results]
        signatures[7], signatures[8] = signatures[8], signatures[7]
        answer = self.verify(zip(MESSAGES, signatures))
        self.assertEqual([number for number, result in enumerate(answer.results)
                          if not result.verification.valid], [7, 8])
        self.assertEqual(answer.results[0].verification.key_version, f"{self.key}/versions/1")

    def test_macs_are_made_and_checked_in_batches_too(self):
        key = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_MAC)
        tags = [result.signature for result in self.sign(MESSAGES, key=key).results]
        answer = self.verify(zip(MESSAGES, tags), key=key)
        self.assertTrue(all(result.verification.valid for result in answer.results))

    def test_an_item_fails_alone(self):
        answer = self.sign([b"first", b"", b"x" * (64 * 1024 + 1), b"last"])
        self.assertEqual([result.error.reason for result in answer.results],
                         ["", "FIELD_REQUIRED", "MESSAGE_TOO_LARGE", ""])
        self.assertTrue(answer.results[3].signature)
        checked = self.verify([(b"first", answer.results[0].signature), (b"last", b"")])
        self.assertTrue(checked.results[0].verification.valid)
        self.assertEqual(checked.results[1].error.reason, "FIELD_REQUIRED")

    def test_a_repetition_gets_the_same_signatures(self):
        request_id = str(uuid.uuid4())
        first = self.sign(MESSAGES, request_id=request_id)
        self.assertEqual(self.sign(MESSAGES, request_id=request_id), first)
        refused = refusal(lambda: self.sign(MESSAGES[:99], request_id=request_id))
        self.assertEqual(refused.reason, "REQUEST_ID_REUSED")

    def test_a_batch_is_one_record_with_an_item_for_each_message(self):
        request_id = new_id()
        self.sign([b"first", b"", b"third"], request_id=request_id)
        (record,) = [record for record in self.records()
                     if record.body.get("request_id") == request_id]
        self.assertEqual(record.header["action"], "SigningService.Sign")
        self.assertEqual([item["outcome"] for item in record.body["items"]],
                         ["success", "failed", "success"])
        self.assertEqual(record.body["details"]["key_version"], f"{self.key}/versions/1")

    def test_batches_are_bounded_and_need_the_right_to_sign(self):
        for call, reason in (
                (lambda: self.sign([]), "BATCH_SIZE"),
                (lambda: self.sign([b"x"] * 101), "BATCH_SIZE"),
                (lambda: self.sign([b"x" * 64 * 1024] * 4), "MESSAGE_TOO_LARGE"),
                (lambda: self.sign([b"x"], key="tenants/acme/keys/none"), "KEY_NOT_FOUND"),
                (lambda: self.verify([]), "BATCH_SIZE"),
                (lambda: self.checkout.BatchSign(signing.BatchSignRequest(
                    name=self.key, messages=[b"x"]), timeout=SECONDS), "POLICY_DENIED"),
                (lambda: self.checkout.BatchVerify(signing.BatchVerifyRequest(
                    name=self.key, signed_messages=[signing.SignedMessage(
                        message=b"x", signature=b"x")]), timeout=SECONDS), "POLICY_DENIED")):
            with self.subTest(reason=reason):
                self.assertEqual(refusal(call).reason, reason)

    def test_the_command_line_signs_a_file_line_by_line(self):
        lines = [b"%d" % number for number in range(250)]
        lines[7] = b""
        lines[100] = b"x" * (64 * 1024 + 1)
        file = self.deployment.folder / "messages"
        file.write_bytes(b"\n".join(lines) + b"\n")
        signed = self.deployment.command("settlement", "--output", "json", "sign", "--key", self.key,
                                         "--lines", file)
        self.assertEqual(signed.returncode, 1, signed.stderr)
        rows = [json.loads(row) for row in signed.stdout.splitlines()]
        self.assertEqual([row["line"] for row in rows], list(range(1, 251)))
        public = serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=self.key), timeout=SECONDS).der)
        for line, row in zip(lines, rows):
            if row["error"]:
                continue
            self.assertEqual(row["key_version"], f"{self.key}/versions/1")
            public.verify(base64.b64decode(row["signature"]), line, ec.ECDSA(hashes.SHA256()))
        self.assertEqual([(row["line"], row["error"].split(":")[0]) for row in rows if row["error"]],
                         [(8, "FIELD_REQUIRED"), (101, "MESSAGE_TOO_LARGE")])

    def test_the_command_line_takes_lines_of_other_systems_and_signs_none_before_all_are_read(self):
        file = self.deployment.folder / "lines"
        file.write_bytes(b"first\r\nsecond\r\n")
        signed = self.deployment.command("settlement", "--output", "json", "sign", "--key", self.key,
                                         "--lines", file)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        public = serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=self.key), timeout=SECONDS).der)
        for line, row in zip((b"first", b"second"), signed.stdout.splitlines(), strict=True):
            public.verify(base64.b64decode(json.loads(row)["signature"]), line,
                          ec.ECDSA(hashes.SHA256()))
        # The 101st is of the second call.
        file.write_text(("00" * 32 + "\n") * 100 + "no digest\n")
        refused = self.deployment.command("settlement", "sign", "--key", self.key, "--digest",
                                          "--lines", file)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("FIELD_INVALID: line 101 is no digest", refused.stderr)


if __name__ == "__main__":
    unittest.main()
