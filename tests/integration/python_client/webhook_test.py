#!/usr/bin/env python3
"""Webhooks, checked as a receiver does it: by what Standard Webhooks says is signed, and a library
that the service does not use."""

import base64
import concurrent.futures
import json
import time
import unittest
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from deployment import Deployment
from wire import SECONDS, Client, keys, new_key, refusal, signing

PAYLOAD = '{"type": "payment.settled", "café": true}'.encode()
FAULTS = signing.SignatureFault


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = new_key(cls.officer, keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_WEBHOOK)

    def sign(self, message_id: str = "msg_1", payload: bytes = PAYLOAD, stub=None, **options):
        request = signing.SignWebhookRequest(name=self.key, message_id=message_id, payload=payload,
                                             **options)
        return (stub or self.settlement).SignWebhook(request, timeout=SECONDS)

    def verify(self, fields, payload: bytes = PAYLOAD, **options):
        request = signing.VerifyWebhookRequest(name=self.key, fields=fields, payload=payload,
                                               **options)
        return self.settlement.VerifyWebhook(request, timeout=SECONDS)

    def test_a_receiver_with_the_public_key_verifies_it(self):
        public = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=self.key),
                                              timeout=SECONDS)
        prefix, key = public.webhook_key.split("_", 1)
        self.assertEqual(prefix, "whpk")
        receiver = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))

        before = int(time.time())
        answer = self.sign()
        self.assertEqual(answer.key_version, public.name)
        fields = {field.name: field.value for field in answer.fields}
        self.assertEqual(list(fields), ["webhook-id", "webhook-timestamp", "webhook-signature"])
        self.assertTrue(before <= int(fields["webhook-timestamp"]) <= time.time())
        version, signature = fields["webhook-signature"].split(",")
        self.assertEqual(version, "v1a")
        signed = f'{fields["webhook-id"]}.{fields["webhook-timestamp"]}.'.encode()
        receiver.verify(base64.b64decode(signature, validate=True), signed + PAYLOAD)
        with self.assertRaises(InvalidSignature):
            receiver.verify(base64.b64decode(signature, validate=True), signed + PAYLOAD + b" ")

    def test_the_service_tells_what_is_wrong(self):
        fields = self.sign().fields
        self.assertTrue(self.verify(fields).valid)
        self.assertEqual(self.verify(fields, PAYLOAD + b" ").fault,
                         FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)
        other = signing.HttpField(name="webhook-signature", value="v1,YQ==")
        self.assertEqual(self.verify([*fields[:2], other]).fault,
                         FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)
        # Nobody can have signed it: what counts is that a field is not taken for its form alone.
        old = signing.HttpField(name="webhook-timestamp", value=str(int(time.time()) - 301))
        self.assertFalse(self.verify([fields[0], old, fields[2]]).valid)

    def test_an_event_is_accepted_once_also_after_a_kill(self):
        with Deployment() as deployment:
            deployment.start()
            with Client(deployment, "officer-1") as officer:
                key = new_key(officer, keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_WEBHOOK)

            def verified(fields, request_id: str = "") -> signing.VerifyWebhookResponse:
                return settlement.signing.VerifyWebhook(signing.VerifyWebhookRequest(
                    name=key, fields=fields, payload=PAYLOAD, accept_once=True,
                    request_id=request_id), timeout=SECONDS)

            def signed(message_id: str):
                return settlement.signing.SignWebhook(signing.SignWebhookRequest(
                    name=key, message_id=message_id, payload=PAYLOAD), timeout=SECONDS).fields

            request_id = str(uuid.uuid4())
            with Client(deployment, "settlement") as settlement:
                fields = signed("msg_once")
                self.assertTrue(verified(fields, request_id).valid)
                self.assertTrue(verified(fields, request_id).valid)
            deployment.kill()
            deployment.start()
            with Client(deployment, "settlement") as settlement:
                for other in (str(uuid.uuid4()), ""):
                    self.assertEqual(verified(fields, other).fault,
                                     FAULTS.SIGNATURE_FAULT_REPLAYED)
                self.assertTrue(verified(fields, request_id).valid)
                # A sender's next attempt has another time and signature.
                self.assertEqual(verified(signed("msg_once")).fault,
                                 FAULTS.SIGNATURE_FAULT_REPLAYED)
                self.assertTrue(verified(signed("msg_other")).valid)

    def test_callers_who_race_accept_an_event_once(self):
        fields = self.sign("msg_race").fields
        with concurrent.futures.ThreadPoolExecutor(32) as callers:
            answers = list(callers.map(lambda _: self.verify(fields, accept_once=True), range(64)))
        self.assertEqual(sum(answer.valid for answer in answers), 1)
        self.assertEqual({answer.fault for answer in answers if not answer.valid},
                         {FAULTS.SIGNATURE_FAULT_REPLAYED})

    def test_what_is_wrong_takes_no_id(self):
        fields = self.sign("msg_wrong").fields
        self.assertFalse(self.verify(fields, PAYLOAD + b" ", accept_once=True).valid)
        self.assertTrue(self.verify(fields, accept_once=True).valid)

    def test_bad_input_is_refused_by_field(self):
        fields = self.sign().fields
        for call, reason, field in (
                (lambda: self.sign("a.b"), "FIELD_INVALID", "message_id"),
                (lambda: self.sign(""), "FIELD_INVALID", "message_id"),
                (lambda: self.sign(payload=b""), "FIELD_REQUIRED", "payload"),
                (lambda: self.sign(payload=b"x" * 65537), "MESSAGE_TOO_LARGE", "payload"),
                (lambda: self.verify(fields[:2]), "FIELD_REQUIRED", "fields"),
                (lambda: self.verify([*fields, fields[1]]), "FIELD_INVALID", "fields"),
                (lambda: self.verify(fields, max_age_seconds=-1), "FIELD_INVALID",
                 "max_age_seconds"),
                (lambda: self.verify(fields, max_age_seconds=31 * 86400 + 1, accept_once=True),
                 "FIELD_INVALID", "max_age_seconds")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))

    def test_who_may_not_sign_webhooks_does_not(self):
        self.assertEqual(refusal(lambda: self.sign(stub=self.checkout)).reason, "POLICY_DENIED")

    def test_only_ed25519_and_shared_keys_are_made_for_webhooks(self):
        for algorithm in (keys.KEY_ALGORITHM_EC_P256, keys.KEY_ALGORITHM_HMAC_SHA512):
            refused = refusal(lambda a=algorithm: new_key(self.officer, a,
                                                          keys.KEY_PURPOSE_WEBHOOK))
            self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "algorithm"))

    def test_the_command_line_makes_keys_by_the_algorithm_that_the_purpose_has(self):
        for purpose, options, algorithm in (
                ("webhook", [], "ed25519"), ("timestamped-webhook", [], "hmac-sha256"),
                ("mac", [], "hmac-sha256"), ("jws", [], "ec-p256"),
                ("webhook", ["--algorithm", "hmac-sha256"], "hmac-sha256")):
            with self.subTest(purpose=purpose, options=options):
                made = self.deployment.command(
                    "officer-1", "--output", "json", "keys", "create",
                    f"tenants/acme/keys/{purpose}-{len(options)}", "--purpose", purpose, *options)
                self.assertEqual(made.returncode, 0, made.stderr)
                row = json.loads(made.stdout)
                self.assertEqual([row[word].lower().replace("_", "-")
                                  for word in ("purpose", "algorithm")], [purpose, algorithm])

    def test_the_command_line_signs_and_checks(self):
        folder = self.deployment.folder
        (folder / "event.json").write_bytes(PAYLOAD)
        made = self.deployment.command("settlement", "webhook", "sign", "--key", self.key, "--id",
                                       "msg_1", "--in", folder / "event.json", "--out",
                                       folder / "fields")
        self.assertEqual(made.returncode, 0, made.stderr)
        fields = [signing.HttpField(name=name, value=value) for name, _, value in
                  (line.partition(": ") for line in (folder / "fields").read_text().splitlines())]
        self.assertEqual(fields[0].value, "msg_1")
        self.assertTrue(self.verify(fields).valid)
        check = ("settlement", "webhook", "verify", "--key", self.key, "--fields",
                 folder / "fields", "--in", folder / "event.json")
        self.assertEqual(self.deployment.command(*check).returncode, 0)
        (folder / "event.json").write_bytes(PAYLOAD + b" ")
        checked = self.deployment.command(*check)
        self.assertEqual(checked.returncode, 1, checked.stdout)
        self.assertIn("SIGNATURE_WRONG", checked.stdout)
        (folder / "fields").write_text("no field\n")
        self.assertIn("FIELD_INVALID: line 1", self.deployment.command(*check).stderr)


if __name__ == "__main__":
    unittest.main()
