#!/usr/bin/env python3
"""The service is killed at every single call that it makes to the HSM while a key is created, has
its next version made ahead, is rotated, delivered or imported, before the call and after it. Started
again, it has lost no version, uses no key that was not finished, gives no number twice, hands out no
secret twice, and does what it was asked when it is asked again."""

import contextlib
import hmac
import itertools
import secrets
import time
import unittest
import uuid

import audit_log
import cards
import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from deployment import in_memory
from faulty_hsm import FaultyHsm
from google.protobuf.timestamp_pb2 import Timestamp
from wire import (CARDS, SECONDS, Client, audit, keys, new_key, partners, refusal, refusal_of, signing,
                  tokens)

CARD = cards.invented()
DATA = "tenants/acme/keys/cards-data"


class KeyKill(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(FaultyHsm(in_memory()))
        self.clients = self.enterContext(contextlib.ExitStack())
        self.killed = 0
        self.algorithms: dict[str, int] = {}  # by name of the key
        self.secrets: dict[str, bytes] = {}  # of imported keys, by name
        self.start()
        self.steady = self.create(f"k{uuid.uuid4().hex[:8]}", str(uuid.uuid4()))
        self.token = self.tokenize()

    def start(self) -> None:
        self.clients.close()
        self.deployment.heal()
        self.deployment.start()
        for name in ("checkout", "settlement", "officer-1", "auditor"):
            setattr(self, name.split("-", maxsplit=1)[0],
                    self.clients.enter_context(Client(self.deployment, name)))
        self.registrar = self.clients.enter_context(Client(self.deployment, "officer-2"))

    def create(self, key_id: str, request_id: str,
               algorithm: int = keys.KEY_ALGORITHM_EC_P256) -> str:
        mac = algorithm == keys.KEY_ALGORITHM_HMAC_SHA256
        request = keys.CreateKeyRequest(
            parent="tenants/acme", key_id=key_id,
            purpose=keys.KEY_PURPOSE_MAC if mac else keys.KEY_PURPOSE_SIGN, algorithm=algorithm,
            cryptoperiod_days=365, request_id=request_id)
        self.algorithms[f"tenants/acme/keys/{key_id}"] = algorithm
        return self.officer.keys.CreateKey(request, timeout=SECONDS).key.name

    def create_version(self, name: str, request_id: str) -> None:
        request = keys.CreateKeyVersionRequest(name=name, request_id=request_id)
        self.officer.keys.CreateKeyVersion(request, timeout=SECONDS)

    def rotate(self, name: str, request_id: str, *, at_once: bool = False) -> None:
        request = keys.RotateKeyRequest(name=name, request_id=request_id, at_once=at_once)
        self.officer.keys.RotateKey(request, timeout=SECONDS)

    def tokenize(self) -> str:
        request = tokens.TokenizeRequest(parent="tenants/acme/tokenProfiles/receipts",
                                         card=tokens.Card(pan=CARD))
        name = self.checkout.tokens.Tokenize(request, timeout=SECONDS).name
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=CARD))
        known = self.checkout.tokens.Tokenize(request, timeout=SECONDS).name
        self.assertNotEqual(name, known)
        return known

    def check_token(self) -> None:
        request = tokens.DetokenizeRequest(name=self.token, purpose="settlement")
        answer = self.settlement.tokens.Detokenize(request, timeout=SECONDS)
        self.assertEqual(answer.card.pan, CARD)

    def check_signs(self, name: str) -> int:
        """The key signs with its primary version, whose number is the result."""
        message = uuid.uuid4().bytes
        answer = self.settlement.signing.Sign(
            signing.SignRequest(name=name, message=message), timeout=SECONDS)
        self.check_signature(message, answer, self.algorithms[name])
        self.assertTrue(answer.key_version.startswith(name + "/versions/"))
        return int(answer.key_version.rsplit("/", maxsplit=1)[1])

    def check_signature(self, message: bytes, answer, algorithm: int) -> None:
        """By the public half, where there is one."""
        if algorithm == keys.KEY_ALGORITHM_HMAC_SHA256:
            self.assertTrue(self.settlement.signing.Verify(signing.VerifyRequest(
                name=answer.key_version, message=message, signature=answer.signature),
                timeout=SECONDS).valid)
            return
        public = self.settlement.signing.GetPublicKey(
            signing.GetPublicKeyRequest(name=answer.key_version), timeout=SECONDS)
        how = {keys.KEY_ALGORITHM_EC_P256: [ec.ECDSA(hashes.SHA256())],
               keys.KEY_ALGORITHM_RSA_2048: [padding.PSS(padding.MGF1(hashes.SHA256()), 32),
                                             hashes.SHA256()]}[algorithm]
        serialization.load_der_public_key(public.der).verify(answer.signature, message, *how)

    def check_macs(self, name: str) -> None:
        """The key MACs by the secret that was imported."""
        message = uuid.uuid4().bytes
        answer = self.settlement.signing.Sign(
            signing.SignRequest(name=name, message=message), timeout=SECONDS)
        self.assertEqual(answer.signature, hmac.digest(self.secrets[name], message, "sha256"))

    def numbers(self, name: str, state: int) -> list[int]:
        """Of the versions in a state; none when there is no such key."""
        try:
            key = self.officer.keys.GetKey(keys.GetKeyRequest(name=name), timeout=SECONDS).key
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
            return []
        found = [version for version in key.versions if version.state == state]
        self.assertEqual([version.primary for version in found],
                         [state == keys.KEY_STATE_ACTIVE] * len(found))
        self.assertLessEqual(len(found), 1)
        return [int(version.name.rsplit("/", maxsplit=1)[1]) for version in found]

    def primary(self, name: str) -> int:
        """The number of the one active version, or 0."""
        return max(self.numbers(name, keys.KEY_STATE_ACTIVE), default=0)

    def newest(self, name: str) -> int:
        """The number of the version that was made ahead, else of the active one."""
        return max(self.numbers(name, keys.KEY_STATE_PRE_ACTIVATION), default=self.primary(name))

    def cut_off(self, change) -> bool:
        """Whether the service was killed before it answered."""
        try:
            change()
        except grpc.RpcError as error:
            self.assertIn(error.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                         grpc.StatusCode.UNKNOWN))
            self.assertEqual(self.deployment.process.wait(SECONDS), -9)
            return True
        return False

    def kill_at_every_call(self, what: str, make, number, calls: int = 10,
                           sides: tuple[str, ...] = ("before", "after")) -> None:
        """`make()` gives the name of a key, and what changes it under a request id of its own, with so
        many calls at least; `number()` of the name then grows."""
        for side in sides:
            for step in itertools.count(1):
                name, change = make()
                was = number(name)
                self.deployment.fail(f"* {step} kill {side}")
                if not self.cut_off(change):
                    # The call made fewer calls than that.
                    self.deployment.heal()
                    break
                self.killed += 1
                with self.subTest(what=what, step=step, side=side):
                    self.start()
                    self.check_token()
                    self.check_signs(self.steady)
                    found = number(name)
                    if was:
                        self.assertGreaterEqual(found, was)
                    change()
                    now = number(name)
                    self.assertGreater(now, was)
                    self.assertGreaterEqual(now, found)
                    if found > was:
                        self.assertEqual(now, found, "what was made before the kill is not repeated")
                    if name in self.secrets:
                        self.check_macs(name)
                    elif name != DATA:
                        self.assertEqual(self.check_signs(name), self.primary(name))
            print(f"{what}: killed {side} each of {step - 1} calls", flush=True)
            self.assertGreater(step, calls)

    def kill_at_every_call_of_an_import(self) -> None:
        import_key = self.officer.keys.CreateKey(keys.CreateKeyRequest(
            parent="tenants/acme", key_id="import", purpose=keys.KEY_PURPOSE_SECRET_IMPORT,
            algorithm=keys.KEY_ALGORITHM_RSA_3072, cryptoperiod_days=7), timeout=60).key.name
        public = serialization.load_der_public_key(self.settlement.signing.GetPublicKey(
            signing.GetPublicKeyRequest(name=import_key), timeout=SECONDS).der)

        def importing():
            secret = secrets.token_bytes(32)
            request = keys.ImportKeyRequest(
                name=f"tenants/acme/keys/k{uuid.uuid4().hex[:8]}",
                purpose=keys.KEY_PURPOSE_SHARED_MAC,
                algorithm=keys.KEY_ALGORITHM_HMAC_SHA256, cryptoperiod_days=30,
                import_key=import_key, wrapping=keys.KEY_WRAPPING_RSA_OAEP_SHA1,
                wrapped_secret=public.encrypt(secret, padding.OAEP(
                    padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
                request_id=str(uuid.uuid4()))
            self.secrets[request.name] = secret
            # By another officer than the one who made the import key.
            return request.name, lambda: self.registrar.keys.ImportKey(request, timeout=SECONDS)

        self.kill_at_every_call("ImportKey", importing, self.primary, calls=5)

    def kill_at_every_call_of_a_delivery(self) -> None:
        private = rsa.generate_private_key(65537, 3072)
        shop = self.registrar.partners.CreatePartnerKey(partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id="shop",
            purpose=keys.KEY_PURPOSE_SECRET_DELIVERY,
            pem=private.public_key().public_bytes(
                serialization.Encoding.PEM,
                serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            not_after_time=Timestamp(seconds=int(time.time()) + 86400)),
            timeout=SECONDS).partner_key.name

        def deliver(name: str):
            return self.officer.keys.DeliverKey(keys.DeliverKeyRequest(
                name=name, partner_key=shop, request_id=request_id), timeout=SECONDS)

        ended = {"delivered": 0, "KEY_DELIVERED": 0}
        for side in ("before", "after"):
            for step in itertools.count(1):
                name, request_id = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256,
                                           keys.KEY_PURPOSE_WEBHOOK), str(uuid.uuid4())
                self.deployment.fail(f"* {step} kill {side}")
                if not self.cut_off(lambda key=name: deliver(key)):
                    self.deployment.heal()
                    break
                self.killed += 1
                with self.subTest(what="DeliverKey", step=step, side=side):
                    self.start()
                    try:
                        self.assertEqual(len(deliver(name).wrapped_secret), 384)
                        ended["delivered"] += 1
                    except grpc.RpcError as error:
                        ended[refusal_of(error).reason] += 1
                    self.assertEqual(refusal(lambda key=name: self.officer.keys.DeliverKey(
                        keys.DeliverKeyRequest(name=key, partner_key=shop),
                        timeout=SECONDS)).reason, "KEY_DELIVERED")
            print(f"DeliverKey: killed {side} each of {step - 1} calls", flush=True)
            self.assertGreater(step, 5)
        self.assertTrue(all(ended.values()), ended)

    def check_log(self) -> None:
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        export = self.auditor.export()
        records = audit_log.read(export, key)
        intents = {record.index: record.body["resource"] for record in records
                   if record.header["outcome"] == "intent"}
        numbers = [record.body["resource"] for record in records
                   if record.header["outcome"] == "intent" and
                   record.header["action"] != "KeyService.DeliverKey"]
        self.assertEqual(len(set(numbers)), len(numbers), "no number is given twice")
        settled = [int(record.body["details"]["intent"]) for record in records
                   if record.header["outcome"] != "intent" and
                   "intent" in record.body.get("details", {})]
        self.assertEqual(sorted(settled), sorted(intents), "every intent has one outcome")
        orphans = [record.body["resource"] for record in records
                   if record.header["action"] == "KeyService.Recovered" and
                   record.body["details"]["orphan_in_hsm"] == "true"]
        self.assertTrue(orphans)
        made = {resource for index, resource in intents.items() if any(
            record.header["outcome"] == "success" and
            record.body.get("details", {}).get("intent") == str(index) for record in records)}
        self.assertFalse(made & set(orphans))
        in_use = {version.name for listed in self.officer.keys.ListKeys(
            keys.ListKeysRequest(parent="tenants/acme", page_size=1000), timeout=SECONDS).keys
            for version in listed.versions if version.state != keys.KEY_STATE_DESTROYED}
        self.assertFalse(in_use & set(orphans), "no orphan is used")
        (self.deployment.folder / "export.jsonl").write_bytes(export)
        (self.deployment.folder / "verifier.key").write_text(key)
        done = self.deployment.command(
            None, "audit", "verify", "--export", self.deployment.folder / "export.jsonl",
            "--verifier-key", self.deployment.folder / "verifier.key")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"UNRESOLVED +0\n")
        print(f"{len(orphans)} orphans, {len(intents)} intents, all settled", flush=True)

    def test_a_kill_at_any_call_loses_no_version_and_uses_no_orphan(self):
        began = time.monotonic()

        def creating(algorithm: int):
            def make():
                key_id, request_id = f"k{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
                return (f"tenants/acme/keys/{key_id}",
                        lambda: self.create(key_id, request_id, algorithm))
            return make

        def making_ahead():
            if self.newest(self.steady) > self.primary(self.steady):
                self.rotate(self.steady, str(uuid.uuid4()), at_once=True)
            request_id = str(uuid.uuid4())
            return self.steady, lambda: self.create_version(self.steady, request_id)

        def rotating(name: str, *, ahead: bool = False):
            def make():
                if ahead and self.newest(name) == self.primary(name):
                    self.create_version(name, str(uuid.uuid4()))
                request_id = str(uuid.uuid4())
                return name, lambda: self.rotate(name, request_id, at_once=ahead)
            return make

        self.kill_at_every_call("CreateKey", creating(keys.KEY_ALGORITHM_EC_P256), self.primary)
        self.kill_at_every_call("RotateKey, in the HSM", rotating(self.steady), self.primary)
        self.kill_at_every_call("RotateKey, wrapped", rotating(DATA), self.primary)
        # After one call is before the next: once is enough where only the key differs.
        before = ("before",)
        self.kill_at_every_call("CreateKeyVersion", making_ahead, self.newest, sides=before)
        self.kill_at_every_call("RotateKey, to a version made ahead",
                                rotating(self.steady, ahead=True), self.primary, calls=2)
        self.kill_at_every_call_of_a_delivery()
        self.kill_at_every_call_of_an_import()
        self.check_log()
        self.assertEqual(self.deployment.stop(), 0)
        print(f"{self.killed} kills in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
