#!/usr/bin/env python3
"""Certificate signing requests: read, checked and certified by a library and a program that the service
does not use."""

import datetime
import subprocess
import unittest
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from deployment import Deployment
from wire import SECONDS, Client, keys, new_key, refusal, signing

ALGORITHMS = {keys.KEY_ALGORITHM_EC_P256: keys.KEY_PURPOSE_SIGN,
              keys.KEY_ALGORITHM_EC_P384: keys.KEY_PURPOSE_JWS,
              keys.KEY_ALGORITHM_ED25519: keys.KEY_PURPOSE_WEBHOOK,
              keys.KEY_ALGORITHM_RSA_2048: keys.KEY_PURPOSE_COSE,
              keys.KEY_ALGORITHM_RSA_3072_SHA512: keys.KEY_PURPOSE_HTTP}
SUBJECT = signing.CertificateSubject(common_name="acme.example", organization="Acme",
                                     country="NL", dns_names=["pay.acme.example"])


class CertificateSigningRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement")).signing
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = new_key(cls.officer, keys.KEY_ALGORITHM_EC_P256)

    def create(self, name: str, subject=SUBJECT, stub=None, request_id: str = ""):
        request = signing.CreateCertificateSigningRequestRequest(
            name=name, subject=subject, request_id=request_id)
        return (stub or self.officer.signing).CreateCertificateSigningRequest(request,
                                                                              timeout=SECONDS)

    def public(self, name: str) -> bytes:
        return self.officer.signing.GetPublicKey(signing.GetPublicKeyRequest(name=name),
                                                 timeout=SECONDS).der

    def test_a_library_reads_it_and_finds_the_keys_signature_right(self):
        for algorithm, purpose in ALGORITHMS.items():
            with self.subTest(algorithm=algorithm):
                key = new_key(self.officer, algorithm, purpose)
                answer = self.create(key)
                self.assertEqual(answer.key_version, f"{key}/versions/1")
                request = x509.load_der_x509_csr(answer.der)
                self.assertTrue(request.is_signature_valid)
                self.assertEqual(request.public_key().public_bytes(
                    serialization.Encoding.DER,
                    serialization.PublicFormat.SubjectPublicKeyInfo), self.public(key))
                self.assertEqual(request.subject.rfc4514_string(),
                                 "CN=acme.example,O=Acme,C=NL")
                names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
                self.assertEqual(names.value.get_values_for_type(x509.DNSName),
                                 ["pay.acme.example"])
                self.assertEqual(x509.load_pem_x509_csr(answer.pem.encode()), request)

    def test_an_authority_certifies_it(self):
        request = x509.load_der_x509_csr(self.create(self.key).der)
        authority = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (x509.CertificateBuilder().subject_name(request.subject)
                       .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
                       .public_key(request.public_key()).serial_number(1)
                       .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                       .sign(authority, hashes.SHA256()))
        self.assertEqual(certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            self.public(self.key))

    def test_the_next_version_has_one_before_it_signs_and_an_old_one_has_none(self):
        key = new_key(self.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_JWS)
        first, second = (f"{key}/versions/{number}" for number in (1, 2))
        self.assertEqual(refusal(lambda: self.create(second)).reason, "KEY_NOT_FOUND")
        self.officer.keys.CreateKeyVersion(keys.CreateKeyVersionRequest(name=key), timeout=SECONDS)
        self.assertEqual(self.create(second).key_version, second)
        self.assertEqual(self.create(key).key_version, first)
        self.officer.keys.RotateKey(keys.RotateKeyRequest(name=key, at_once=True), timeout=SECONDS)
        self.assertEqual(refusal(lambda: self.create(first)).reason, "KEY_NOT_ACTIVE")
        self.assertEqual(self.create(key).key_version, second)

    def test_a_repetition_gets_the_same_and_another_content_is_refused(self):
        request_id = str(uuid.uuid4())
        first = self.create(self.key, request_id=request_id)
        self.assertEqual(self.create(self.key, request_id=request_id), first)
        for name, subject in ((f"{self.key}/versions/1", SUBJECT),
                              (self.key, signing.CertificateSubject(common_name="other"))):
            refused = refusal(lambda n=name, s=subject: self.create(n, s, request_id=request_id))
            self.assertEqual(refused.reason, "REQUEST_ID_REUSED")

    def test_bad_input_is_refused_by_field(self):
        subject = signing.CertificateSubject
        mac = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_MAC)
        for call, reason, field in (
                (lambda: self.create(self.key, subject()), "FIELD_REQUIRED", "subject.common_name"),
                (lambda: self.create(self.key, subject(common_name="a", country="nl")),
                 "FIELD_INVALID", "subject.country"),
                (lambda: self.create(self.key, subject(common_name="a", dns_names=["a b"])),
                 "FIELD_INVALID", "subject.dns_names"),
                (lambda: self.create(self.key, subject(common_name="a\nb")), "FIELD_INVALID",
                 "subject.common_name"),
                (lambda: self.create("acme"), "FIELD_INVALID", "name"),
                (lambda: self.create("tenants/acme/keys/nobody"), "KEY_NOT_FOUND", ""),
                (lambda: self.create(mac), "ALGORITHM_UNSUPPORTED", "")):
            with self.subTest(reason=reason, field=field):
                refused = refusal(call)
                self.assertEqual((refused.reason, refused.field), (reason, field))

    def test_who_signs_may_not_ask_for_certificates(self):
        self.assertEqual(refusal(lambda: self.create(self.key, stub=self.settlement)).reason,
                         "POLICY_DENIED")

    def test_the_command_line_writes_what_openssl_verifies(self):
        out = self.deployment.folder / "key.csr"
        made = self.deployment.command(
            "officer-1", "keys", "csr", self.key, "--common-name", "acme.example",
            "--organizational-unit", "Payments", "--dns-name", "a.example", "--dns-name",
            "b.example", "--out", out)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn(f"{self.key}/versions/1", made.stdout)
        read = subprocess.run(["openssl", "req", "-in", out, "-verify", "-noout", "-text"],
                              capture_output=True, text=True, check=True)
        self.assertIn("verify OK", read.stdout + read.stderr)
        self.assertIn("OU = Payments, CN = acme.example", read.stdout)
        self.assertIn("DNS:a.example, DNS:b.example", read.stdout)


if __name__ == "__main__":
    unittest.main()
