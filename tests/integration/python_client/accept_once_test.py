#!/usr/bin/env python3
"""Signatures that are accepted once: in the forms that have no nonce, by whichever of the signatures
that a message can have, and how many are remembered of a key, over kills and of many callers at once."""

import base64
import concurrent.futures
import json
import time
import unittest
import uuid

import audit_log
import cbor2
import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from deployment import Deployment
from google.protobuf.timestamp_pb2 import Timestamp
from jwcrypto import jwk, jws
from wire import (SECONDS, Client, audit, keys, new_key, partners, refusal, refusal_of, signing)

PAYLOAD = b'{"type": "payment.settled"}'
FAULTS = signing.SignatureFault
LIMIT = 3
CALLERS = 12
P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
AAD = b"terminal 7"
FIELD = "acme-signature"


def other(signature: bytes) -> bytes:
    """The second right one of the same message, r || n - s, which takes no key to make."""
    return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def other_jws(text: str) -> str:
    start, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{start}.{base64.urlsafe_b64encode(other(raw)).rstrip(b'=').decode()}"


def other_cose(message: bytes) -> bytes:
    parts = cbor2.loads(message)
    return cbor2.dumps(cbor2.CBORTag(18, [*parts.value[:3], other(parts.value[3])]))


class AcceptOnce(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())

    def remember(self, signatures: int) -> None:
        """So many of a key, from the next start on."""
        self.deployment.edit("config.yaml", r"^(accepted_signatures_per_key:) \d+$",
                             rf"\g<1> {signatures}")

    def restart(self) -> None:
        self.deployment.kill()
        self.deployment.start()

    def new_key(self, algorithm, purpose) -> str:
        with Client(self.deployment, "officer-1") as officer:
            return new_key(officer, algorithm, purpose)

    def accept(self, client: Client, key: str, message_id: str) -> str:
        """An event that is signed now: "" when it is accepted, else why it is not."""
        fields = client.signing.SignWebhook(signing.SignWebhookRequest(
            name=key, message_id=message_id, payload=PAYLOAD), timeout=SECONDS).fields
        try:
            answer = client.signing.VerifyWebhook(signing.VerifyWebhookRequest(
                name=key, fields=fields, payload=PAYLOAD, accept_once=True), timeout=SECONDS)
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return "" if answer.valid else FAULTS.Name(answer.fault)

    def verify(self, method: str, request, **changes) -> str:
        """ "" when it is accepted, else the fault."""
        asked = type(request)()
        asked.CopyFrom(request)
        for name, value in changes.items():
            setattr(asked, name, value)
        with Client(self.deployment, "settlement") as settlement:
            answer = getattr(settlement.signing, method)(asked, timeout=SECONDS)
        return "" if answer.valid else FAULTS.Name(answer.fault)

    def signed(self) -> list[tuple]:
        """A request in each form to accept once what is signed, and how it is for another signature
        of the same message."""
        jws_key = self.new_key(keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_JWS)
        cose_key = self.new_key(keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_COSE)
        hooks = self.new_key(keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_TIMESTAMPED_WEBHOOK)
        with Client(self.deployment, "settlement") as settlement:
            text = settlement.signing.SignJws(signing.SignJwsRequest(
                name=jws_key, payload=PAYLOAD), timeout=SECONDS).jws
            message = settlement.signing.SignCose(signing.SignCoseRequest(
                name=cose_key, payload=PAYLOAD, external_aad=AAD), timeout=SECONDS).cose_sign1
            fields = settlement.signing.SignWebhook(signing.SignWebhookRequest(
                name=hooks, payload=PAYLOAD, signature_field=FIELD), timeout=SECONDS).fields
        once = {"max_age_seconds": 300, "accept_once": True, "request_id": str(uuid.uuid4())}
        return [
            ("VerifyJws", signing.VerifyJwsRequest(name=jws_key, jws=text, **once),
             {"jws": other_jws(text)}),
            ("VerifyCose", signing.VerifyCoseRequest(
                name=cose_key, cose_sign1=message, external_aad=AAD, **once),
             {"cose_sign1": other_cose(message)}),
            # One secret makes one tag.
            ("VerifyWebhook", signing.VerifyWebhookRequest(
                name=hooks, fields=fields, payload=PAYLOAD, signature_field=FIELD, **once), {})]

    def alarms(self) -> list[audit_log.Record]:
        """Those of this test, once there is one."""
        late = time.monotonic() + SECONDS
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            while True:
                found = [record for record in audit_log.read(auditor.export(), key)
                         if record.header["action"] == "Alarm.Raised"]
                if found:
                    return found
                self.assertLess(time.monotonic(), late)
                time.sleep(0.01)

    def test_a_key_is_remembered_so_much_of_over_kills_and_an_alarm_says_so(self):
        self.remember(LIMIT)
        self.deployment.start()
        hooks, other = (self.new_key(keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_WEBHOOK)
                        for _ in range(2))
        with Client(self.deployment, "settlement") as settlement, \
                concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            ids = [f"msg_{number}" for number in range(CALLERS)]
            outcomes = list(callers.map(lambda one: self.accept(settlement, hooks, one), ids))
        self.assertEqual(outcomes.count(""), LIMIT)
        self.assertEqual(set(outcomes), {"", "NONCES_EXHAUSTED"})
        for alarm in self.alarms():
            self.assertEqual((alarm.body["reason"], alarm.body["details"]["cause"]),
                             ("NONCES_EXHAUSTED", "SigningService.VerifyWebhook"))
        self.assertIn("alarm: NONCES_EXHAUSTED: SigningService.VerifyWebhook: ",
                      self.deployment.log.read_text())

        self.restart()
        with Client(self.deployment, "settlement") as settlement:
            for one, before in zip(ids, outcomes):
                self.assertEqual(self.accept(settlement, hooks, one),
                                 before or "SIGNATURE_FAULT_REPLAYED")
            self.assertEqual(self.accept(settlement, other, "msg_1"), "")
        self.remember(LIMIT + 1)
        self.restart()
        with Client(self.deployment, "settlement") as settlement:
            refused = [one for one, before in zip(ids, outcomes) if before]
            self.assertEqual([self.accept(settlement, hooks, one) for one in refused[:2]],
                             ["", "NONCES_EXHAUSTED"])

    def test_what_is_signed_is_accepted_once_over_kills_by_whichever_signature(self):
        self.deployment.start()
        forms = self.signed()
        for method, request, another in forms:
            with self.subTest(method=method):
                # Without accept_once the other signature is as good as the first.
                self.assertEqual(self.verify(method, request, accept_once=False, **another), "")
                self.assertEqual(self.verify(method, request), "")
                self.assertEqual(self.verify(method, request), "")
        self.restart()
        for method, request, another in forms:
            with self.subTest(method=method):
                self.assertEqual(self.verify(method, request), "", "it is the same request")
                for changes in ({"request_id": ""}, {"request_id": str(uuid.uuid4())}, another):
                    if changes:
                        self.assertEqual(self.verify(method, request, **changes),
                                         "SIGNATURE_FAULT_REPLAYED")

    def test_what_a_partner_signed_twice_in_a_second_is_accepted_once(self):
        self.deployment.start()
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        with Client(self.deployment, "officer-1") as officer:
            name = officer.partners.CreatePartnerKey(partners.CreatePartnerKeyRequest(
                parent="tenants/acme", partner_key_id="bank", purpose=keys.KEY_PURPOSE_JWS, pem=pem,
                not_after_time=Timestamp(seconds=int(time.time()) + 86400)),
                timeout=SECONDS).partner_key.name
        header = json.dumps({"alg": "ES256", "iat": int(time.time())})
        texts = []
        for _ in range(2):
            token = jws.JWS(PAYLOAD)
            token.add_signature(jwk.JWK.from_pyca(private), alg="ES256", protected=header)
            texts.append(token.serialize(compact=True))
        self.assertNotEqual(*texts)
        requests = [signing.VerifyJwsRequest(name=name, jws=text, max_age_seconds=300,
                                             accept_once=True) for text in texts]
        self.assertEqual([self.verify("VerifyJws", request) for request in requests],
                         ["", "SIGNATURE_FAULT_REPLAYED"])

    def test_an_age_of_at_most_a_month_is_required(self):
        self.deployment.start()
        for method, request, _ in self.signed()[:2]:
            for seconds, reason in ((0, "FIELD_REQUIRED"), (31 * 86400 + 1, "FIELD_INVALID")):
                with self.subTest(method=method, seconds=seconds):
                    refused = refusal(lambda m=method, r=request, s=seconds:
                                      self.verify(m, r, max_age_seconds=s))
                    self.assertEqual((refused.reason, refused.field), (reason, "max_age_seconds"))
            self.assertEqual(self.verify(method, request, max_age_seconds=31 * 86400), "")

    def test_the_command_line_accepts_once(self):
        self.deployment.start()
        folder = self.deployment.folder
        (folder / "aad").write_bytes(AAD)
        for method, request, _ in self.signed()[:2]:
            with self.subTest(method=method):
                if method == "VerifyJws":
                    (folder / "signed").write_text(request.jws)
                    verb = ("jws", "verify", "--jws", folder / "signed")
                else:
                    (folder / "signed").write_bytes(request.cose_sign1)
                    verb = ("cose", "verify", "--cose", folder / "signed", "--external-aad",
                            folder / "aad")
                once = (*verb, "--key", request.name, "--max-age", "300", "--once")
                repeated = (*once, "--request-id", str(uuid.uuid4()))
                for command, status in ((repeated, 0), (repeated, 0), (once, 1)):
                    shown = self.deployment.command("settlement", *command)
                    self.assertEqual(shown.returncode, status, shown.stdout + shown.stderr)
                self.assertIn("REPLAYED", shown.stdout)


if __name__ == "__main__":
    unittest.main()
