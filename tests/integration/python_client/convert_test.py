#!/usr/bin/env python3
"""Converting tokens from outside: into another profile's, another tenant's and back, with a use counted and
the card never seen, and only for who may on both sides."""

import random
import unittest
import uuid

import audit_log
from cards import canaries
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

NUMBERS = "tenants/acme/tokenProfiles/numbers"
RECEIPTS = "tenants/acme/tokenProfiles/receipts"
LEGACY = "tenants/acme/tokenProfiles/legacy"
SINGLE = "tenants/acme/tokenProfiles/single"
NETWORK = "tenants/acme/tokenProfiles/network"
BETA = "tenants/beta/tokenProfiles/cards"
PROFILES = """
  - tenant: acme
    name: numbers
    number: 32
    deterministic: true
    family: numeric
  - tenant: acme
    name: legacy
    number: 31
    deterministic: true
    family: ff1
    ff1: {shortest_card: 13, longest_card: 19, keep_first: 6, keep_last: 0, luhn_offset: 3}
  - tenant: acme
    name: single
    number: 33
    deterministic: false
    uses: 1
  - tenant: acme
    name: network
    number: 34
    deterministic: false
    family: emv
    emv:
      issued_range: {prefix: "99990012", length: 16}
      attestation: "Ours by the letter of the scheme; no cards in it"
      token_requestor_id: "40010030273"
      months_valid: 12
  - tenant: beta
    name: cards
    number: 1
    deterministic: true
"""
RULE = """
  - id: settlement-converts-for-beta
    roles: [settling]
    actions: [ConvertToken]
    resources: [tenants/beta/tokenProfiles/cards]

  - id: settlement-converts-others
    roles: [settling]
    actions: [ConvertToken]
    resources:
      - tenants/acme/tokenProfiles/numbers
      - tenants/acme/tokenProfiles/legacy
      - tenants/acme/tokenProfiles/single
      - tenants/acme/tokenProfiles/network

  - id: settlement-sees-all
    roles: [settling]
    actions: [Detokenize]
    resources: ["tenants/*/tokenProfiles/*"]
    reveal: full
"""


class Conversions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        cls.deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.fraud, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "fraud", "auditor"))

    def tokenize(self, pan: str, profile: str = CARDS, expiry: str = "2031-07") -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan, expiry=expiry))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def convert(self, name: str, target: str, profile: str = "", client: Client | None = None,
                request_id: str = ""):
        request = tokens.ConvertTokenRequest(name=name, profile=profile, target=target,
                                             request_id=request_id)
        return (client or self.settlement).tokens.ConvertToken(request, timeout=SECONDS)

    def card(self, name: str, profile: str) -> tokens.Card:
        request = tokens.DetokenizeRequest(name=name, profile=profile)
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS).card

    def test_every_family_and_tenant_gets_a_token_that_opens_to_the_same_card(self):
        source = random.Random(7)
        for target in (RECEIPTS, NUMBERS, NETWORK, BETA):
            for pan in canaries(3, source):
                name = self.tokenize(pan)
                made = self.convert(name, target)
                self.assertNotEqual(made.name, name)
                card = self.card(made.name, target)
                self.assertEqual((card.pan, card.expiry), (pan, "2031-07"))
                self.assertEqual(bool(made.token_expiry), target == NETWORK)
                self.assertEqual(self.convert(made.name, CARDS, target).name, name)
        pan = canaries(1, source)[0]
        bare = self.tokenize(pan, RECEIPTS, expiry="")
        made = self.convert(bare, LEGACY)
        self.assertEqual(made.name, self.tokenize(pan, LEGACY, expiry=""))
        self.assertEqual(self.card(self.convert(made.name, NETWORK, LEGACY).name, NETWORK).pan, pan)
        dated = self.tokenize(pan, RECEIPTS)
        refused = refusal(lambda: self.convert(dated, LEGACY))
        self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "target"))

    def test_a_use_is_taken_and_a_repeated_request_takes_none(self):
        first, second = (self.tokenize(pan, SINGLE) for pan in canaries(2))
        request_id = str(uuid.uuid4())
        made = self.convert(first, RECEIPTS, request_id=request_id)
        self.assertEqual(self.convert(first, RECEIPTS, request_id=request_id), made)
        refused = refusal(lambda: self.convert(first, RECEIPTS))
        self.assertEqual(refused[:2], ("FAILED_PRECONDITION", "TOKEN_EXHAUSTED"))
        refused = refusal(lambda: self.convert(second, RECEIPTS, request_id=request_id))
        self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))
        self.convert(second, RECEIPTS)

    def test_both_sides_need_a_right(self):
        name = self.tokenize(canaries(1)[0])
        for client in (self.checkout, self.fraud):
            refused = refusal(lambda c=client: self.convert(name, RECEIPTS, client=c))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        for target in ("tenants/gamma/tokenProfiles/cards", "tenants/beta/tokenProfiles/other"):
            refused = refusal(lambda t=target: self.convert(name, t))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        self.fraud.tokens.SuspendToken(tokens.SuspendTokenRequest(name=name), timeout=SECONDS)
        refused = refusal(lambda: self.convert(name, RECEIPTS))
        self.assertEqual(refused[:2], ("FAILED_PRECONDITION", "TOKEN_SUSPENDED"))

    def test_batches_answer_for_each_token_and_the_record_names_both(self):
        pans = canaries(2)
        names = [self.tokenize(pan) for pan in pans]
        wrong = f"tenants/acme/tokens/tok_{'a' * 34}"
        request = tokens.BatchConvertTokensRequest(parent="tenants/acme", target=BETA,
                                                   names=[names[0], wrong, names[1]])
        results = self.settlement.tokens.BatchConvertTokens(request, timeout=SECONDS).results
        self.assertEqual(results[1].error.reason, "TOKEN_NOT_FOUND")
        made = [results[0].token.name, results[2].token.name]
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        export = self.auditor.export()
        last = [record for record in audit_log.read(export, key)
                if record.header["action"] == "TokenService.ConvertToken"][-1]
        self.assertEqual((last.header["actor"], last.header["outcome"], last.header["profile"]),
                         ("settlement", "success", BETA))
        self.assertEqual([(item.get("source", ""), item.get("resource", ""))
                          for item in last.body["items"]],
                         [(names[0], made[0]), ("", ""), (names[1], made[1])])
        self.assertEqual(last.body["rule"], "settlement-converts-for-beta")
        self.assertEqual(last.body["details"]["source_rule"], "settlement-converts")
        for pan in pans:
            self.assertNotIn(pan.encode(), export)

    def test_the_command_line_shows_both_names(self):
        name = self.tokenize(canaries(1)[0])
        wrong = f"tenants/acme/tokens/tok_{'a' * 34}"
        shown = self.deployment.command("settlement", "--output", "json", "tokens", "convert", name,
                                        wrong, "--target", BETA)
        self.assertEqual(shown.returncode, 1, shown.stderr)
        self.assertIn(self.convert(name, BETA).name, shown.stdout)
        self.assertIn("TOKEN_NOT_FOUND", shown.stdout)


if __name__ == "__main__":
    unittest.main()
