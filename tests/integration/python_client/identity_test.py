#!/usr/bin/env python3
"""Who may talk to the service at all: one valid certificate, of its trust domain's own authority,
with exactly one URI name that the policy knows."""

import datetime
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from deployment import Deployment
from wire import CARDS, SECONDS, Client, refusal, tokens

CHECKOUT = "spiffe://dev.keysvc.example/payment/checkout"
DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates by the deployment's authority, or by one of its own."""

    def __init__(self, deployment: Deployment | None = None) -> None:
        if deployment is None:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another authority")])
        else:
            pki = deployment.folder / "pki"
            self.key = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
            self.name = x509.load_pem_x509_certificate((pki / "ca.pem").read_bytes()).subject

    def issue(self, *uris: str, start=-1 * DAY, end=DAY) -> dict[str, bytes]:
        """A certificate for these URI names, as the arguments that Client takes."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        names = [x509.UniformResourceIdentifier(uri) for uri in uris] or [x509.DNSName("checkout")]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "checkout")]))
            .issuer_name(self.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start).not_valid_after(now + end)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256()))
        return {
            "certificate": certificate.public_bytes(serialization.Encoding.PEM),
            "key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption())}


class Identity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.authority = Authority(cls.deployment)

    def call(self, **credentials):
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan="4111111111111111"))
        with Client(self.deployment, **credentials) as client:
            return client.tokens.Tokenize(request, timeout=SECONDS)

    def refused(self, code: str, reason: str, **credentials) -> None:
        error = refusal(lambda: self.call(**credentials))
        self.assertEqual((error.code, error.reason), (code, reason), error.text)

    def test_a_certificate_of_the_authority_with_one_known_name_is_let_in(self):
        self.assertTrue(self.call(**self.authority.issue(CHECKOUT)).token)

    def test_tls_refuses_what_is_no_valid_certificate(self):
        self.refused("UNAVAILABLE", "")
        self.refused("UNAVAILABLE", "", **Authority().issue(CHECKOUT))
        self.refused("UNAVAILABLE", "", **self.authority.issue(CHECKOUT, start=-2 * DAY, end=-DAY))
        self.refused("UNAVAILABLE", "", **self.authority.issue(CHECKOUT, start=DAY, end=2 * DAY))

    def test_a_certificate_without_a_uri_names_nobody(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_MISSING", **self.authority.issue())

    def test_a_certificate_with_two_uris_names_nobody(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_AMBIGUOUS",
                     **self.authority.issue(CHECKOUT, CHECKOUT.replace("checkout", "settlement")))

    def test_a_name_that_the_policy_does_not_know(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_UNKNOWN",
                     **self.authority.issue(CHECKOUT + "-2"))

    def test_a_name_of_another_trust_domain(self):
        error = refusal(lambda: self.call(
            **self.authority.issue(CHECKOUT.replace("dev.keysvc", "prod.keysvc"))))
        self.assertEqual(error.code, "UNAUTHENTICATED")
        self.assertIn(error.reason, ("CERTIFICATE_REJECTED", "IDENTITY_UNKNOWN"))

    def test_an_identity_is_asked_of_every_method(self):
        with Client(self.deployment, **self.authority.issue()) as client:
            for method in ("keysvc.v1.AuditService/GetCheckpoint", "keysvc.v1.Nothing/AtAll",
                           "grpc.health.v1.Health/Check"):
                call = client.channel.unary_unary(f"/{method}")
                with self.subTest(method):
                    error = refusal(lambda c=call: c(b"", timeout=SECONDS))
                    self.assertEqual(error.code, "UNAUTHENTICATED")


if __name__ == "__main__":
    unittest.main()
