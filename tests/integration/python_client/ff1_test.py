#!/usr/bin/env python3
"""Tokens of digits from outside: made and read by FF1, refused where they are nothing, and a profile
that may not become another one."""

import re
import unittest

import audit_log
from cards import PUBLISHED, canaries, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

LEGACY = "tenants/acme/tokenProfiles/legacy"
PREFIXED = "tenants/acme/tokenProfiles/prefixed"
NOT_FOUND = ("NOT_FOUND", "TOKEN_NOT_FOUND")
INVALID = ("INVALID_ARGUMENT", "FIELD_INVALID")

PROFILES = """
  - tenant: acme
    name: legacy
    number: 31
    deterministic: true
    family: ff1
    ff1: {shortest_card: 13, longest_card: 19, keep_first: 6, keep_last: 0, luhn_offset: 3}
  - tenant: acme
    name: prefixed
    number: 32
    deterministic: true
    family: ff1
    ff1: {shortest_card: 16, longest_card: 19, keep_first: 6, keep_last: 4, luhn_offset: 4, prefix: ppt_}
"""
ADMITTED = {LEGACY: range(13, 20), PREFIXED: range(16, 20)}


class Ff1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        # What settlement may do with cards it may do with these.
        cls.deployment.edit("policy.yaml", r"resources: \[tenants/acme/tokenProfiles/cards\]",
                            f"resources: [{CARDS}, {LEGACY}, {PREFIXED}]")
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.fraud, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "fraud", "auditor"))

    def tokenize(self, pan: str, profile: str, **more) -> tokens.TokenizeResponse:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan, **more))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS)

    def detokenize(self, token: str, profile: str = "", client: Client | None = None):
        request = tokens.DetokenizeRequest(name=f"tenants/acme/tokens/{token}", profile=profile,
                                           purpose="settlement")
        return (client or self.settlement).tokens.Detokenize(request, timeout=SECONDS)

    def test_cards_of_every_admitted_length_come_back(self):
        for profile, lengths in ADMITTED.items():
            for pan in (*PUBLISHED, *canaries(5)):
                with self.subTest(profile=profile, length=len(pan)):
                    if len(pan) not in lengths:
                        refused = refusal(lambda: self.tokenize(pan, profile))
                        self.assertEqual(refused[:3], (*INVALID, "card.pan"))
                        continue
                    token = self.tokenize(pan, profile).token
                    self.assertEqual(self.tokenize(pan, profile).token, token)
                    digits = token.removeprefix("ppt_")
                    self.assertFalse(passes_luhn(digits))
                    if profile == LEGACY:
                        self.assertEqual((len(token), token[:6]), (len(pan), pan[:6]))
                    else:
                        self.assertEqual((len(digits), digits[1:7], digits[-4:]),
                                         (len(pan) + 1, pan[:6], pan[-4:]))
                    self.assertEqual(self.detokenize(token, profile).card.pan, pan)

    def test_batches_answer_for_each_item(self):
        pans = ("4111111111111111", "4111111111111112", "5555555555554444")
        request = tokens.BatchTokenizeRequest(parent=LEGACY,
                                              cards=[tokens.Card(pan=pan) for pan in pans])
        made = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        self.assertEqual([result.error.reason for result in made], ["", "PAN_INVALID", ""])
        names = [made[0].token.name, "tenants/acme/tokens/4111111111111111", made[2].token.name]
        read = self.settlement.tokens.BatchDetokenize(
            tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names, profile=LEGACY,
                                          purpose="settlement"), timeout=SECONDS).results
        self.assertEqual([result.card.card.pan for result in read], [pans[0], "", pans[2]])
        self.assertEqual(read[1].error.reason, "TOKEN_NOT_FOUND")

    def test_what_the_profile_did_not_make_is_not_found(self):
        token = self.tokenize("4111111111111111", LEGACY).token
        opaque = self.tokenize("4111111111111111", CARDS).token
        changed = token[:-1] + str((int(token[-1]) + 1) % 10)
        for wrong, profile in ((token, ""), (changed, LEGACY), (token, PREFIXED), (opaque, LEGACY),
                               (token, CARDS), ("4111111111111111", LEGACY)):
            with self.subTest(wrong=wrong, profile=profile):
                refused = refusal(lambda: self.detokenize(wrong, profile))
                self.assertEqual(refused[:2], NOT_FOUND)
                self.assertEqual(refused, refusal(lambda: self.detokenize("tok_x")))
        self.assertEqual(self.detokenize(opaque, CARDS).card.pan, "4111111111111111")
        described = refusal(lambda: self.checkout.tokens.GetToken(
            tokens.GetTokenRequest(name=f"tenants/acme/tokens/{token}"), timeout=SECONDS))
        self.assertEqual(described[:2], NOT_FOUND)

    def test_what_nothing_would_keep_and_what_is_no_profile_is_refused(self):
        refused = refusal(lambda: self.tokenize("4111111111111111", LEGACY, expiry="2030-12"))
        self.assertEqual(refused[:3], (*INVALID, "card.expiry"))
        token = self.tokenize("4111111111111111", LEGACY).token
        for profile in ("legacy", "tenants/beta/tokenProfiles/legacy"):
            refused = refusal(lambda: self.detokenize(token, profile))
            self.assertEqual(refused[:3], (*INVALID, "profile"))

    def test_the_policy_decides_and_every_call_is_recorded(self):
        token = self.tokenize("4111111111111111", LEGACY).token
        for client in (self.fraud, self.checkout):
            refused = refusal(lambda: self.detokenize(token, LEGACY, client))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        self.detokenize(token, LEGACY)
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        records = [record for record in audit_log.read(self.auditor.export(), key)
                   if record.header["action"] == "TokenService.Detokenize"]
        last = records[-1]
        self.assertEqual((last.header["actor"], last.header["outcome"], last.header["profile"]),
                         ("settlement", "success", LEGACY))
        self.assertEqual(last.body["items"][0]["resource"], f"tenants/acme/tokens/{token}")
        self.assertEqual(last.body["details"], {"ff1_key_version": "1", "reveal": "full"})
        self.assertEqual({record.header["outcome"] for record in records
                          if record.header["actor"] in ("fraud", "checkout")}, {"denied"})

    def test_the_command_line_reads_them_by_their_profile(self):
        token = self.tokenize("4111111111111111", LEGACY).token
        shown = self.deployment.command("settlement", "tokens", "detokenize",
                                        f"tenants/acme/tokens/{token}", "--profile", LEGACY,
                                        "--purpose", "settlement", "--reveal")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"\b4111111111111111\b")

    def test_the_key_does_not_rotate(self):
        done = self.deployment.command("officer-1", "keys", "rotate", "tenants/acme/keys/legacy-ff1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("KEY_NOT_ROTATABLE", done.stderr)


class ChangedFf1(unittest.TestCase):
    def test_a_profile_that_changes_is_refused_at_the_start_and_its_tokens_open_after_a_return(self):
        with Deployment() as deployment:
            deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
            deployment.edit("policy.yaml", r"resources: \[tenants/acme/tokenProfiles/cards\]",
                            f"resources: [{CARDS}, {LEGACY}]")
            good = (deployment.folder / "config.yaml").read_text()
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                token, _ = (checkout.tokens.Tokenize(
                    tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan="4111111111111111")),
                    timeout=SECONDS) for profile in (LEGACY, CARDS))
            self.assertEqual(deployment.stop(), 0)

            changes = ((r"luhn_offset: 3", "luhn_offset: 5"), (r"keep_first: 6, keep_last: 0",
                                                              "keep_first: 0, keep_last: 0"),
                       (r"    family: ff1\n    ff1: .*luhn_offset: 3}\n", ""))
            for pattern, replacement in changes:
                with self.subTest(replacement):
                    deployment.edit("config.yaml", pattern, replacement)
                    said = deployment.refused_start()
                    self.assertIn(f"PROFILE_CHANGED: {LEGACY}", said)
                    (deployment.folder / "config.yaml").write_text(good)

            # The rows of an opaque profile have its number.
            deployment.edit("config.yaml", r"number: 1$", "number: 33")
            deployment.edit("config.yaml", r"number: 31$", "number: 1")
            self.assertIn(f"PROFILE_CHANGED: the store holds tokens of {LEGACY}",
                          deployment.refused_start())
            (deployment.folder / "config.yaml").write_text(good)

            # Found before anything is opened, with the place.
            deployment.edit("config.yaml", r"shortest_card: 13", "shortest_card: 12")
            said = deployment.daemon("check-config")
            self.assertEqual(said.returncode, 1)
            self.assertRegex(said.stderr, re.compile(r"config\.yaml:\d+:\d+: of a card of 12 digits 5"))
            (deployment.folder / "config.yaml").write_text(good)

            deployment.start()
            with Client(deployment, "settlement") as settlement:
                card = settlement.tokens.Detokenize(
                    tokens.DetokenizeRequest(name=token.name, profile=LEGACY, purpose="settlement"),
                    timeout=SECONDS)
            self.assertEqual(card.card.pan, "4111111111111111")


if __name__ == "__main__":
    unittest.main()
