#!/usr/bin/env python3
"""Guessing stops: a caller who names wrong tokens, or tokenizes cards that look alike, or reveals
more than its rule lets it, is refused with an alarm, and a kill of the service gives it nothing
back."""

import random
import unittest

import grpc

import audit_log
from cards import invented, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, refusal_of, tokens

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


def look_alikes(known: str) -> list[str]:
    """Every card of the same first six and last four digits, in a random order: six digits are
    hidden, and the check digit leaves one in ten."""
    candidates = (f"{known[:6]}{middle:06d}{known[-4:]}" for middle in range(10**6))
    fitting = [card for card in candidates if passes_luhn(card)]
    assert len(fitting) == 10**5
    random.shuffle(fitting)
    return fitting


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
        self.assert_alarms("MISSES_EXHAUSTED", "settlement")

    def try_all(self, candidates: list[str], ask) -> tuple[list[str], list[str]]:
        """The cards that `ask` tells of, and those that it refuses to, in batches."""
        told, refused = [], []
        for first in range(0, len(candidates), 100):
            batch = candidates[first:first + 100]
            for card, result in zip(batch, ask([tokens.Card(pan=card) for card in batch])):
                if result.HasField("error"):
                    self.assertEqual(result.error.reason, "GUESSES_EXHAUSTED")
                    refused.append(card)
                else:
                    told.append(card)
        return told, refused

    def test_a_masked_card_is_not_found_by_tokenizing_all_that_look_like_it(self):
        self.deployment.start()
        known = invented()
        self.tokenize(known, CARDS)
        # The first twenty would be told.
        candidates = [card for card in look_alikes(known) if card != known]
        candidates.insert(random.randrange(30, len(candidates)), known)
        with Client(self.deployment, "checkout") as client:
            told, refused = self.try_all(candidates, lambda cards: client.tokens.BatchTokenize(
                tokens.BatchTokenizeRequest(parent=CARDS, cards=cards), timeout=SECONDS).results)
        # The known one, whose token this caller has, is one of the twenty and is refused like all.
        self.assertEqual((len(told), len(refused)), (19, len(candidates) - 19))
        self.assertIn(known, refused)
        self.restart()
        with Client(self.deployment, "checkout") as client:
            for card in (next(card for card in refused if card != known), known):
                request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=card))
                error = refusal(lambda: client.tokens.Tokenize(request, timeout=SECONDS))
                self.assertEqual((error.code, error.reason),
                                 ("RESOURCE_EXHAUSTED", "GUESSES_EXHAUSTED"))
        self.assert_alarms("GUESSES_EXHAUSTED", "checkout")

    def test_a_masked_card_is_not_found_by_fingerprints_of_all_that_look_like_it(self):
        self.deployment.start()
        candidates = look_alikes(invented())
        with Client(self.deployment, "checkout") as client:
            told, refused = self.try_all(
                candidates, lambda cards: client.tokens.BatchFingerprintCards(
                    tokens.BatchFingerprintCardsRequest(parent="tenants/acme", cards=cards),
                    timeout=SECONDS).results)
            self.assertEqual((len(told), len(refused)), (20, len(candidates) - 20))
            request = tokens.FingerprintCardRequest(parent="tenants/acme",
                                                    card=tokens.Card(pan=refused[0]))
            error = refusal(lambda: client.tokens.FingerprintCard(request, timeout=SECONDS))
        self.assertEqual((error.code, error.reason), ("RESOURCE_EXHAUSTED", "GUESSES_EXHAUSTED"))
        self.assert_alarms("GUESSES_EXHAUSTED", "checkout")

    def test_a_kill_gives_back_no_reveals(self):
        self.deployment.edit("policy.yaml", r"^    reveal: full$",
                             r"\g<0>\n    limits: {reveals: [{count: 5, window: 24h}]}")
        self.deployment.start()
        token = self.tokenize(PAN, CARDS)
        for _ in range(5):
            self.assertEqual(self.detokenize(token), ("OK", ""))
        refused = ("RESOURCE_EXHAUSTED", "REVEALS_EXHAUSTED")
        self.assertEqual(self.detokenize(token), refused)
        self.restart()
        self.assertEqual(self.detokenize(token), refused)
        self.assertEqual(self.detokenize(token, principal="fraud"), ("OK", ""))
        self.assert_alarms("REVEALS_EXHAUSTED", "settlement")

    def test_a_rule_is_for_its_addresses(self):
        self.deployment.edit("policy.yaml", r"^    reveal: full$",
                             r"\g<0>\n    addresses: [192.0.2.0/24]")
        self.deployment.edit("policy.yaml", r"^    reveal: masked$",
                             r'\g<0>\n    addresses: [127.0.0.0/8, "::1/128"]')
        self.deployment.start()
        token = self.tokenize(PAN, CARDS)
        self.assertEqual(self.detokenize(token), ("PERMISSION_DENIED", "POLICY_DENIED"))
        self.assertEqual(self.detokenize(token, principal="fraud"), ("OK", ""))

    def assert_alarms(self, reason: str, caller: str):
        alarms = [record.body for record in self.records()
                  if record.header["action"] == "Alarm.Raised"]
        self.assertGreaterEqual(len(alarms), 1)
        for alarm in alarms:
            self.assertEqual((alarm["reason"], alarm["details"]["cause"]), (reason, caller))
        self.assertIn(f"alarm: {reason}: {caller}: ", self.deployment.log.read_text())


if __name__ == "__main__":
    unittest.main()
