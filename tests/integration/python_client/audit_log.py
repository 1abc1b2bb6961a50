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


class Tree:
    """A Merkle tree (RFC 6962, section 2.1) that grows: the roots of its perfect subtrees, largest
    first."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        node, size = leaf, self.size
        while size & 1:
            node = hashlib.sha256(b"\1" + self.subtrees.pop() + node).digest()
            size >>= 1
        self.subtrees.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.subtrees:
            return hashlib.sha256().digest()
        node = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node


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


class Log:
    """All that an auditor has of a log, which grows export by export. Nothing is believed of what
    was exported before: the tree goes on from the auditor's own."""

    def __init__(self, verifier_key: str) -> None:
        self.verifier_key = verifier_key
        self.tree = Tree()
        self.checkpoint = ""

    def extend(self, export: bytes) -> list[Record]:
        """The records of an export from the end of the log as it is known on, after proving that
        its checkpoint covers exactly them and what came before."""
        lines = [json.loads(line) for line in export.splitlines()]
        manifest, leaves, checkpoint = lines[0], lines[1:-1], lines[-1]["checkpoint"]
        assert manifest["first"] == self.tree.size, (manifest["first"], self.tree.size)
        assert [base64.b64decode(root) for root in manifest["tree"]] == self.tree.subtrees
        text, signatures = checkpoint.split("\n\n")
        text += "\n"
        check_signature(text.encode(), signatures.strip(), self.verifier_key)
        origin, size, encoded_root = text.splitlines()
        assert origin == self.verifier_key.split("+")[0]
        assert ([leaf["header"]["index"] for leaf in leaves] ==
                list(range(self.tree.size, int(size))))
        for leaf in leaves:
            self.tree.append(leaf_hash(leaf))
        assert base64.b64decode(encoded_root) == self.tree.root()
        self.checkpoint = checkpoint
        return [Record(leaf["header"]["index"], leaf["header"], leaf["body"]) for leaf in leaves]


def read(export: bytes, verifier_key: str) -> list[Record]:
    """Every record of a whole export, after proving that the checkpoint covers exactly them."""
    return Log(verifier_key).extend(export)
