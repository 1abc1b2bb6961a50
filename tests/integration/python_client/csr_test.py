#!/usr/bin/env python3
"""Certificate signing requests, read, checked and certified by a library and a program that the service
does not use, and the certificates that come of them."""

import base64
import datetime
import json
import subprocess
import unittest
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from deployment import Deployment
from jwcrypto import jwk, jws
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

    def authority(self, name: str, *extensions: str) -> None:
        """An authority of the openssl program's."""
        folder = self.deployment.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "20",
                        "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
                        folder / f"{name}.pem", *extensions], check=True, capture_output=True)

    def certified(self, key: str, authority: str, days: int = 10) -> str:
        """The certificate that the authority makes of the key's request, and the authority's."""
        folder = self.deployment.folder
        (folder / "request.csr").write_text(self.create(key).pem)
        subprocess.run(["openssl", "x509", "-req", "-in", folder / "request.csr", "-days",
                        str(days), "-CA", folder / f"{authority}.pem", "-CAkey",
                        folder / f"{authority}.key", "-out", folder / "made.pem"], check=True,
                       capture_output=True)
        return (folder / "made.pem").read_text() + (folder / f"{authority}.pem").read_text()

    def attach(self, name: str, pem: str, **options):
        return self.officer.keys.AttachCertificate(
            keys.AttachCertificateRequest(name=name, pem=pem, **options), timeout=SECONDS).key

    def key_set(self, key: str) -> list[dict]:
        answer = self.settlement.GetJwks(signing.GetJwksRequest(name=key), timeout=SECONDS)
        return json.loads(answer.jwks)["keys"]

    def test_what_an_authority_certified_is_published_with_the_key(self):
        self.authority("bank-ca")
        key = new_key(self.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_JWS)
        self.assertNotIn("x5c", self.key_set(key)[0])
        chain = self.certified(key, "bank-ca")
        attached = self.attach(key, chain)
        leaf = x509.load_pem_x509_certificate(chain.encode())
        self.assertEqual(attached.versions[0].certificate_end_time.ToDatetime(),
                         leaf.not_valid_after)
        answer = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=key),
                                              timeout=SECONDS)
        self.assertEqual(answer.certificate_pem, chain)
        published = jwk.JWK(**self.key_set(key)[0])
        first, authority = (x509.load_der_x509_certificate(base64.b64decode(one))
                            for one in published["x5c"])
        self.assertEqual((first, authority.subject.rfc4514_string()), (leaf, "CN=bank-ca"))
        self.assertEqual(base64.urlsafe_b64decode(published["x5t#S256"] + "="),
                         leaf.fingerprint(hashes.SHA256()))
        signed = self.settlement.SignJws(signing.SignJwsRequest(name=key, payload=b"{}"),
                                         timeout=SECONDS).jws
        opened = jws.JWS()
        opened.deserialize(signed, jwk.JWK.from_pyca(leaf.public_key()))
        self.assertNotIn("x5c", opened.jose_header)
        # As 3-D Secure has it: whoever trusts the authority needs nothing but the message.
        request = signing.SignJwsRequest(name=key, payload=b"{}", with_certificates=True)
        signed = self.settlement.SignJws(request, timeout=SECONDS).jws
        header = json.loads(base64.urlsafe_b64decode(signed.split(".")[0] + "=="))
        self.assertEqual(header["x5c"], published["x5c"])
        sent = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        opened = jws.JWS()
        opened.deserialize(signed, jwk.JWK.from_pyca(sent.public_key()))
        self.assertTrue(self.settlement.VerifyJws(signing.VerifyJwsRequest(name=key, jws=signed),
                                                  timeout=SECONDS).valid)
        # A later one takes its place; the next version has none yet.
        renewed = self.certified(key, "bank-ca", 15)
        self.attach(f"{key}/versions/1", renewed)
        rotated = self.officer.keys.RotateKey(
            keys.RotateKeyRequest(name=key, at_once=True), timeout=SECONDS).key
        self.assertEqual([one.HasField("certificate_end_time") for one in rotated.versions],
                         [False, True])
        refused = refusal(lambda: self.settlement.SignJws(request, timeout=SECONDS))
        self.assertEqual((refused.code, refused.reason),
                         ("FAILED_PRECONDITION", "CERTIFICATES_MISSING"))
        self.assertEqual(self.settlement.GetPublicKey(signing.GetPublicKeyRequest(
            name=f"{key}/versions/1"), timeout=SECONDS).certificate_pem, renewed)

    def test_a_directorys_kid_stands_where_the_thumbprint_did(self):
        self.authority("directory-ca")
        key = new_key(self.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_JWS)
        before = self.settlement.SignJws(signing.SignJwsRequest(name=key, payload=b"{}"),
                                         timeout=SECONDS).jws
        attached = self.attach(key, self.certified(key, "directory-ca"), kid="Directory-1_a.b")
        self.assertEqual(attached.versions[0].kid, "Directory-1_a.b")
        published, = self.key_set(key)
        self.assertEqual(published["kid"], "Directory-1_a.b")
        answer = self.settlement.GetPublicKey(signing.GetPublicKeyRequest(name=key),
                                              timeout=SECONDS)
        self.assertEqual(json.loads(answer.jwk), published)
        signed = self.settlement.SignJws(signing.SignJwsRequest(name=key, payload=b"{}"),
                                         timeout=SECONDS).jws
        opened = jws.JWS()
        opened.deserialize(signed, jwk.JWK(**published))
        self.assertEqual(opened.jose_header["kid"], "Directory-1_a.b")
        for text in (before, signed):
            self.assertTrue(self.settlement.VerifyJws(signing.VerifyJwsRequest(
                name=key, jws=text), timeout=SECONDS).valid)
        refused = refusal(lambda: self.attach(key, self.certified(key, "directory-ca"), kid="a b"))
        self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "kid"))
        (self.deployment.folder / "chain.pem").write_text(self.certified(key, "directory-ca"))
        renewed = self.deployment.command("officer-1", "keys", "attach-certificate", key, "--in",
                                          self.deployment.folder / "chain.pem", "--kid", "second")
        self.assertEqual(renewed.returncode, 0, renewed.stderr)
        self.assertIn("second", renewed.stdout)

    def test_what_does_not_certify_the_key_is_refused(self):
        self.authority("one-ca")
        self.authority("other-ca")
        key = new_key(self.officer, keys.KEY_ALGORITHM_EC_P256)
        chain = self.certified(key, "one-ca")
        leaf = chain[:chain.index("-----END CERTIFICATE-----") + 26]
        stranger = (self.deployment.folder / "other-ca.pem").read_text()
        private = (self.deployment.folder / "other-ca.key").read_text()
        for pem, reason in ((leaf + stranger, "FIELD_INVALID"), (stranger, "FIELD_INVALID"),
                            (chain[len(leaf):] + leaf, "FIELD_INVALID"), ("", "FIELD_REQUIRED"),
                            (leaf * 6, "FIELD_INVALID"), (leaf + private, "PRIVATE_KEY_PRESENTED"),
                            (self.create(key).pem, "FIELD_INVALID")):
            refused = refusal(lambda p=pem: self.attach(key, p))
            self.assertEqual((refused.reason, refused.field), (reason, "pem"))
        ended = self.certified(key, "one-ca", 0)
        self.assertEqual(refusal(lambda: self.attach(key, ended)).reason, "FIELD_INVALID")
        self.assertEqual(self.officer.signing.GetPublicKey(signing.GetPublicKeyRequest(
            name=key), timeout=SECONDS).certificate_pem, "")
        mac = new_key(self.officer, keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_MAC)
        self.assertEqual(refusal(lambda: self.attach(mac, chain)).reason, "KEY_PURPOSE_MISMATCH")
        with Client(self.deployment, "settlement") as settlement:
            refused = refusal(lambda: settlement.keys.AttachCertificate(
                keys.AttachCertificateRequest(name=key, pem=chain), timeout=SECONDS))
        self.assertEqual(refused.reason, "POLICY_DENIED")

    def test_the_command_line_attaches_and_shows_what_openssl_verifies(self):
        self.authority("cli-ca")
        folder = self.deployment.folder
        (folder / "chain.pem").write_text(self.certified(self.key, "cli-ca"))
        attached = self.deployment.command("officer-1", "keys", "attach-certificate", self.key,
                                           "--in", folder / "chain.pem")
        self.assertEqual(attached.returncode, 0, attached.stderr)
        self.assertIn("CERTIFICATE END", attached.stdout)
        shown = self.deployment.command("settlement", "keys", "public-key", self.key,
                                        "--certificate", "--out", folder / "shown.pem")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        verified = subprocess.run(["openssl", "verify", "-CAfile", folder / "cli-ca.pem",
                                   folder / "shown.pem"], capture_output=True, check=False)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        private = self.deployment.command("officer-1", "keys", "attach-certificate", self.key,
                                          "--in", folder / "cli-ca.key")
        self.assertIn("PRIVATE_KEY_PRESENTED", private.stderr)

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
