#!/usr/bin/env python3
"""The whole main job as a stranger does it: over mutual TLS, with stubs made from proto/, checking
signatures and the log with libraries that the service does not use."""

import subprocess
import unittest
import uuid

import audit_log
import cards
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, keys, new_id, new_key, refusal, signing, tokens


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        for principal in ("checkout", "settlement", "fraud", "officer-1", "auditor"):
            client = cls.enterClassContext(Client(cls.deployment, principal))
            setattr(cls, principal.split("-")[0], client)

    def tokenize(self, pan: str, **card) -> str:
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan, **card))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def reveal(self, name: str):
        request = tokens.DetokenizeRequest(name=name, purpose="settlement")
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS)

    def create_key(self, algorithm, purpose=keys.KEY_PURPOSE_SIGN) -> str:
        return new_key(self.officer, algorithm, purpose)

    def sign(self, name: str, message: bytes, **options):
        request = signing.SignRequest(name=name, message=message, **options)
        return self.settlement.signing.Sign(request, timeout=SECONDS)

    def verify(self, name: str, message: bytes, signature: bytes, **options):
        request = signing.VerifyRequest(name=name, message=message, signature=signature, **options)
        return self.settlement.signing.Verify(request, timeout=SECONDS)

    def public_key(self, name: str):
        request = signing.GetPublicKeyRequest(name=name)
        answer = self.settlement.signing.GetPublicKey(request, timeout=SECONDS)
        from_pem = serialization.load_pem_public_key(answer.pem.encode())
        from_der = serialization.load_der_public_key(answer.der)
        self.assertEqual(from_pem.public_numbers(), from_der.public_numbers())
        return from_der

    def records(self):
        checkpoint = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(), timeout=SECONDS)
        return audit_log.read(self.auditor.export(), checkpoint.verifier_key)

    def test_cards_of_every_length_come_back_whole(self):
        for pan in cards.PUBLISHED:
            with self.subTest(length=len(pan)):
                name = self.tokenize(pan)
                self.assertRegex(name, r"^tenants/acme/tokens/tok_[a-z2-7]+$")
                answer = self.reveal(name)
                self.assertEqual(answer.reveal, tokens.REVEAL_FULL)
                self.assertEqual(answer.card.pan, pan)

    def test_expiry_and_name_come_back_with_the_card(self):
        pan = cards.invented()
        name = self.tokenize(pan, expiry="2030-12", cardholder_name="Zoë Müller")
        answer = self.reveal(name)
        self.assertEqual((answer.card.expiry, answer.expiry), ("2030-12", "2030-12"))
        self.assertEqual(answer.card.cardholder_name, "Zoë Müller")

    def test_a_card_that_is_known_keeps_its_token(self):
        pan = cards.invented()
        self.assertEqual(self.tokenize(pan), self.tokenize(pan))

    def test_a_screening_service_sees_first_six_and_last_four(self):
        pan = cards.invented()
        name = self.tokenize(pan, expiry="2031-01")
        request = tokens.DetokenizeRequest(name=name, purpose="fraud-screening")
        answer = self.fraud.tokens.Detokenize(request, timeout=SECONDS)
        self.assertEqual(answer.reveal, tokens.REVEAL_MASKED)
        self.assertEqual(answer.masked_pan, f"{pan[:6]}******{pan[-4:]}")
        self.assertFalse(answer.HasField("card"))

    def test_who_tokenizes_may_not_detokenize(self):
        name = self.tokenize(cards.invented())
        request = tokens.DetokenizeRequest(name=name, purpose="settlement")
        refused = refusal(lambda: self.checkout.tokens.Detokenize(request, timeout=SECONDS))
        self.assertEqual((refused.code, refused.reason), ("PERMISSION_DENIED", "POLICY_DENIED"))
        last = [record for record in self.records()
                if record.header["action"] == "TokenService.Detokenize"][-1]
        self.assertEqual((last.header["outcome"], last.header["actor"]), ("denied", "checkout"))

    def test_a_reveal_needs_its_purpose(self):
        name = self.tokenize(cards.invented())
        for purpose in ("", "marketing"):
            request = tokens.DetokenizeRequest(name=name, purpose=purpose)
            refused = refusal(lambda r=request: self.settlement.tokens.Detokenize(r,
                                                                                  timeout=SECONDS))
            self.assertEqual((refused.code, refused.reason), ("PERMISSION_DENIED", "POLICY_DENIED"))

    def test_a_batch_succeeds_and_fails_item_by_item(self):
        pans = [cards.invented(), "4111111111111112", cards.invented()]
        request = tokens.BatchTokenizeRequest(parent=CARDS,
                                              cards=[tokens.Card(pan=pan) for pan in pans])
        results = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        self.assertEqual([result.WhichOneof("result") for result in results],
                         ["token", "error", "token"])
        self.assertEqual(results[1].error.reason, "PAN_INVALID")
        self.assertNotIn(pans[1], results[1].error.message)
        names = [results[2].token.name, "tenants/acme/tokens/tok_nothing", results[0].token.name]
        request = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names,
                                                purpose="settlement")
        results = self.settlement.tokens.BatchDetokenize(request, timeout=SECONDS).results
        self.assertEqual([result.card.card.pan for result in results], [pans[2], "", pans[0]])
        self.assertEqual(results[1].error.reason, "TOKEN_NOT_FOUND")
        request = tokens.BatchGetTokensRequest(parent="tenants/acme", names=names)
        results = self.checkout.tokens.BatchGetTokens(request, timeout=SECONDS).results
        self.assertEqual([(result.token.name, result.token.masked_pan[-4:]) for result in results],
                         [(names[0], pans[2][-4:]), ("", ""), (names[2], pans[0][-4:])])
        self.assertEqual(results[1].error.reason, "TOKEN_NOT_FOUND")

    def test_a_repeated_request_gets_the_same_token(self):
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=cards.invented()),
                                         request_id=str(uuid.uuid4()))
        first = self.checkout.tokens.Tokenize(request, timeout=SECONDS)
        self.assertEqual(self.checkout.tokens.Tokenize(request, timeout=SECONDS), first)
        request.card.pan = cards.invented()
        refused = refusal(lambda: self.checkout.tokens.Tokenize(request, timeout=SECONDS))
        self.assertEqual((refused.code, refused.reason), ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))

    def test_a_token_is_described_without_its_card(self):
        pan = cards.invented()
        name = self.tokenize(pan, expiry="2029-02")
        answer = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=name), timeout=SECONDS)
        self.assertEqual((answer.name, answer.profile, answer.expiry), (name, CARDS, "2029-02"))
        self.assertTrue(answer.masked_pan.endswith(pan[-4:]))
        self.assertNotIn(pan, str(answer))

    def test_a_suspended_token_opens_for_nobody_until_it_is_resumed(self):
        name = self.tokenize(cards.invented())
        request = tokens.SuspendTokenRequest(name=name, request_id=str(uuid.uuid4()))
        answer = self.fraud.tokens.SuspendToken(request, timeout=SECONDS)
        self.assertEqual(answer.state, tokens.TOKEN_STATE_SUSPENDED)
        refused = refusal(lambda: self.reveal(name))
        self.assertEqual((refused.code, refused.reason), ("FAILED_PRECONDITION", "TOKEN_SUSPENDED"))
        refused = refusal(lambda: self.settlement.tokens.ResumeToken(
            tokens.ResumeTokenRequest(name=name), timeout=SECONDS))
        self.assertEqual(refused.reason, "POLICY_DENIED")
        self.fraud.tokens.ResumeToken(tokens.ResumeTokenRequest(name=name), timeout=SECONDS)
        # The request from before changes nothing any more.
        self.fraud.tokens.SuspendToken(request, timeout=SECONDS)
        self.reveal(name)
        items = [record.body["items"][0] for record in self.records()
                 if record.header["action"] == "TokenService.SuspendToken"]
        self.assertIn({"outcome": "success", "resource": name, "state_before": "active",
                       "state_after": "suspended"}, items)

    def test_deleted_tokens_never_open_again_and_their_cards_get_others(self):
        pans = [cards.invented() for _ in range(3)]
        names = [self.tokenize(pan) for pan in pans]
        request = tokens.BatchDeleteTokensRequest(parent="tenants/acme",
                                                  names=[*names[:2], "no name"])
        results = self.checkout.tokens.BatchDeleteTokens(request, timeout=SECONDS).results
        deleted = tokens.TOKEN_STATE_DELETED
        self.assertEqual([result.state for result in results], [deleted, deleted, 0])
        self.assertEqual(results[2].error.reason, "FIELD_INVALID")
        others = [self.tokenize(pan) for pan in pans]
        kept = [other == name for other, name in zip(others, names)]
        self.assertEqual(kept, [False, False, True])
        for pan, name, other in zip(pans[:2], names, others):
            refused = refusal(lambda gone=name: self.reveal(gone))
            self.assertEqual(refused.reason, "TOKEN_DELETED")
            self.assertEqual(self.reveal(other).card.pan, pan)
            described = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=name),
                                                      timeout=SECONDS)
            self.assertEqual((described.state, described.masked_pan), (deleted, ""))

    def test_ecdsa_signatures_verify_elsewhere(self):
        name, message = self.create_key(keys.KEY_ALGORITHM_EC_P256), b'{"amount": 1250}'
        public = self.public_key(name)
        answer = self.sign(name, message)
        self.assertEqual(answer.algorithm, "ECDSA-P256-SHA256")
        public.verify(answer.signature, message, ec.ECDSA(hashes.SHA256()))
        with self.assertRaises(InvalidSignature):
            public.verify(answer.signature, message + b" ", ec.ECDSA(hashes.SHA256()))
        pair = self.sign(name, message, encoding=signing.SIGNATURE_ENCODING_P1363).signature
        self.assertEqual(len(pair), 64)
        der = utils.encode_dss_signature(int.from_bytes(pair[:32], "big"),
                                         int.from_bytes(pair[32:], "big"))
        public.verify(der, message, ec.ECDSA(hashes.SHA256()))

    def test_signatures_of_p_384_verify_elsewhere(self):
        name, message = self.create_key(keys.KEY_ALGORITHM_EC_P384), b'{"amount": 1250}'
        answer = self.sign(name, message)
        self.assertEqual(answer.algorithm, "ECDSA-P384-SHA384")
        self.public_key(name).verify(answer.signature, message, ec.ECDSA(hashes.SHA384()))
        pair = self.sign(name, message, encoding=signing.SIGNATURE_ENCODING_P1363).signature
        self.assertEqual(len(pair), 96)

    def test_rsa_signatures_verify_elsewhere(self):
        for algorithm, bits, digest in (
                (keys.KEY_ALGORITHM_RSA_2048, 2048, hashes.SHA256()),
                (keys.KEY_ALGORITHM_RSA_2048_SHA384, 2048, hashes.SHA384()),
                (keys.KEY_ALGORITHM_RSA_2048_SHA512, 2048, hashes.SHA512()),
                (keys.KEY_ALGORITHM_RSA_3072, 3072, hashes.SHA256()),
                (keys.KEY_ALGORITHM_RSA_4096_SHA512, 4096, hashes.SHA512())):
            with self.subTest(bits=bits, digest=digest.name):
                name, message = self.create_key(algorithm), b"refund 12"
                public = self.public_key(name)
                self.assertEqual(public.key_size, bits)
                pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
                public.verify(self.sign(name, message).signature, message, pss, digest)
                pkcs1 = self.sign(name, message, rsa_padding=signing.RSA_PADDING_PKCS1).signature
                public.verify(pkcs1, message, padding.PKCS1v15(), digest)

    def test_the_openssl_program_verifies_every_kind_of_signature(self):
        folder = self.deployment.folder
        pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
        file, signature, public = (folder / f"openssl.{end}" for end in ("json", "sig", "pem"))
        for algorithm, options, check in (
                (keys.KEY_ALGORITHM_EC_P256, [], "dgst -sha256"),
                (keys.KEY_ALGORITHM_EC_P384, [], "dgst -sha384"),
                (keys.KEY_ALGORITHM_RSA_2048, ["--padding", "pss"], f"dgst -sha256 {pss}"),
                (keys.KEY_ALGORITHM_RSA_2048, ["--padding", "pkcs1"], "dgst -sha256"),
                (keys.KEY_ALGORITHM_RSA_2048_SHA512, ["--padding", "pss"], f"dgst -sha512 {pss}"),
                (keys.KEY_ALGORITHM_ED25519, [], "pkeyutl -rawin")):
            with self.subTest(algorithm=algorithm, options=options):
                name = self.create_key(algorithm)
                file.write_bytes(b'{"order": 4711}')
                for made in (self.deployment.command("settlement", "sign", "--key", name, "--in",
                                                     file, "--out", signature, *options),
                             self.deployment.command("settlement", "keys", "public-key", name,
                                                     "--out", public)):
                    self.assertEqual(made.returncode, 0, made.stderr)
                how = (["-verify", public, "-signature", signature, file] if "dgst" in check else
                       ["-verify", "-pubin", "-inkey", public, "-sigfile", signature, "-in", file])
                command = ["openssl", *check.split(), *how]
                self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode,
                                 0)
                file.write_bytes(b'{"order": 4712}')
                self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode,
                                 1)

    def test_a_mac_verifies_by_the_service_alone(self):
        for algorithm, word, size in ((keys.KEY_ALGORITHM_HMAC_SHA256, "HMAC-SHA256", 32),
                                      (keys.KEY_ALGORITHM_HMAC_SHA384, "HMAC-SHA384", 48),
                                      (keys.KEY_ALGORITHM_HMAC_SHA512, "HMAC-SHA512", 64),
                                      (keys.KEY_ALGORITHM_AES_256_CMAC, "AES-CMAC", 16)):
            with self.subTest(algorithm=word):
                name = self.create_key(algorithm, keys.KEY_PURPOSE_MAC)
                answer = self.sign(name, b"webhook")
                self.assertEqual((answer.algorithm, len(answer.signature)), (word, size))
                self.assertTrue(self.verify(name, b"webhook", answer.signature).valid)
                self.assertFalse(self.verify(name, b"webhooks", answer.signature).valid)

    def test_a_rotated_signing_key_signs_anew_and_verifies_what_was(self):
        name, message = self.create_key(keys.KEY_ALGORITHM_EC_P256), b"before"
        before = self.sign(name, message)
        request = keys.RotateKeyRequest(name=name, request_id=str(uuid.uuid4()))
        rotated = self.officer.keys.RotateKey(request, timeout=60).key
        self.assertEqual([(version.name, version.primary) for version in rotated.versions],
                         [(f"{name}/versions/2", True), (f"{name}/versions/1", False)])
        after = self.sign(name, message)
        self.assertEqual((before.key_version, after.key_version),
                         (f"{name}/versions/1", f"{name}/versions/2"))
        for signature in (before, after):
            self.assertEqual(self.verify(name, message, signature.signature).key_version,
                             signature.key_version)
            self.public_key(signature.key_version).verify(signature.signature, message,
                                                          ec.ECDSA(hashes.SHA256()))

    def test_a_rotated_data_key_still_opens_old_tokens(self):
        old = self.tokenize("6011000990139424")
        version = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=old),
                                                timeout=SECONDS).data_key_version
        name = "tenants/acme/keys/cards-data"
        self.officer.keys.RotateKey(keys.RotateKeyRequest(name=name), timeout=60)
        new = self.tokenize("3566002020360505")
        self.assertGreater(self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=new),
                                                         timeout=SECONDS).data_key_version, version)
        self.assertEqual(self.reveal(old).card.pan, "6011000990139424")
        self.assertEqual(self.reveal(new).card.pan, "3566002020360505")

    def test_keys_are_listed_page_by_page(self):
        created = {self.create_key(keys.KEY_ALGORITHM_EC_P256) for _ in range(2)}
        listed, page_token = [], ""
        while True:
            request = keys.ListKeysRequest(parent="tenants/acme", page_size=2,
                                           page_token=page_token)
            page = self.officer.keys.ListKeys(request, timeout=SECONDS)
            self.assertLessEqual(len(page.keys), 2)
            listed += [key.name for key in page.keys]
            if not (page_token := page.next_page_token):
                break
        self.assertEqual(listed, sorted(set(listed)))
        self.assertLessEqual(created, set(listed))

    def test_the_log_has_every_call_and_proves_it(self):
        request_id = new_id()
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan="4012888888881881"),
                                         request_id=request_id)
        token = self.checkout.tokens.Tokenize(request, timeout=SECONDS).name
        records = self.records()
        mine = [record for record in records if record.body.get("request_id") == request_id]
        self.assertEqual(len(mine), 1)
        self.assertEqual(mine[0].header["action"], "TokenService.Tokenize")
        self.assertEqual((mine[0].header["outcome"], mine[0].header["actor"]),
                         ("success", "checkout"))
        self.assertIn(token, str(mine[0].body))
        self.assertEqual(records[0].header["index"], 0)
        self.assertTrue(any(record.header["action"] == "AuditService.ExportAudit"
                            for record in self.records()))

    def test_a_changed_byte_of_the_export_is_noticed(self):
        checkpoint = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(), timeout=SECONDS)
        export = self.auditor.export()
        audit_log.read(export, checkpoint.verifier_key)
        at = export.index(b'"', len(export) // 2) - 1
        changed = export[:at] + bytes([export[at] ^ 1]) + export[at + 1:]
        with self.assertRaises(Exception):
            audit_log.read(changed, checkpoint.verifier_key)

    def test_only_tls_1_3_is_spoken(self):
        pki = self.deployment.folder / "pki"
        for version, connects in (("-tls1_2", False), ("-tls1_3", True)):
            command = ["openssl", "s_client", "-connect", self.deployment.server, version,
                       "-alpn", "h2", "-CAfile", pki / "ca.pem", "-cert", pki / "checkout.pem",
                       "-key", pki / "checkout.key", "-verify_return_error"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                  check=False, timeout=30)
            self.assertEqual(done.returncode == 0, connects, version)

    def test_no_card_number_is_in_any_file(self):
        for pan in cards.PUBLISHED:
            self.tokenize(pan, cardholder_name="Canary Cardholder")
        self.records()
        traces = [pan.encode() for pan in cards.PUBLISHED] + [b"Canary Cardholder"]
        for path in self.deployment.files():
            content = path.read_bytes()
            for trace in traces:
                self.assertNotIn(trace, content, path.name)


if __name__ == "__main__":
    unittest.main()
