"""Certificates of every kind, also of those that no authority should issue."""

import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates by the deployment's authority, or by a new one."""

    def __init__(self, pki: pathlib.Path | None = None) -> None:
        if pki is None:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another authority")])
        else:
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
