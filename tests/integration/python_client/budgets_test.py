#!/usr/bin/env python3
"""Guessing stops: a caller who names wrong tokens is refused after fifty, right ones too, with an
alarm, and a kill of the service gives it nothing back."""

import unittest

import grpc

import audit_log
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal_of, tokens

PAN = "4111111111111111"
LEGACY = "tenants/acme/tokenProfiles/legacy"
NUMBERS = "tenants/acme/tokenProfiles/numbers"
PROFILES = f"""
  - tenant: acme
    name: legacy
    number: 31
    deterministic: true
    family: ff1
    ff1: {{shortest_card: 13, longest_card: 19, keep_first: 6, keep_last: 0, luhn_offset: 3}}
  - tenant: acme
    name: numbers
    number: 32
    deterministic: false
    family: numeric
"""
NOT_FOUND = ("NOT_FOUND", "TOKEN_NOT_FOUND")
EXHAUSTED = ("RESOURCE_EXHAUSTED", "MISSES_EXHAUSTED")


class Budgets(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        self.deployment.edit("policy.yaml", r"resources: \[tenants/acme/tokenProfiles/cards\]",
                             f"resources: [{CARDS}, {LEGACY}, {NUMBERS}]")

    def detokenize(self, token: str, profile: str = "", principal: str = "settlement"):
        """What the caller is told: ("OK", "") or code and reason."""
        purpose = {"settlement": "settlement", "fraud": "fraud-screening"}[principal]
        request = tokens.DetokenizeRequest(name=f"tenants/acme/tokens/{token}", profile=profile,
                                           purpose=purpose)
        with Client(self.deployment, principal) as client:
            try:
                client.tokens.Detokenize(request, timeout=SECONDS)
            except grpc.RpcError as error:
                refused = refusal_of(error)
                return refused.code, refused.reason
            return "OK", ""

    def tokenize(self, pan: str, profile: str) -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan))
        with Client(self.deployment, "checkout") as client:
            return client.tokens.Tokenize(request, timeout=SECONDS).token

    def restart(self):
        self.deployment.kill()
        self.deployment.start()

    def records(self) -> list[audit_log.Record]:
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            return audit_log.read(auditor.export(), key)

    def test_blind_enumeration_of_computed_tokens_ends_also_over_a_kill(self):
        # Of the numbers one in ten has the right sum, and is some card's token.
        self.enumerate(LEGACY)

    def test_blind_enumeration_of_random_tokens_ends_also_over_a_kill(self):
        self.enumerate(NUMBERS)

    def enumerate(self, profile: str):
        self.deployment.start()
        right, number = self.tokenize(PAN, CARDS), self.tokenize(PAN, profile)
        numbers = (f"{number[:6]}{guess:010d}" for guess in range(1 << 30))
        answers = [self.detokenize(next(numbers), profile) for _ in range(30)]
        self.restart()
        answers += [self.detokenize(next(numbers), profile) for _ in range(40)]
        self.assertEqual(answers.count(NOT_FOUND), 50)
        self.assertEqual(answers[-1], EXHAUSTED)
        self.restart()
        self.assertEqual(self.detokenize(right), EXHAUSTED)
        self.assertEqual(self.detokenize(number, profile), EXHAUSTED)
        self.assertEqual(self.detokenize(right, principal="fraud"), ("OK", ""))

        alarms = [record.body for record in self.records()
                  if record.header["action"] == "Alarm.Raised"]
        self.assertGreaterEqual(len(alarms), 1)
        for alarm in alarms:
            self.assertEqual((alarm["reason"], alarm["details"]["cause"]),
                             ("MISSES_EXHAUSTED", "settlement"))
        self.assertIn("alarm: MISSES_EXHAUSTED: settlement: ", self.deployment.log.read_text())


if __name__ == "__main__":
    unittest.main()
