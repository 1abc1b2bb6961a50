#!/usr/bin/env python3
"""Random tokens of digits from outside: shaped as the card and never a card, found through their profile
only, with a life as every stored token, and a profile that may not become another one."""

import unittest
import uuid

import audit_log
from cards import PUBLISHED, canaries, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

ONCE = "tenants/acme/tokenProfiles/numbers-once"
EACH = "tenants/acme/tokenProfiles/numbers-each"
NOT_FOUND = ("NOT_FOUND", "TOKEN_NOT_FOUND")
PAN = "4111111111111111"

PROFILES = """
  - tenant: acme
    name: numbers-once
    number: 41
    deterministic: true
    family: numeric
  - tenant: acme
    name: numbers-each
    number: 42
    deterministic: false
    family: numeric
"""


def declare(deployment: Deployment) -> None:
    deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
    # What settlement may do with cards it may do with these.
    deployment.edit("policy.yaml", r"resources: \[tenants/acme/tokenProfiles/cards\]",
                    f"resources: [{CARDS}, {ONCE}, {EACH}]")


def name_of(token: str) -> str:
    return f"tenants/acme/tokens/{token}"


class Numeric(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        declare(cls.deployment)
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.fraud, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "fraud", "auditor"))

    def tokenize(self, pan: str, profile: str, **more) -> tokens.TokenizeResponse:
        request = tokens.TokenizeRequest(
            parent=profile, card=tokens.Card(pan=pan, expiry="2031-07", cardholder_name="Ada"), **more)
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS)

    def detokenize(self, token: str, profile: str = "", client: Client | None = None):
        request = tokens.DetokenizeRequest(name=name_of(token), profile=profile,
                                           purpose="settlement")
        return (client or self.settlement).tokens.Detokenize(request, timeout=SECONDS)

    def test_cards_of_every_length_come_back_whole(self):
        seen = set()
        for profile in (ONCE, EACH):
            for pan in (*PUBLISHED, *canaries(5)):
                with self.subTest(profile=profile, length=len(pan)):
                    token = self.tokenize(pan, profile).token
                    self.assertEqual((len(token), token[-4:]), (len(pan), pan[-4:]))
                    self.assertTrue(token.isdigit())
                    self.assertFalse(passes_luhn(token))
                    self.assertNotIn((profile, token), seen)
                    seen.add((profile, token))
                    again = self.tokenize(pan, profile).token
                    self.assertEqual(again == token, profile == ONCE)
                    seen.add((profile, again))
                    card = self.detokenize(token, profile).card
                    self.assertEqual((card.pan, card.expiry, card.cardholder_name),
                                     (pan, "2031-07", "Ada"))

    def test_a_repeated_request_gets_the_same_digits(self):
        repeated = str(uuid.uuid4())
        first = self.tokenize(PAN, EACH, request_id=repeated)
        self.assertEqual(self.tokenize(PAN, EACH, request_id=repeated), first)
        self.assertNotEqual(self.tokenize(PAN, EACH).token, first.token)

    def test_what_the_named_profile_did_not_make_is_not_found_and_looks_the_same(self):
        token = self.tokenize(PAN, ONCE).token
        other = self.tokenize(PAN, EACH).token
        opaque = self.tokenize(PAN, CARDS).token
        changed = str((int(token[0]) + 1) % 10) + token[1:]
        wanted = refusal(lambda: self.detokenize("tok_x"))
        self.assertEqual(wanted[:2], NOT_FOUND)
        for wrong, profile in ((token, ""), (token, EACH), (token, CARDS), (other, ONCE),
                               (changed, ONCE), (opaque, ONCE), (PAN, ONCE), (token + "0", ONCE)):
            with self.subTest(wrong=wrong, profile=profile):
                self.assertEqual(refusal(lambda: self.detokenize(wrong, profile)), wanted)
        self.assertEqual(self.detokenize(opaque, CARDS).card.pan, PAN)

    def test_batches_answer_for_each_item(self):
        pans = (PAN, "4111111111111112", "5555555555554444")
        request = tokens.BatchTokenizeRequest(parent=EACH,
                                              cards=[tokens.Card(pan=pan) for pan in pans])
        made = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        self.assertEqual([result.error.reason for result in made], ["", "PAN_INVALID", ""])
        names = [made[0].token.name, name_of("4111111111111113"), made[2].token.name]
        read = self.settlement.tokens.BatchDetokenize(
            tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names, profile=EACH,
                                          purpose="settlement"), timeout=SECONDS).results
        self.assertEqual([result.card.card.pan for result in read], [pans[0], "", pans[2]])
        self.assertEqual(read[1].error.reason, "TOKEN_NOT_FOUND")

    def test_the_policy_decides_and_every_call_is_recorded(self):
        token = self.tokenize(PAN, ONCE).token
        refused = refusal(lambda: self.detokenize(token, ONCE, self.fraud))
        self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        self.detokenize(token, ONCE)
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        last = [record for record in audit_log.read(self.auditor.export(), key)
                if record.header["action"] == "TokenService.Detokenize"][-1]
        self.assertEqual((last.header["actor"], last.header["outcome"], last.header["profile"]),
                         ("settlement", "success", ONCE))
        self.assertEqual(last.body["items"][0]["resource"], name_of(token))

    def test_a_token_is_described_suspended_resumed_and_deleted_through_its_profile(self):
        token = self.tokenize(PAN, EACH).token

        def command(principal: str, verb: str, *more: str):
            return self.deployment.command(principal, "tokens", verb, name_of(token), *more)

        for more in ((), ("--profile", ONCE)):
            missed = command("checkout", "get", *more)
            self.assertEqual(missed.returncode, 1)
            self.assertIn("TOKEN_NOT_FOUND", missed.stderr)
        described = command("checkout", "get", "--profile", EACH)
        self.assertEqual(described.returncode, 0, described.stderr)
        self.assertRegex(described.stdout, r"\bactive\b")
        for principal, verb, reason in (("fraud", "suspend", "TOKEN_SUSPENDED"),
                                        ("fraud", "resume", ""),
                                        ("checkout", "delete", "TOKEN_DELETED")):
            changed = command(principal, verb, "--profile", EACH)
            self.assertEqual(changed.returncode, 0, changed.stdout + changed.stderr)
            if reason:
                refused = refusal(lambda: self.detokenize(token, EACH))
                self.assertEqual(refused[:2], ("FAILED_PRECONDITION", reason))
            else:
                self.assertEqual(self.detokenize(token, EACH).card.pan, PAN)


class ChangedNumeric(unittest.TestCase):
    def test_tokens_outlive_a_restart_and_a_profile_of_another_family_is_refused(self):
        with Deployment() as deployment:
            declare(deployment)
            good = (deployment.folder / "config.yaml").read_text()
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                token = checkout.tokens.Tokenize(
                    tokens.TokenizeRequest(parent=EACH, card=tokens.Card(pan=PAN)),
                    timeout=SECONDS).token
            self.assertEqual(deployment.stop(), 0)
            deployment.edit("config.yaml", r"number: 42\n(.*)\n    family: numeric\n",
                            r"number: 42\n\1\n")
            self.assertIn(f"PROFILE_CHANGED: the store holds tokens of {EACH}",
                          deployment.refused_start())
            (deployment.folder / "config.yaml").write_text(good)
            deployment.start()
            with Client(deployment, "settlement") as settlement:
                card = settlement.tokens.Detokenize(
                    tokens.DetokenizeRequest(name=name_of(token), profile=EACH,
                                             purpose="settlement"), timeout=SECONDS).card
            self.assertEqual(card.pan, PAN)


if __name__ == "__main__":
    unittest.main()
