#!/usr/bin/env python3
"""EMV-style tokens from outside: numbers of an attested range with requestor and expiry, a life as every
stored token, and ranges that are refused."""

import datetime
import unittest
import uuid

import audit_log
from cards import PUBLISHED, canaries, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

NETWORK = "tenants/acme/tokenProfiles/network"
PAN = "4111111111111111"
PREFIX = "99990012"
REQUESTOR = "40010030273"
ATTESTATION = "Ours by the letter of the scheme; no cards in it"

PROFILE = f"""
  - tenant: acme
    name: network
    number: 51
    deterministic: false
    family: emv
    emv:
      issued_range: {{prefix: "{PREFIX}", length: 16}}
      attestation: {ATTESTATION}
      token_requestor_id: "{REQUESTOR}"
      months_valid: 36
"""


def declare(deployment: Deployment) -> None:
    deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILE.lstrip("\n"))
    # What settlement may do with cards it may do with these.
    deployment.edit("policy.yaml", r"resources: \[tenants/acme/tokenProfiles/cards\]",
                    f"resources: [{CARDS}, {NETWORK}]")


def name_of(token: str) -> str:
    return f"tenants/acme/tokens/{token}"


def months_after(now: datetime.datetime, months: int) -> str:
    month = now.year * 12 + now.month - 1 + months
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


class Emv(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        declare(cls.deployment)
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "auditor"))

    def tokenize(self, pan: str, profile: str = NETWORK, **more) -> tokens.TokenizeResponse:
        request = tokens.TokenizeRequest(
            parent=profile, card=tokens.Card(pan=pan, expiry="2031-07", cardholder_name="Ada"), **more)
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS)

    def detokenize(self, token: str, profile: str = NETWORK):
        request = tokens.DetokenizeRequest(name=name_of(token), profile=profile,
                                           purpose="settlement")
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS)

    def test_cards_of_every_length_become_numbers_of_the_range_and_come_back_whole(self):
        seen = set()
        for pan in (*PUBLISHED, *canaries(5)):
            with self.subTest(length=len(pan)):
                before = datetime.datetime.now(datetime.timezone.utc)
                made = self.tokenize(pan)
                after = datetime.datetime.now(datetime.timezone.utc)
                self.assertRegex(made.token, f"^{PREFIX}[0-9]{{8}}$")
                self.assertTrue(passes_luhn(made.token))
                self.assertNotIn(made.token, seen)
                seen.add(made.token)
                self.assertEqual(made.token_requestor_id, REQUESTOR)
                self.assertIn(made.token_expiry, (months_after(before, 36), months_after(after, 36)))
                card = self.detokenize(made.token).card
                self.assertEqual((card.pan, card.expiry, card.cardholder_name),
                                 (pan, "2031-07", "Ada"))

    def test_a_repeated_request_gets_the_same_answer(self):
        repeated = str(uuid.uuid4())
        first = self.tokenize(PAN, request_id=repeated)
        self.assertEqual(self.tokenize(PAN, request_id=repeated), first)
        self.assertNotEqual(self.tokenize(PAN).token, first.token)

    def test_batches_answer_for_each_item(self):
        request = tokens.BatchTokenizeRequest(
            parent=NETWORK, cards=[tokens.Card(pan=pan) for pan in (PAN, PAN[:-1] + "2")])
        made = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        self.assertEqual([result.error.reason for result in made], ["", "PAN_INVALID"])
        self.assertEqual(made[0].token.token_requestor_id, REQUESTOR)
        self.assertRegex(made[0].token.token_expiry, r"^20\d\d-\d\d$")

    def test_a_token_is_described_and_suspended_through_its_profile(self):
        made = self.tokenize(PAN)

        def command(principal: str, verb: str):
            done = self.deployment.command(principal, "tokens", verb, name_of(made.token),
                                           "--profile", NETWORK)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout

        described = command("checkout", "get")
        self.assertRegex(described, rf"TOKEN EXPIRY +{made.token_expiry}\n")
        self.assertRegex(described, rf"TOKEN REQUESTOR ID +{REQUESTOR}\n")
        command("fraud", "suspend")
        self.assertEqual(refusal(lambda: self.detokenize(made.token))[:2],
                         ("FAILED_PRECONDITION", "TOKEN_SUSPENDED"))
        command("fraud", "resume")
        self.assertEqual(self.detokenize(made.token).card.pan, PAN)

    def test_the_command_line_shows_expiry_and_requestor_of_what_it_made(self):
        made = self.deployment.command("checkout", "tokens", "tokenize", "--profile", NETWORK,
                                       stdin=PAN + "\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertRegex(made.stdout, rf"TOKEN REQUESTOR ID +{REQUESTOR}\n")

    def test_a_token_in_the_place_of_a_card_is_refused(self):
        token = self.tokenize(PAN).token
        for profile in (CARDS, NETWORK):
            refused = refusal(lambda: self.tokenize(token, profile))
            self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "PAN_INVALID", "card.pan"))

    def test_other_tokens_and_other_profiles_are_not_found_and_look_the_same(self):
        token = self.tokenize(PAN).token
        opaque = self.tokenize(PAN, CARDS).token
        wanted = refusal(lambda: self.detokenize("tok_x", ""))
        self.assertEqual(wanted[:2], ("NOT_FOUND", "TOKEN_NOT_FOUND"))
        for wrong, profile in ((token, ""), (token, CARDS), (opaque, NETWORK), (PAN, NETWORK)):
            with self.subTest(wrong=wrong, profile=profile):
                self.assertEqual(refusal(lambda: self.detokenize(wrong, profile)), wanted)

    def test_the_attestation_is_in_the_record_of_the_key(self):
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        formats = [record.body["details"].get("token_format", "")
                   for record in audit_log.read(self.auditor.export(), key)
                   if record.header["action"] == "KeyService.CreateKey"]
        self.assertTrue(any(f"range={PREFIX}/16" in text and ATTESTATION in text for text in formats))


class ChangedEmv(unittest.TestCase):
    def test_what_contradicts_itself_or_was_changed_does_not_start(self):
        with Deployment() as deployment:
            declare(deployment)
            good = (deployment.folder / "config.yaml").read_text()

            def refused_with(old: str, new: str) -> str:
                self.assertIn(old, good)
                (deployment.folder / "config.yaml").write_text(good.replace(old, new))
                return deployment.refused_start()

            for old, new, said in (
                    (PREFIX, "400012", r"config\.yaml:\d+:\d+: the issued range overlaps .*: Visa"),
                    (f"      attestation: {ATTESTATION}\n", "", r"config\.yaml:\d+:\d+: .*attestation"),
                    (REQUESTOR, "4001003027", r"config\.yaml:\d+:\d+: a token requestor id is")):
                self.assertRegex(refused_with(old, new), said)
            (deployment.folder / "config.yaml").write_text(good)
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                token = checkout.tokens.Tokenize(
                    tokens.TokenizeRequest(parent=NETWORK, card=tokens.Card(pan=PAN)),
                    timeout=SECONDS).token
            self.assertEqual(deployment.stop(), 0)
            for old, new in ((PREFIX, "99990013"), (REQUESTOR, "40010030274"),
                             ("months_valid: 36", "months_valid: 35"),
                             (ATTESTATION, "Ours by another letter")):
                self.assertIn("PROFILE_CHANGED", refused_with(old, new))
            (deployment.folder / "config.yaml").write_text(good)
            deployment.start()
            with Client(deployment, "settlement") as settlement:
                card = settlement.tokens.Detokenize(
                    tokens.DetokenizeRequest(name=name_of(token), profile=NETWORK,
                                             purpose="settlement"), timeout=SECONDS).card
            self.assertEqual(card.pan, PAN)


if __name__ == "__main__":
    unittest.main()
