"""An auditor's own reading of an export (docs/formats.md), sharing no code with the service."""

import base64
import hashlib
import json
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


class Record(NamedTuple):
    index: int
    header: dict
    body: dict


def canonical(value: dict) -> bytes:
    """RFC 8785, for objects of strings, whole numbers, arrays and objects with ASCII names."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def leaf_hash(line: dict) -> bytes:
    def committed(part: str) -> bytes:
        salt = base64.b64decode(line[f"{part}_salt"], validate=True)
        assert len(salt) == 16
        return hashlib.sha256(salt + canonical(line[part])).digest()

    return hashlib.sha256(b"\0" + b"\1" + committed("header") + committed("body")).digest()


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def check_signature(text: bytes, signature_line: str, verifier_key: str) -> None:
    """C2SP signed-note: the line signs the text by the key in vkey form."""
    name, key_id, material = verifier_key.split("+", 2)
    kind, key = (raw := base64.b64decode(material, validate=True))[0], raw[1:]
    dash, signer, encoded = signature_line.split(" ")
    blob = base64.b64decode(encoded, validate=True)
    assert (dash, signer) == ("\u2014", name)
    assert blob[:4].hex() == key_id
    if kind == 1:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(blob[4:], text)
    else:
        assert kind == 2
        serialization.load_der_public_key(key).verify(blob[4:], text, ec.ECDSA(hashes.SHA256()))


def read(export: bytes, verifier_key: str) -> list[Record]:
    """Every record of a whole export, after proving that the checkpoint covers exactly them."""
    lines = [json.loads(line) for line in export.splitlines()]
    leaves, checkpoint = lines[1:-1], lines[-1]["checkpoint"]
    text, signatures = checkpoint.split("\n\n")
    text += "\n"
    check_signature(text.encode(), signatures.strip(), verifier_key)
    origin, size, encoded_root = text.splitlines()
    assert origin == verifier_key.split("+")[0]
    assert [leaf["header"]["index"] for leaf in leaves] == list(range(int(size)))
    assert base64.b64decode(encoded_root) == root([leaf_hash(leaf) for leaf in leaves])
    return [Record(leaf["header"]["index"], leaf["header"], leaf["body"])
            for leaf in leaves]
