#!/usr/bin/env python3
"""Digests instead of messages: what is signed for one verifies elsewhere for the message, and signing
one takes a right of its own."""

import hashlib
import subprocess
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from deployment import Deployment
from wire import SECONDS, Client, keys, new_key, refusal, signing

MESSAGE = b'{"order": 4711}'


class Digests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        # The example grants it to nobody.
        cls.deployment.edit("policy.yaml", r"actions: \[Sign, SignJws,",
                            "actions: [Sign, SignDigest, SignJws,")
        cls.deployment.edit("policy.yaml", r"^rules:$", r"""\g<0>
  - {id: checkout-signs, roles: [tokenizing], actions: [Sign], resources: [tenants/acme/keys/*]}
  - {id: fraud-signs, roles: [screening], actions: [SignDigest], resources: [tenants/acme/keys/*]}""")
        cls.deployment.start()
        cls.clients = {name: cls.enterClassContext(Client(cls.deployment, name)).signing
                       for name in ("settlement", "checkout", "fraud")}
        cls.settlement = cls.clients["settlement"]
        cls.officer = cls.enterClassContext(Client(cls.deployment, "officer-1"))
        cls.key = new_key(cls.officer, keys.KEY_ALGORITHM_EC_P256)

    def sign(self, key: str, digest: bytes, principal: str = "settlement", **options) -> bytes:
        request = signing.SignRequest(name=key, digest=digest, **options)
        return self.clients[principal].Sign(request, timeout=SECONDS).signature

    def public(self, key: str):
        return serialization.load_der_public_key(self.settlement.GetPublicKey(
            signing.GetPublicKeyRequest(name=key), timeout=SECONDS).der)

    def test_another_library_verifies_the_message(self):
        for algorithm, name, hash_ in (
                (keys.KEY_ALGORITHM_EC_P256, "sha256", hashes.SHA256()),
                (keys.KEY_ALGORITHM_EC_P384, "sha384", hashes.SHA384()),
                (keys.KEY_ALGORITHM_RSA_2048, "sha256", hashes.SHA256()),
                (keys.KEY_ALGORITHM_RSA_3072_SHA384, "sha384", hashes.SHA384()),
                (keys.KEY_ALGORITHM_RSA_2048_SHA512, "sha512", hashes.SHA512())):
            with self.subTest(algorithm=algorithm):
                key = new_key(self.officer, algorithm)
                digest = hashlib.new(name, MESSAGE).digest()
                public = self.public(key)
                if isinstance(public, ec.EllipticCurvePublicKey):
                    public.verify(self.sign(key, digest), MESSAGE, ec.ECDSA(hash_))
                else:
                    pss = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
                    public.verify(self.sign(key, digest), MESSAGE, pss, hash_)
                    public.verify(self.sign(key, digest, rsa_padding=signing.RSA_PADDING_PKCS1),
                                  MESSAGE, padding.PKCS1v15(), hash_)
                for length in (0, 20, len(digest) - 1, len(digest) + 1):
                    refused = refusal(lambda n=length, k=key: self.sign(k, b"d" * n))
                    self.assertEqual((refused.reason, refused.field), (
                        "FIELD_INVALID" if length else "FIELD_REQUIRED", "digest"))

    def test_what_takes_messages_only_signs_no_digest(self):
        for algorithm, purpose in ((keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_SIGN),
                                   (keys.KEY_ALGORITHM_HMAC_SHA256, keys.KEY_PURPOSE_MAC),
                                   (keys.KEY_ALGORITHM_AES_256_CMAC, keys.KEY_PURPOSE_MAC)):
            key = new_key(self.officer, algorithm, purpose)
            self.assertEqual(refusal(lambda k=key: self.sign(k, b"d" * 32)).reason,
                             "ALGORITHM_UNSUPPORTED")
        jws = new_key(self.officer, keys.KEY_ALGORITHM_EC_P256, keys.KEY_PURPOSE_JWS)
        self.assertEqual(refusal(lambda: self.sign(jws, b"d" * 32)).reason, "KEY_PURPOSE_MISMATCH")

    def test_either_right_alone_is_not_enough(self):
        digest = hashlib.sha256(MESSAGE).digest()
        for principal in ("checkout", "fraud"):
            refused = refusal(lambda p=principal: self.sign(self.key, digest, p))
            self.assertEqual(refused.reason, "POLICY_DENIED")
            refused = refusal(lambda p=principal: self.clients[p].BatchSign(
                signing.BatchSignRequest(name=self.key, digests=[digest]), timeout=SECONDS))
            self.assertEqual(refused.reason, "POLICY_DENIED")
        self.clients["checkout"].Sign(signing.SignRequest(name=self.key, message=MESSAGE),
                                      timeout=SECONDS)

    def test_the_service_verifies_digests_one_by_one_and_in_batches(self):
        messages = [b"%d" % number for number in range(10)]
        digests = [hashlib.sha256(message).digest() for message in messages]
        made = self.settlement.BatchSign(signing.BatchSignRequest(
            name=self.key, digests=digests + [b"short"]), timeout=SECONDS)
        self.assertEqual(made.results[-1].error.reason, "FIELD_INVALID")
        signatures = [result.signature for result in made.results[:-1]]
        public = self.public(self.key)
        for digest, signature in zip(digests, signatures):
            public.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
            self.assertTrue(self.settlement.Verify(signing.VerifyRequest(
                name=self.key, digest=digest, signature=signature), timeout=SECONDS).valid)
        pairs = [signing.SignedMessage(digest=digest, signature=signature)
                 for digest, signature in zip(digests, signatures[1:] + signatures[:1])]
        pairs += [signing.SignedMessage(message=messages[0], signature=signatures[0])]
        answer = self.settlement.BatchVerify(signing.BatchVerifyRequest(
            name=self.key, signed_messages=pairs), timeout=SECONDS)
        self.assertEqual([result.verification.valid for result in answer.results],
                         [False] * 10 + [True])

    def test_openssl_verifies_what_the_command_line_made(self):
        folder = self.deployment.folder
        (folder / "order.json").write_bytes(MESSAGE)
        subprocess.run(["openssl", "dgst", "-sha256", "-binary", "-out", folder / "order.sha256",
                        folder / "order.json"], check=True)
        signed = self.deployment.command(
            "settlement", "sign", "--key", self.key, "--digest", "--in", folder / "order.sha256",
            "--out", folder / "order.sig")
        self.assertEqual(signed.returncode, 0, signed.stderr)
        self.deployment.command("settlement", "keys", "public-key", self.key, "--out",
                                folder / "order.pem")
        verified = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", folder / "order.pem", "-signature",
             folder / "order.sig", folder / "order.json"], capture_output=True, check=False)
        self.assertIn(b"Verified OK", verified.stdout)
        for options, code in ((["--digest", "--in", folder / "order.sha256"], 0),
                              (["--in", folder / "order.json"], 0),
                              (["--in", folder / "order.sha256"], 1)):
            checked = self.deployment.command("settlement", "verify", "--key", self.key,
                                              "--signature", folder / "order.sig", *options)
            self.assertEqual(checked.returncode, code, checked.stderr)


if __name__ == "__main__":
    unittest.main()
