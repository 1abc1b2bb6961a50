"""Signatures, checked by a library that the service does not use."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils


def check_signature(public, signature: bytes, signed: bytes,
                    rsa_hash: hashes.HashAlgorithm) -> None:
    """Raises InvalidSignature unless it is one: r || s by the hash of the curve's size, Ed25519, or
    PSS by this hash with a salt as long."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        return public.verify(signature, signed)
    if isinstance(public, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(rsa_hash), rsa_hash.digest_size)
        return public.verify(signature, signed, pss, rsa_hash)
    width = len(signature) // 2
    r, s = (int.from_bytes(half, "big") for half in (signature[:width], signature[width:]))
    digest = hashes.SHA256() if width == 32 else hashes.SHA384()
    return public.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(digest))
