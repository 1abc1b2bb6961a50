#!/usr/bin/env python3
"""Shared secrets as their receiver has them: opened by openssl and a library that the service does
not use, and good for both directions. The walk of docs/shared_secrets.md shows what it says.

    shared_secrets_test.py [--write]    with --write the document is given what the walk showed
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
import unittest
import uuid

import walk
from cryptography.hazmat.primitives import cmac, hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from deployment import ROOT, Deployment
from google.protobuf.timestamp_pb2 import Timestamp
from wire import SECONDS, Client, keys, new_key, partners, refusal, signing

DOCUMENT = ROOT / "docs/shared_secrets.md"
PAYLOAD = '{"type": "payment.settled", "café": true}'.encode()
FIELD = "shop-signature"
WRONG = signing.SignatureFault.SIGNATURE_FAULT_SIGNATURE_WRONG
OAEP_HASHES = {"RSA-OAEP": hashes.SHA1, "RSA-OAEP-256": hashes.SHA256}


def tag(secret: bytes, message: bytes) -> bytes:
    return hmac.new(secret, message, hashlib.sha256).digest()


def cmac_of(secret: bytes, message: bytes) -> bytes:
    mac = cmac.CMAC(algorithms.AES(secret))
    mac.update(message)
    return mac.finalize()


def check_value_of(secret: bytes) -> str:
    """Of an AES key, as ANSI X9.24-1 has it."""
    return cmac_of(secret, bytes(16))[:5].hex().upper()


def stamped(name: str, *secrets: bytes, at: int | None = None) -> signing.VerifyWebhookRequest:
    """What a receiver asks about a notification that was sent to it with these secrets."""
    at = int(time.time()) if at is None else at
    tags = "".join(f",v1={tag(secret, b'%d.' % at + PAYLOAD).hex()}" for secret in secrets)
    field = signing.HttpField(name="Shop-Signature", value=f"t={at}{tags}")
    return signing.VerifyWebhookRequest(name=name, signature_field=FIELD, fields=[field],
                                        payload=PAYLOAD)


class Shop:
    """The receiver."""

    def __init__(self, officer: Client) -> None:
        self.private = rsa.generate_private_key(65537, 3072)
        pem = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.name = officer.partners.CreatePartnerKey(partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id=f"shop-{uuid.uuid4().hex[:6]}x", pem=pem,
            purpose=keys.KEY_PURPOSE_SECRET_DELIVERY,
            not_after_time=Timestamp(seconds=int(time.time()) + 86400)),
            timeout=SECONDS).partner_key.name

    def open(self, delivered) -> bytes:
        algorithm = OAEP_HASHES[delivered.algorithm]
        return self.private.decrypt(delivered.wrapped_secret, padding.OAEP(
            padding.MGF1(algorithm()), algorithm(), None))


class Bank:
    """A partner who has made the secret, and wraps it for an import key."""

    def __init__(self, officer: Client, settlement) -> None:
        self.import_key = officer.keys.CreateKey(keys.CreateKeyRequest(
            parent="tenants/acme", key_id=f"import-{uuid.uuid4().hex[:6]}x",
            purpose=keys.KEY_PURPOSE_SECRET_IMPORT, algorithm=keys.KEY_ALGORITHM_RSA_3072,
            cryptoperiod_days=7), timeout=60).key.name
        der = settlement.GetPublicKey(signing.GetPublicKeyRequest(name=self.import_key),
                                      timeout=SECONDS).der
        self.public = serialization.load_der_public_key(der)

    def wrap(self, secret: bytes) -> bytes:
        return self.public.encrypt(secret, padding.OAEP(
            padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))

    def wrap_by_aes(self, secret: bytes) -> bytes:
        carrier = os.urandom(32)
        return self.wrap(carrier) + keywrap.aes_key_wrap_with_padding(carrier, secret)


class SharedSecrets(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.auditor = cls.enterClassContext(Client(cls.deployment, "auditor"))
        cls.registrar = cls.enterClassContext(Client(cls.deployment, "officer-2"))
        cls.shop = Shop(cls.registrar)

    def new_key(self, purpose=keys.KEY_PURPOSE_TIMESTAMPED_WEBHOOK) -> str:
        return new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, purpose)

    def deliver(self, name: str, shop: Shop | None = None, **options):
        request = keys.DeliverKeyRequest(name=name, partner_key=(shop or self.shop).name, **options)
        return self.officer.keys.DeliverKey(request, timeout=60)

    def secret_of(self, name: str) -> bytes:
        return self.shop.open(self.deliver(name))

    def sign(self, name: str, **options):
        request = signing.SignWebhookRequest(name=name, payload=PAYLOAD, **options)
        return self.settlement.SignWebhook(request, timeout=SECONDS)

    def stamped(self, name: str) -> str:
        fields = self.sign(name, signature_field=FIELD).fields
        self.assertEqual([field.name for field in fields], [FIELD])
        return fields[0].value

    def verify_stamped(self, name: str, *secrets: bytes, at: int | None = None):
        return self.settlement.VerifyWebhook(stamped(name, *secrets, at=at), timeout=SECONDS)

    def test_both_sides_tag_alike(self):
        name = self.new_key()
        delivered = self.deliver(name)
        self.assertEqual(delivered.key_version, f"{name}/versions/1")
        secret = self.shop.open(delivered)
        self.assertEqual(len(secret), 32)
        stamp, v1 = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", self.stamped(name)).groups()
        self.assertEqual(tag(secret, f"{stamp}.".encode() + PAYLOAD).hex(), v1)

        verified = self.verify_stamped(name, secret)
        self.assertTrue(verified.valid)
        self.assertEqual(verified.key_version, f"{name}/versions/1")
        self.assertEqual(self.verify_stamped(name, b"\0" * 32).fault, WRONG)
        self.assertTrue(self.verify_stamped(name, b"\0" * 32, secret).valid)
        self.assertEqual(self.verify_stamped(name, secret, at=int(time.time()) - 400).fault,
                         signing.SignatureFault.SIGNATURE_FAULT_TOO_OLD)

    def test_standard_webhooks_have_the_same_secrets(self):
        name = self.new_key(keys.KEY_PURPOSE_WEBHOOK)
        secret = self.secret_of(name)
        fields = {field.name: field.value for field in self.sign(name, message_id="msg_1").fields}
        signed = f'msg_1.{fields["webhook-timestamp"]}.'.encode() + PAYLOAD
        ours = base64.b64encode(tag(secret, signed)).decode()
        self.assertEqual(fields["webhook-signature"], f"v1,{ours}")
        theirs = [signing.HttpField(name=name, value=value) for name, value in fields.items()]
        request = signing.VerifyWebhookRequest(name=name, fields=theirs, payload=PAYLOAD)
        self.assertTrue(self.settlement.VerifyWebhook(request, timeout=SECONDS).valid)

    def test_a_secret_is_delivered_once(self):
        name, request_id = self.new_key(), str(uuid.uuid4())
        first = self.deliver(name, request_id=request_id)
        self.assertEqual(self.deliver(name, request_id=request_id), first)
        other = Shop(self.registrar)
        for call in (lambda: self.deliver(name), lambda: self.deliver(name, other)):
            self.assertEqual(refusal(call).reason, "KEY_DELIVERED")
        self.assertEqual(refusal(lambda: self.deliver(name, other, request_id=request_id)).reason,
                         "REQUEST_ID_REUSED")

    def test_nobody_delivers_to_a_key_that_he_registered(self):
        name, shop = self.new_key(), Shop(self.officer)
        refused = refusal(lambda: self.deliver(name, shop))
        self.assertEqual(refused[:2], ("PERMISSION_DENIED", "SEPARATION_OF_DUTIES"))
        request = keys.DeliverKeyRequest(name=name, partner_key=shop.name)
        delivered = self.registrar.keys.DeliverKey(request, timeout=60)
        self.assertEqual(len(shop.open(delivered)), 32)

    def test_during_a_roll_either_secret_does(self):
        name = self.new_key()
        old = self.secret_of(name)
        self.officer.keys.RotateKey(keys.RotateKeyRequest(name=name), timeout=60)
        # The receiver has the old one only, and finds its tag.
        stamp, *tags = re.split(r",v1=", self.stamped(name))
        signed = stamp.removeprefix("t=").encode() + b"." + PAYLOAD
        self.assertEqual(len(tags), 2)
        self.assertEqual(tag(old, signed).hex(), tags[1])
        new = self.secret_of(name)
        self.assertEqual(tag(new, signed).hex(), tags[0])
        self.assertEqual(self.verify_stamped(name, old).key_version, f"{name}/versions/1")
        self.assertEqual(self.verify_stamped(name, new).key_version, f"{name}/versions/2")

        versions = self.officer.keys.GetKey(keys.GetKeyRequest(name=name),
                                            timeout=SECONDS).key.versions
        self.assertEqual([version.primary for version in versions], [True, False])
        for version in versions:
            self.assertEqual(version.protection, keys.KEY_PROTECTION_SHARED)
            self.assertEqual(version.state, keys.KEY_STATE_ACTIVE)
        days = (versions[1].originator_end_time.seconds - time.time()) / 86400
        self.assertTrue(6.9 < days <= 7, days)

        self.officer.keys.RotateKey(keys.RotateKeyRequest(name=name, at_once=True), timeout=60)
        self.assertEqual(self.verify_stamped(name, old).fault, WRONG)
        self.assertEqual(self.verify_stamped(name, new).fault, WRONG)
        self.assertRegex(self.stamped(name), r"^t=\d+,v1=[0-9a-f]{64}$")

    def test_delivering_is_an_intent_and_an_outcome_in_the_log(self):
        name = self.new_key()
        delivered = self.deliver(name)
        records = [json.loads(line) for line in self.auditor.export().splitlines()]
        of_key = [record for record in records
                  if "KeyService.DeliverKey" in json.dumps(record) and name in json.dumps(record)]
        self.assertEqual(len(of_key), 2)
        text = json.dumps(of_key)
        self.assertIn(self.shop.name, text)
        secret = self.shop.open(delivered)
        for form in (secret.hex(), base64.b64encode(secret).decode(),
                     delivered.wrapped_secret.hex()):
            self.assertNotIn(form, text)

    def test_what_is_not_for_it_is_refused_by_name(self):
        name = self.new_key()
        hsm_only = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_MAC)
        ed25519 = new_key(self.officer, keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_WEBHOOK)

        def to(partner_key: str):
            return lambda: self.officer.keys.DeliverKey(
                keys.DeliverKeyRequest(name=name, partner_key=partner_key), timeout=60)

        for call, reason, field in (
                (lambda: self.deliver(hsm_only), "KEY_PURPOSE_MISMATCH", ""),
                (lambda: self.deliver(ed25519), "KEY_PURPOSE_MISMATCH", ""),
                (lambda: self.deliver(f"{name}/versions/2"), "KEY_NOT_FOUND", ""),
                (to(""), "FIELD_REQUIRED", "partner_key"),
                (to(name), "FIELD_INVALID", "partner_key"),
                (to("tenants/globex/partnerKeys/shop"), "FIELD_INVALID", "partner_key"),
                (to("tenants/acme/partnerKeys/nobody"), "KEY_NOT_FOUND", ""),
                (lambda: self.sign(name, message_id="msg_1"), "KEY_PURPOSE_MISMATCH", ""),
                (lambda: self.sign(name, signature_field="A b"), "FIELD_INVALID",
                 "signature_field"),
                (lambda: self.sign(name, signature_field=FIELD, message_id="msg_1"),
                 "FIELD_INVALID", "message_id"),
                (lambda: self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=name),
                                                      timeout=SECONDS),
                 "ALGORITHM_UNSUPPORTED", ""),
                (lambda: self.settlement.GetJwks(signing.GetJwksRequest(name=name),
                                                 timeout=SECONDS),
                 "KEY_PURPOSE_MISMATCH", "")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))
        self.assertEqual(len(self.secret_of(name)), 32)

    def mac(self, name: str, message: bytes = PAYLOAD):
        return self.settlement.Sign(signing.SignRequest(name=name, message=message),
                                    timeout=SECONDS)

    def maker_of(self, name: str, mac: bytes) -> str:
        """The version that makes it right; empty for none."""
        verified = self.settlement.Verify(signing.VerifyRequest(
            name=name, message=PAYLOAD, signature=mac), timeout=SECONDS)
        return verified.key_version if verified.valid else ""

    def import_rail(self, bank: Bank, wrapped: bytes, name: str | None = None, *,
                    algorithm=keys.KEY_ALGORITHM_AES_256_CMAC,
                    wrapping=keys.KEY_WRAPPING_RSA_OAEP_SHA1, **options):
        return self.registrar.keys.ImportKey(keys.ImportKeyRequest(
            name=name or f"tenants/acme/keys/rail-{uuid.uuid4().hex[:6]}x",
            purpose=keys.KEY_PURPOSE_SHARED_MAC, algorithm=algorithm, cryptoperiod_days=30,
            import_key=bank.import_key, wrapping=wrapping, wrapped_secret=wrapped, **options),
            timeout=60)

    def rotate(self, name: str, **options):
        return self.officer.keys.RotateKey(keys.RotateKeyRequest(name=name, **options),
                                           timeout=60).key

    def test_a_bank_macs_as_the_service_does(self):
        bank, old, new = Bank(self.officer, self.settlement), os.urandom(32), os.urandom(32)
        request_id = str(uuid.uuid4())
        wrapped = bank.wrap(old)
        imported = self.import_rail(bank, wrapped, "tenants/acme/keys/rail", request_id=request_id)
        self.assertEqual(imported.key_check_value, check_value_of(old))
        name = imported.key.name
        self.assertEqual(imported.key.versions[0].protection, keys.KEY_PROTECTION_SHARED)
        self.assertEqual(self.import_rail(bank, wrapped, name, request_id=request_id), imported)
        made = self.mac(name)
        self.assertEqual((made.signature, made.algorithm), (cmac_of(old, PAYLOAD), "AES-CMAC"))
        self.assertEqual(self.maker_of(name, cmac_of(old, PAYLOAD)), f"{name}/versions/1")
        self.assertEqual(self.maker_of(name, cmac_of(new, PAYLOAD)), "")

        # The next one waits, and what the bank sent before and after the change is good.
        waiting = self.import_rail(bank, bank.wrap_by_aes(new), name,
                                   wrapping=keys.KEY_WRAPPING_RSA_AES_SHA1)
        self.assertEqual(waiting.key_check_value, check_value_of(new))
        self.assertEqual(waiting.key.versions[0].state, keys.KEY_STATE_PRE_ACTIVATION)
        self.assertEqual(self.mac(name).signature, cmac_of(old, PAYLOAD))
        self.rotate(name)
        self.assertEqual(self.mac(name).signature, cmac_of(new, PAYLOAD))
        for number, secret in ((1, old), (2, new)):
            self.assertEqual(self.maker_of(name, cmac_of(secret, PAYLOAD)),
                             f"{name}/versions/{number}")
        self.assertEqual(refusal(lambda: self.deliver(name)).reason, "KEY_DELIVERED")

    def test_a_rail_key_of_ours_is_delivered_before_it_macs(self):
        name = new_key(self.officer, keys.KEY_ALGORITHM_AES_256_CMAC, keys.KEY_PURPOSE_SHARED_MAC)
        delivered = self.deliver(name)
        old = self.shop.open(delivered)
        self.assertEqual(delivered.key_check_value, check_value_of(old))
        self.assertEqual(self.mac(name).signature, cmac_of(old, PAYLOAD))
        self.assertEqual(refusal(lambda: self.rotate(name)).reason, "KEY_NOT_PUBLISHED")

        self.officer.keys.CreateKeyVersion(keys.CreateKeyVersionRequest(name=name), timeout=60)
        request_id = str(uuid.uuid4())
        ahead = self.deliver(f"{name}/versions/2", request_id=request_id)
        self.assertEqual(self.deliver(f"{name}/versions/2", request_id=request_id), ahead)
        new = self.shop.open(ahead)
        self.assertEqual(ahead.key_check_value, check_value_of(new))
        self.assertEqual(self.mac(name).signature, cmac_of(old, PAYLOAD))
        self.rotate(name)
        self.assertEqual(self.mac(name).key_version, f"{name}/versions/2")
        self.assertEqual(self.mac(name).signature, cmac_of(new, PAYLOAD))
        self.assertEqual(self.maker_of(name, cmac_of(old, PAYLOAD)), f"{name}/versions/1")
        self.rotate(name, at_once=True)
        self.assertEqual(self.maker_of(name, cmac_of(new, PAYLOAD)), "")

    def test_every_hmac_is_shared_likewise(self):
        bank = Bank(self.officer, self.settlement)
        for algorithm, name in ((keys.KEY_ALGORITHM_HMAC_SHA256, "sha256"),
                                (keys.KEY_ALGORITHM_HMAC_SHA384, "sha384"),
                                (keys.KEY_ALGORITHM_HMAC_SHA512, "sha512")):
            with self.subTest(name):
                secret = os.urandom(64)
                imported = self.import_rail(bank, bank.wrap(secret), algorithm=algorithm)
                self.assertEqual(imported.key_check_value,
                                 hmac.new(secret, b"", name).hexdigest()[:10].upper())
                self.assertEqual(self.mac(imported.key.name).signature,
                                 hmac.new(secret, PAYLOAD, name).digest())
                made = new_key(self.officer, algorithm, keys.KEY_PURPOSE_SHARED_MAC)
                secret = self.secret_of(made)
                self.assertEqual(self.mac(made).signature,
                                 hmac.new(secret, PAYLOAD, name).digest())

    def test_an_aes_key_of_another_length_is_not_taken_in(self):
        bank = Bank(self.officer, self.settlement)
        for size in (16, 24, 31, 33, 64):
            for wrapped, wrapping in (
                    (bank.wrap(os.urandom(size)), keys.KEY_WRAPPING_RSA_OAEP_SHA1),
                    (bank.wrap_by_aes(os.urandom(size)), keys.KEY_WRAPPING_RSA_AES_SHA1)):
                with self.subTest(size=size, wrapping=wrapping):
                    refused = refusal(lambda: self.import_rail(bank, wrapped, wrapping=wrapping))
                    self.assertEqual((refused.reason, refused.field),
                                     ("WRAPPED_SECRET_INVALID", "wrapped_secret"))

    def test_a_shared_mac_key_macs_messages_and_nothing_else(self):
        name = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_SHARED_MAC)
        self.assertEqual(refusal(lambda: self.stamped(name)).reason, "KEY_PURPOSE_MISMATCH")
        request = signing.BatchSignRequest(name=name, messages=[b"first", b"second"])
        batch = self.settlement.BatchSign(request, timeout=SECONDS)
        secret = self.secret_of(name)
        self.assertEqual([result.signature for result in batch.results],
                         [tag(secret, b"first"), tag(secret, b"second")])

    def import_secret(self, bank: Bank, wrapped: bytes, name: str | None = None, *,
                      officer: Client | None = None,
                      wrapping=keys.KEY_WRAPPING_RSA_OAEP_SHA1, **options):
        request = keys.ImportKeyRequest(
            name=name or f"tenants/acme/keys/bank-{uuid.uuid4().hex[:6]}x",
            purpose=keys.KEY_PURPOSE_TIMESTAMPED_WEBHOOK,
            algorithm=keys.KEY_ALGORITHM_HMAC_SHA256, cryptoperiod_days=30,
            import_key=bank.import_key, wrapping=wrapping, wrapped_secret=wrapped, **options)
        return (officer or self.registrar).keys.ImportKey(request, timeout=60).key

    def test_a_secret_that_a_partner_has_made_does_what_a_delivered_one_does(self):
        bank = Bank(self.officer, self.settlement)
        old, new = os.urandom(32), os.urandom(48)
        name = self.import_secret(bank, bank.wrap(old)).name
        self.assertTrue(self.verify_stamped(name, old).valid)
        stamp, v1 = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", self.stamped(name)).groups()
        self.assertEqual(tag(old, f"{stamp}.".encode() + PAYLOAD).hex(), v1)
        self.assertEqual(refusal(lambda: self.deliver(name)).reason, "KEY_DELIVERED")

        # The next one, in the other form: both are live, whichever the partner uses.
        key = self.import_secret(bank, bank.wrap_by_aes(new), name,
                                 wrapping=keys.KEY_WRAPPING_RSA_AES_SHA1)
        for version in key.versions:
            self.assertEqual((version.origin, version.protection, version.state),
                             (keys.KEY_ORIGIN_IMPORTED, keys.KEY_PROTECTION_SHARED,
                              keys.KEY_STATE_ACTIVE))
        self.assertEqual(self.verify_stamped(name, new).key_version, f"{name}/versions/2")
        self.assertEqual(self.verify_stamped(name, old).key_version, f"{name}/versions/1")

        # And one that the HSM makes, which is delivered.
        rotated = self.officer.keys.RotateKey(keys.RotateKeyRequest(name=name), timeout=60).key
        self.assertEqual(rotated.versions[0].origin, keys.KEY_ORIGIN_GENERATED)
        self.assertTrue(self.verify_stamped(name, self.secret_of(name)).valid)

    def test_what_cannot_be_imported_is_refused_by_name_and_says_no_more(self):
        bank, other = (Bank(self.officer, self.settlement) for _ in range(2))
        wrapped = bank.wrap(os.urandom(32))
        texts = set()
        for wrong in (b"", wrapped[1:], wrapped + b"x", wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
                      other.wrap(os.urandom(32)), bank.wrap(os.urandom(16)),
                      bank.wrap_by_aes(os.urandom(32)), b"\xff" * 384):
            refused = refusal(lambda: self.import_secret(bank, wrong))
            if wrong:
                self.assertEqual((refused.reason, refused.field),
                                 ("WRAPPED_SECRET_INVALID", "wrapped_secret"))
                texts.add(refused.text)
            else:
                self.assertEqual((refused.reason, refused.field),
                                 ("FIELD_REQUIRED", "wrapped_secret"))
        self.assertEqual(len(texts), 1, texts)
        self.assertEqual(refusal(lambda: self.import_secret(
            bank, wrapped, wrapping=keys.KEY_WRAPPING_RSA_OAEP_SHA256)).reason,
            "ALGORITHM_UNSUPPORTED")
        self.assertEqual(refusal(lambda: self.import_secret(
            bank, wrapped, officer=self.officer))[:2],
            ("PERMISSION_DENIED", "SEPARATION_OF_DUTIES"))
        sign = signing.SignRequest(name=bank.import_key, message=b"m")
        self.assertEqual(refusal(lambda: self.settlement.Sign(sign, timeout=SECONDS)).reason,
                         "KEY_PURPOSE_MISMATCH")
        self.assertTrue(self.import_secret(bank, wrapped).versions[0].primary)

    def test_an_import_that_is_repeated_makes_one_version(self):
        bank = Bank(self.officer, self.settlement)
        name, request_id = "tenants/acme/keys/bank-once", str(uuid.uuid4())
        wrapped = bank.wrap(os.urandom(32))
        first = self.import_secret(bank, wrapped, name, request_id=request_id)
        self.assertEqual(self.import_secret(bank, wrapped, name, request_id=request_id), first)
        self.assertEqual(len(first.versions), 1)
        self.assertEqual(refusal(lambda: self.import_secret(
            bank, bank.wrap(os.urandom(32)), name, request_id=request_id)).reason,
            "REQUEST_ID_REUSED")

    def test_an_imported_secret_is_in_nothing_that_the_service_writes(self):
        bank, secret = Bank(self.officer, self.settlement), os.urandom(32)
        wrapped = bank.wrap(secret)
        name = self.import_secret(bank, wrapped).name
        self.assertTrue(self.verify_stamped(name, secret).valid)
        records = [json.loads(line) for line in self.auditor.export().splitlines()]
        of_key = [record for record in records
                  if "KeyService.ImportKey" in json.dumps(record) and name in json.dumps(record)]
        self.assertEqual(len(of_key), 2)
        text = json.dumps(of_key)
        self.assertIn(f"{bank.import_key}/versions/1", text)
        self.assertIn(hashlib.sha256(wrapped).hexdigest(), text)
        forms = [form for whole in (secret, wrapped) for form in (
            whole, whole.hex().encode(), whole.hex().upper().encode(), base64.b64encode(whole),
            base64.urlsafe_b64encode(whole).rstrip(b"="))]
        written = [path for path in self.deployment.folder.rglob("*") if path.is_file()]
        self.assertGreater(len(written), 10)
        for path in written:
            content = path.read_bytes()
            self.assertFalse(any(form in content for form in forms), path)

    def test_services_deliver_nothing(self):
        with Client(self.deployment, "settlement") as service:
            request = keys.DeliverKeyRequest(name=self.new_key(), partner_key=self.shop.name)
            refused = refusal(lambda: service.keys.DeliverKey(request, timeout=SECONDS))
        self.assertEqual(refused.reason, "POLICY_DENIED")

    def test_the_walk_shows_what_the_document_says(self):
        walk.compare(self, DOCUMENT, lambda lines: walk.shown_by(self.deployment, lines), least=30)


class Restart(unittest.TestCase):
    def test_what_was_delivered_before_a_restart_is_not_delivered_after_it(self):
        with Deployment() as deployment:
            deployment.start()
            with (Client(deployment, "officer-1") as officer,
                  Client(deployment, "officer-2") as registrar):
                shop = Shop(registrar)
                name = new_key(officer, keys.KEY_ALGORITHM_HMAC_SHA256,
                               keys.KEY_PURPOSE_TIMESTAMPED_WEBHOOK)
                request = keys.DeliverKeyRequest(name=name, partner_key=shop.name)
                secret = shop.open(officer.keys.DeliverKey(request, timeout=60))
            self.assertEqual(deployment.stop(), 0)
            deployment.start()
            with Client(deployment, "officer-1") as officer:
                refused = refusal(lambda: officer.keys.DeliverKey(request, timeout=60))
            self.assertEqual(refused.reason, "KEY_DELIVERED")
            with Client(deployment, "settlement") as settlement:
                verified = settlement.signing.VerifyWebhook(stamped(name, secret), timeout=SECONDS)
            self.assertTrue(verified.valid)


def write() -> None:
    with Deployment() as deployment:
        deployment.start()
        walk.rewrite(DOCUMENT, lambda lines: walk.shown_by(deployment, lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main()
