#!/usr/bin/env python3
"""Account references from outside: one for all tokens of a card, whatever their profiles, in every answer
about them, after a restart too, and no way to find a card by trying its reference."""

import json
import random
import unittest
import uuid

from cards import PUBLISHED, canaries, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, refusal, tokens

LINKED = "tenants/acme/tokenProfiles/linked"
PER_CALL = "tenants/acme/tokenProfiles/per-call"
NUMBERS = "tenants/acme/tokenProfiles/numbers"
LEGACY = "tenants/acme/tokenProfiles/legacy"
NETWORK = "tenants/acme/tokenProfiles/network"
BETA = "tenants/beta/tokenProfiles/cards"
PROFILES = """
  - tenant: acme
    name: linked
    number: 31
    deterministic: true
    account_reference_issuer: ACME
  - tenant: acme
    name: per-call
    number: 32
    deterministic: false
    account_reference_issuer: ACME
  - tenant: acme
    name: numbers
    number: 33
    deterministic: true
    family: numeric
    account_reference_issuer: ACME
  - tenant: acme
    name: legacy
    number: 34
    deterministic: true
    family: ff1
    ff1: {shortest_card: 13, longest_card: 19, keep_first: 6, keep_last: 0, luhn_offset: 3}
    account_reference_issuer: ACME
  - tenant: acme
    name: network
    number: 35
    deterministic: false
    family: emv
    emv:
      issued_range: {prefix: "99990012", length: 16}
      attestation: "Ours by the letter of the scheme; no cards in it"
      token_requestor_id: "40010030273"
      months_valid: 12
    account_reference_issuer: ACME
  - tenant: beta
    name: cards
    number: 1
    deterministic: false
    account_reference_issuer: BETA
"""
RULES = """
  - id: everybody-does-all
    roles: [tokenizing, settling]
    actions: [Tokenize, GetToken, Detokenize, LookUpToken, ConvertToken]
    resources: ["tenants/*/tokenProfiles/*"]
"""


def look_alikes(count: int) -> list[str]:
    """Different cards of one first six and last four digits."""
    made = []
    for middle in random.Random(3).sample(range(10**6), 20 * count):
        digits = f"400000{middle:06}1111"
        if passes_luhn(digits):
            made.append(digits)
    return made[:count]


class AccountReferences(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        self.deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                             RULES.lstrip("\n") + r"\n\g<0>")
        self.start()

    def start(self):
        self.deployment.start()
        self.checkout, self.settlement = (self.enterContext(Client(self.deployment, name))
                                          for name in ("checkout", "settlement"))

    def tokenize(self, pan: str, profile: str, client: Client | None = None, request_id: str = ""):
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan),
                                         request_id=request_id)
        return (client or self.checkout).tokens.Tokenize(request, timeout=SECONDS)

    def get(self, name: str, profile: str) -> str:
        return self.settlement.tokens.GetToken(
            tokens.GetTokenRequest(name=name, profile=profile), timeout=SECONDS).account_reference

    def detokenize(self, name: str, profile: str) -> str:
        return self.settlement.tokens.Detokenize(
            tokens.DetokenizeRequest(name=name, profile=profile), timeout=SECONDS).account_reference

    def test_all_tokens_of_a_card_have_one_in_every_answer_also_after_a_kill(self):
        references: dict[str, str] = {}
        made = {}
        for pan in (*PUBLISHED, *canaries(5)):
            reference = self.tokenize(pan, LINKED).account_reference
            self.assertRegex(reference, r"\AACME[A-Z]{25}\Z")
            self.assertNotIn(reference, references)
            references[reference] = pan
            for profile in (LINKED, PER_CALL, NUMBERS, LEGACY, NETWORK):
                token = self.tokenize(pan, profile)
                self.assertEqual(token.account_reference, reference, profile)
                self.assertEqual(self.detokenize(token.name, profile), reference, profile)
                if profile != LEGACY:
                    self.assertEqual(self.get(token.name, profile), reference, profile)
                made[token.name, profile] = reference
            for profile in (LINKED, NUMBERS):
                known = self.checkout.tokens.LookUpToken(tokens.LookUpTokenRequest(
                    parent=profile, card=tokens.Card(pan=pan)), timeout=SECONDS)
                self.assertEqual(known.account_reference, reference)
            # Another tenant's have nothing in common with them, and other profiles give none.
            of_beta = self.tokenize(pan, BETA).account_reference
            self.assertEqual(of_beta[:4], "BETA")
            self.assertNotEqual(of_beta[4:], reference[4:])
            self.assertEqual(self.tokenize(pan, CARDS).account_reference, "")
        self.deployment.kill()
        self.start()
        for (name, profile), reference in made.items():
            self.assertEqual(self.detokenize(name, profile), reference)

    def test_a_conversion_gives_that_of_its_target_and_a_repetition_the_same(self):
        pan = canaries(1)[0]
        reference = self.tokenize(pan, LINKED).account_reference
        request_id = str(uuid.uuid4())
        first = self.tokenize(pan, PER_CALL, request_id=request_id)
        self.assertEqual(self.tokenize(pan, PER_CALL, request_id=request_id), first)
        for target, expected in ((NETWORK, reference), (CARDS, "")):
            request = tokens.ConvertTokenRequest(name=first.name, target=target,
                                                 request_id=str(uuid.uuid4()))
            made = self.settlement.tokens.ConvertToken(request, timeout=SECONDS)
            self.assertEqual(made.account_reference, expected)
            self.assertEqual(self.settlement.tokens.ConvertToken(request, timeout=SECONDS), made)

    def test_a_card_is_not_found_by_trying_references(self):
        told = []
        for number, pan in enumerate(look_alikes(60)):
            batch = tokens.BatchTokenizeRequest(parent=(LINKED, PER_CALL, NETWORK)[number % 3],
                                                cards=[tokens.Card(pan=pan)])
            result = self.checkout.tokens.BatchTokenize(batch, timeout=SECONDS).results[0]
            if result.error.reason:
                self.assertEqual(result.error.reason, "GUESSES_EXHAUSTED")
            else:
                told.append(pan)
            if number == 15:
                self.deployment.kill()
                self.start()
        self.assertEqual(len(told), 20)
        refused = refusal(lambda: self.tokenize(told[0], PER_CALL))
        self.assertEqual(refused[:2], ("RESOURCE_EXHAUSTED", "GUESSES_EXHAUSTED"))
        # Another caller has guesses of its own, and other profiles tell nothing.
        self.tokenize(told[0], PER_CALL, self.settlement)
        self.tokenize(told[0], "tenants/acme/tokenProfiles/receipts")

    def test_a_start_with_another_issuer_is_refused(self):
        self.assertEqual(self.deployment.stop(), 0)
        config = self.deployment.folder / "config.yaml"
        config.write_text(config.read_text().replace("issuer: ACME", "issuer: ACMF"))
        self.assertIn("PROFILE_CHANGED", self.deployment.refused_start())

    def test_the_command_line_shows_them(self):
        first, second = canaries(2)
        reference = self.tokenize(first, LINKED).account_reference
        shown = self.deployment.command("checkout", "tokens", "tokenize", "--profile", PER_CALL,
                                        stdin=f"{first}\n")
        self.assertRegex(shown.stdout, rf"(?m)^ACCOUNT REFERENCE +{reference}$")
        name = self.tokenize(first, PER_CALL).name
        for verb in (("get", name), ("detokenize", name)):
            shown = self.deployment.command("settlement", "tokens", *verb)
            self.assertRegex(shown.stdout, rf"(?m)^ACCOUNT REFERENCE +{reference}$")
        for arguments, stdin in ((("tokenize", "--profile", PER_CALL), f"{first}\n1\n{second}\n"),
                                 (("look-up", "--profile", LINKED), f"{first}\n1\n"),
                                 (("convert", name, "--target", LINKED), "")):
            shown = self.deployment.command("settlement", "--output", "json", "tokens", *arguments,
                                            stdin=stdin)
            rows = [json.loads(line) for line in shown.stdout.splitlines()]
            self.assertEqual(rows[0]["account_reference"], reference)
            if len(rows) > 1:
                self.assertEqual((rows[1]["account_reference"], rows[1]["error"][:11]),
                                 ("", "PAN_INVALID"))
        shown = self.deployment.command("settlement", "tokens", "convert", name, "--target", CARDS)
        self.assertNotIn("REFERENCE", shown.stdout)


if __name__ == "__main__":
    unittest.main()
