#!/usr/bin/env python3
"""Partners' keys: what openssl, a JOSE, a CBOR and an HTTP-signatures library sign with a partner's
private key, the service verifies by the public key that an officer registered, until it ends."""

import base64
import dataclasses
import datetime
import glob
import hashlib
import subprocess
import time
import unittest
import uuid

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from deployment import WITHOUT_JEMALLOC, Deployment
from google.protobuf.timestamp_pb2 import Timestamp
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from jwcrypto import jwk, jws
from wire import SECONDS, Client, keys, partners, refusal, signing

PAYLOAD = b'{"amount": "12.50", "currency": "EUR"}'
FAULTS = signing.SignatureFault
PEM, SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def public_pem(private) -> str:
    return private.public_key().public_bytes(PEM, SPKI).decode()


def private_pem(private) -> str:
    return private.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()


def certificate(private, begin: datetime.datetime, days: int) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bank.example")])
    digest = None if isinstance(private, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(private.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=days))
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False,
                                         False), critical=True)
            .sign(private, digest).public_bytes(PEM).decode())


def in_seconds(seconds: float) -> Timestamp:
    return Timestamp(seconds=int(time.time() + seconds))


@dataclasses.dataclass
class Request:
    """A request as the library for HTTP signatures wants it."""
    method: str
    url: str
    headers: dict[str, str]


class PartnerTest(unittest.TestCase):
    def make(self, deployment: Deployment) -> None:
        self.deployment = deployment
        deployment.start()
        self.settlement = self.enterContext(Client(deployment, "settlement")).signing
        self.officer = self.enterContext(Client(deployment, "officer-1")).partners

    def register(self, pem: str, purpose=keys.KEY_PURPOSE_SIGN, **options) -> partners.PartnerKey:
        options.setdefault("not_after_time", in_seconds(86400))
        request = partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id=f"k{uuid.uuid4().hex[:10]}", purpose=purpose,
            pem=pem, request_id=str(uuid.uuid4()), **options)
        return self.officer.CreatePartnerKey(request, timeout=SECONDS).partner_key

    def verify(self, name: str, message: bytes, signature: bytes, **options):
        request = signing.VerifyRequest(name=name, message=message, signature=signature, **options)
        return self.settlement.Verify(request, timeout=SECONDS)

    def disable(self, name: str) -> partners.PartnerKey:
        return self.officer.DisablePartnerKey(partners.DisablePartnerKeyRequest(
            name=name, request_id=str(uuid.uuid4())), timeout=SECONDS).partner_key


class PartnerKeys(PartnerTest):
    def setUp(self):
        self.make(self.enterContext(Deployment()))

    def test_bare_signatures_of_each_kind_of_key_verify(self):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        for private, arguments in (
                (ec.generate_private_key(ec.SECP256R1()), [ec.ECDSA(hashes.SHA256())]),
                (ec.generate_private_key(ec.SECP384R1()), [ec.ECDSA(hashes.SHA384())]),
                (ed25519.Ed25519PrivateKey.generate(), []),
                (rsa.generate_private_key(65537, 3072), [pss, hashes.SHA256()])):
            with self.subTest(kind=type(private).__name__):
                key = self.register(public_pem(private))
                der = private.public_key().public_bytes(serialization.Encoding.DER, SPKI)
                self.assertEqual(key.spki_sha256, hashlib.sha256(der).hexdigest())
                signature = private.sign(PAYLOAD, *arguments)
                answer = self.verify(key.name, PAYLOAD, signature)
                self.assertEqual((answer.valid, answer.key_version), (True, key.name))
                self.assertFalse(self.verify(key.name, PAYLOAD + b" ", signature).valid)

    def test_a_batch_has_a_result_for_each(self):
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private))
        request = signing.BatchVerifyRequest(name=key.name, signed_messages=[
            signing.SignedMessage(message=b"one", signature=private.sign(b"one")),
            signing.SignedMessage(message=b"two", signature=private.sign(b"one"))])
        results = self.settlement.BatchVerify(request, timeout=SECONDS).results
        self.assertEqual([result.verification.valid for result in results], [True, False])

    def test_a_jws_of_a_jose_library_verifies_and_its_kid_has_to_be_the_partners(self):
        for kind, alg in (({"kty": "EC", "crv": "P-256"}, "ES256"),
                          ({"kty": "OKP", "crv": "Ed25519"}, "EdDSA"),
                          ({"kty": "RSA", "size": 2048}, "PS256")):
            with self.subTest(alg=alg):
                private = jwk.JWK.generate(**kind)
                key = self.register(private.export_to_pem().decode(), keys.KEY_PURPOSE_JWS,
                                    kid="bank-2026")

                def signed(kid: str | None) -> str:
                    whole = jws.JWS(PAYLOAD)
                    header = {"alg": alg} | ({"kid": kid} if kid else {})
                    whole.add_signature(private, alg=alg, protected=header)
                    return whole.serialize(compact=True)

                def verify(text: str):
                    return self.settlement.VerifyJws(
                        signing.VerifyJwsRequest(name=key.name, jws=text), timeout=SECONDS)

                good = verify(signed("bank-2026"))
                self.assertEqual((good.valid, good.key_version), (True, key.name))
                self.assertTrue(verify(signed(None)).valid)
                self.assertEqual(verify(signed("bank-2027")).fault,
                                 FAULTS.SIGNATURE_FAULT_KEY_UNKNOWN)
                header, _, signature = signed("bank-2026").split(".")
                changed = base64.urlsafe_b64encode(b"{}").decode().rstrip("=")
                self.assertEqual(verify(f"{header}.{changed}.{signature}").fault,
                                 FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)

    def test_a_request_that_an_http_library_signs_verifies(self):
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private), keys.KEY_PURPOSE_HTTP, kid="bank")
        digest = base64.b64encode(hashlib.sha256(PAYLOAD).digest()).decode()
        request = Request("POST", "https://shop.example/hooks?a=1",
                          {"Content-Type": "application/json",
                           "Content-Digest": f"sha-256=:{digest}:"})
        signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ED25519,
            key_resolver=MappingKeyResolver(public_keys={}, private_keys={"bank": private}))
        signer.sign(request, key_id="bank", use_existing_digest=True,
                    covered_component_ids=("@method", "@target-uri", "content-digest"))
        fields = [signing.HttpField(name=name, value=value)
                  for name, value in request.headers.items()]

        def verify(body: bytes):
            whole = signing.HttpMessage(method="POST", scheme="https", authority="shop.example",
                                        path="/hooks", query="a=1", fields=fields, body=body)
            return self.settlement.VerifyHttpMessage(signing.VerifyHttpMessageRequest(
                name=key.name, message=whole, required_components=["@method", "content-digest"],
                max_age_seconds=60), timeout=SECONDS)

        good = verify(PAYLOAD)
        self.assertEqual((good.valid, good.key_version), (True, key.name))
        self.assertEqual(verify(b"{}").fault, FAULTS.SIGNATURE_FAULT_DIGEST_WRONG)

    def test_a_webhook_verifies(self):
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private), keys.KEY_PURPOSE_WEBHOOK)
        now = str(int(time.time()))
        signature = private.sign(f"evt_1.{now}.".encode() + PAYLOAD)
        fields = {"webhook-id": "evt_1", "webhook-timestamp": now,
                  "webhook-signature": "v1a," + base64.b64encode(signature).decode()}

        def verify(payload: bytes):
            return self.settlement.VerifyWebhook(signing.VerifyWebhookRequest(
                name=key.name, payload=payload,
                fields=[signing.HttpField(name=name, value=value)
                        for name, value in fields.items()]), timeout=SECONDS)

        self.assertTrue(verify(PAYLOAD).valid)
        self.assertEqual(verify(b"{}").fault, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)

    def test_a_cose_message_of_a_cbor_library_verifies(self):
        private = ec.generate_private_key(ec.SECP256R1())
        key = self.register(public_pem(private), keys.KEY_PURPOSE_COSE, kid="terminal")

        def message(kid: bytes) -> bytes:
            header = cbor2.dumps({1: -7, 4: kid})
            signed = cbor2.dumps(["Signature1", header, b"", PAYLOAD])
            r, s = utils.decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
            return cbor2.dumps(cbor2.CBORTag(18, [
                header, {}, PAYLOAD, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))

        def verify(whole: bytes):
            return self.settlement.VerifyCose(signing.VerifyCoseRequest(
                name=key.name, cose_sign1=whole), timeout=SECONDS)

        good = verify(message(b"terminal"))
        self.assertEqual((good.valid, good.key_version), (True, key.name))
        self.assertEqual(verify(message(b"other")).fault, FAULTS.SIGNATURE_FAULT_KEY_UNKNOWN)
        other = bytearray(message(b"terminal"))
        other[-1] ^= 1
        self.assertEqual(verify(bytes(other)).fault, FAULTS.SIGNATURE_FAULT_SIGNATURE_WRONG)

    def test_a_certificate_gives_the_validity_and_bad_ones_are_refused(self):
        private = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
        key = self.register(certificate(private, now, 30), not_after_time=None)
        self.assertEqual(key.not_before_time.ToDatetime(), now)
        self.assertEqual(key.not_after_time.ToDatetime(), now + datetime.timedelta(days=30))
        signature = private.sign(PAYLOAD, ec.ECDSA(hashes.SHA256()))
        self.assertTrue(self.verify(key.name, PAYLOAD, signature).valid)

        days = datetime.timedelta(days=1)
        other = ec.generate_private_key(ec.SECP256R1())
        future = self.register(certificate(other, now + days, 30), not_after_time=None)
        self.assertEqual(
            refusal(lambda: self.verify(future.name, PAYLOAD, signature)).reason,
            "PARTNER_KEY_NOT_YET_VALID")
        weak = rsa.generate_private_key(65537, 1024)
        curve = ec.generate_private_key(ec.SECP521R1())
        good = public_pem(other)
        for pem, reason in ((certificate(other, now - 40 * days, 30), "FIELD_INVALID"),
                            (public_pem(weak), "FIELD_INVALID"),
                            (public_pem(curve), "FIELD_INVALID"), (good + good, "FIELD_INVALID"),
                            ("garbage", "FIELD_INVALID"), ("", "FIELD_REQUIRED"),
                            (private_pem(other), "PRIVATE_KEY_PRESENTED")):
            with self.subTest(pem=pem[:30], reason=reason):
                refused = refusal(lambda pem=pem: self.register(
                    pem, not_after_time=None if "CERT" in pem else in_seconds(60)))
                self.assertEqual(refused.reason, reason)
                for line in pem.splitlines()[1:-1]:
                    self.assertNotIn(line, refused.text)
        log = self.enterContext(Client(self.deployment, "auditor")).export()
        self.assertNotIn(private_pem(other).splitlines()[1].encode(), log)

    def test_it_outlives_a_kill_and_ends_when_it_is_disabled(self):
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private))
        signature = private.sign(PAYLOAD)
        self.deployment.kill()
        self.make(self.deployment)
        self.assertTrue(self.verify(key.name, PAYLOAD, signature).valid)
        self.disable(key.name)
        for _ in range(2):
            self.assertEqual(refusal(lambda: self.verify(key.name, PAYLOAD, signature)).reason,
                             "PARTNER_KEY_DISABLED")
            self.deployment.kill()
            self.make(self.deployment)
        self.assertEqual(refusal(lambda: self.register(public_pem(private))).reason,
                         "PARTNER_KEY_DISABLED")

    def test_only_officers_register_and_only_who_may_verify_does(self):
        checkout = self.enterContext(Client(self.deployment, "checkout"))
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private))
        for call in (
                lambda: checkout.signing.Verify(signing.VerifyRequest(
                    name=key.name, message=b"x", signature=b"x"), timeout=SECONDS),
                lambda: checkout.partners.GetPartnerKey(
                    partners.GetPartnerKeyRequest(name=key.name), timeout=SECONDS),
                lambda: checkout.partners.ListPartnerKeys(
                    partners.ListPartnerKeysRequest(parent="tenants/acme"), timeout=SECONDS),
                lambda: checkout.partners.DisablePartnerKey(
                    partners.DisablePartnerKeyRequest(name=key.name), timeout=SECONDS)):
            self.assertEqual(refusal(call).reason, "POLICY_DENIED")

    def test_the_command_line_registers_lists_and_disables(self):
        folder = self.deployment.folder
        private, public = folder / "bank.key", folder / "bank.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        (folder / "order.json").write_bytes(PAYLOAD)
        subprocess.run(["openssl", "dgst", "-sha256", "-sign", private, "-out", folder / "order.sig",
                        folder / "order.json"], check=True)
        name = "tenants/acme/partnerKeys/bank"
        end = (datetime.date.today() + datetime.timedelta(days=30)).isoformat()

        def officer(*arguments):
            return self.deployment.command("officer-1", "partner-keys", *arguments)

        def verify():
            return self.deployment.command("settlement", "verify", "--key", name, "--in",
                                           folder / "order.json", "--signature",
                                           folder / "order.sig")

        refused = officer("create", name, "--in", private, "--not-after", end)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("PRIVATE_KEY_PRESENTED", refused.stderr)
        made = officer("create", name, "--in", public, "--not-after", end, "--kid", "k1")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn(f"{end}T23:59:59Z", made.stdout, "a day is meant whole")
        self.assertEqual(officer("get", name).stdout, made.stdout)
        self.assertIn(name, officer("list", "tenants/acme").stdout)
        self.assertEqual(verify().returncode, 0)
        self.assertIn("DISABLED", officer("disable", name).stdout)
        self.assertIn("PARTNER_KEY_DISABLED", verify().stderr)


class Expiry(PartnerTest):
    def test_a_key_ends_by_itself(self):
        deployment = self.enterContext(Deployment())
        library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        clock = deployment.folder / "clock"
        clock.write_text("+0\n")
        deployment.launcher = [
            "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={clock}",
            "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
            *WITHOUT_JEMALLOC]
        self.make(deployment)
        private = ed25519.Ed25519PrivateKey.generate()
        key = self.register(public_pem(private), not_after_time=in_seconds(600))
        signature = private.sign(PAYLOAD)
        self.assertTrue(self.verify(key.name, PAYLOAD, signature).valid)
        beside = clock.with_suffix(".new")
        beside.write_text("+700\n")
        beside.rename(clock)
        # The service may go by what it read of the clock a second or two ago.
        deadline = time.monotonic() + 30
        with Client(deployment, "auditor") as auditor:
            while b'"Log.ClockStep"' not in auditor.export():
                self.assertLess(time.monotonic(), deadline, "the step is not recorded")
        self.assertEqual(refusal(lambda: self.verify(key.name, PAYLOAD, signature)).reason,
                         "PARTNER_KEY_EXPIRED")


if __name__ == "__main__":
    unittest.main()
