#!/usr/bin/env python3
"""Looking up the tokens of cards from outside: found by those who may, made for nobody, and no way to learn
which cards there are by trying, not over a kill either."""

import random
import unittest

import audit_log
from cards import canaries, check_digit, invented, passes_luhn
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

PAN = "4111111111111111"
NUMBERS = "tenants/acme/tokenProfiles/numbers"
RECEIPTS = "tenants/acme/tokenProfiles/receipts"
LEGACY = "tenants/acme/tokenProfiles/legacy"
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
"""
NOT_TOKENIZED = ("NOT_FOUND", "CARD_NOT_TOKENIZED")


class LookUps(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        self.deployment.edit("policy.yaml",
                             r"actions: \[LookUpToken\]\n    resources: .*\n",
                             "actions: [LookUpToken]\n"
                             "    resources: [tenants/acme/tokenProfiles/*]\n")

    def start(self):
        self.deployment.start()
        self.checkout, self.fraud = (self.enterContext(Client(self.deployment, name))
                                     for name in ("checkout", "fraud"))

    def tokenize(self, pan: str, profile: str = CARDS) -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def look_up(self, pan: str, profile: str = CARDS, client: Client | None = None, **more):
        request = tokens.LookUpTokenRequest(parent=profile, card=tokens.Card(pan=pan, **more))
        return (client or self.fraud).tokens.LookUpToken(request, timeout=SECONDS)

    def refusal(self, pan: str, profile: str = CARDS, client: Client | None = None, **more):
        return refusal(lambda: self.look_up(pan, profile, client, **more))

    def batch(self, pans: list[str], profile: str = CARDS):
        request = tokens.BatchLookUpTokensRequest(parent=profile,
                                                  cards=[tokens.Card(pan=pan) for pan in pans])
        return self.fraud.tokens.BatchLookUpTokens(request, timeout=SECONDS).results

    def restart(self):
        self.deployment.kill()
        self.start()

    def export(self) -> bytes:
        with Client(self.deployment, "auditor") as auditor:
            return auditor.export()

    def records(self) -> list[audit_log.Record]:
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            return audit_log.read(auditor.export(), key)

    def test_the_token_of_a_card_is_found_with_its_state_and_none_is_made(self):
        self.start()
        for profile in (CARDS, NUMBERS):
            unknown, *known = canaries(5, random.Random(profile))
            for pan in known:
                name = self.tokenize(pan, profile)
                found = self.look_up(pan, profile)
                self.assertEqual(found.name, name)
                self.assertEqual(found.name, f"tenants/acme/tokens/{found.token}")
                self.assertEqual(found.state, tokens.TOKEN_STATE_ACTIVE)
            for _ in range(2):
                self.assertEqual(self.refusal(unknown, profile)[:2], NOT_TOKENIZED)
        name = self.tokenize(PAN)
        self.fraud.tokens.SuspendToken(tokens.SuspendTokenRequest(name=name), timeout=SECONDS)
        self.assertEqual(self.look_up(PAN).state, tokens.TOKEN_STATE_SUSPENDED)
        self.checkout.tokens.DeleteToken(tokens.DeleteTokenRequest(name=name), timeout=SECONDS)
        self.assertEqual(self.refusal(PAN)[:2], NOT_TOKENIZED)
        self.assertNotEqual(self.tokenize(PAN), name)

    def test_requests_that_make_no_sense_are_refused_with_their_reason(self):
        self.start()
        for profile in (RECEIPTS, LEGACY):
            self.assertEqual(self.refusal(PAN, profile)[:2],
                             ("FAILED_PRECONDITION", "CARDS_NOT_INDEXED"))
        for more, field in (({"expiry": "2030-12"}, "card.expiry"),
                            ({"cardholder_name": "Ada"}, "card.cardholder_name")):
            self.assertEqual(self.refusal(PAN, **more)[:3],
                             ("INVALID_ARGUMENT", "FIELD_INVALID", field))
        self.assertEqual(self.refusal("4111111111111112")[:2], ("INVALID_ARGUMENT", "PAN_INVALID"))
        self.assertEqual(self.refusal(PAN, "tenants/acme/tokenProfiles/none")[:2],
                         ("NOT_FOUND", "PROFILE_NOT_FOUND"))
        # Making tokens is no right to look them up.
        self.assertEqual(self.refusal(PAN, client=self.checkout)[:2],
                         ("PERMISSION_DENIED", "POLICY_DENIED"))

    def test_batches_answer_for_each_card_and_records_name_tokens_alone(self):
        self.start()
        unknown, known = canaries(2)
        name = self.tokenize(known)
        results = self.batch([known, "4111111111111112", unknown])
        self.assertEqual(results[0].token.name, name)
        self.assertEqual(results[1].error.reason, "PAN_INVALID")
        self.assertEqual(results[2].error.reason, "CARD_NOT_TOKENIZED")
        last = [record for record in self.records()
                if record.header["action"] == "TokenService.LookUpToken"][-1]
        self.assertEqual((last.header["actor"], last.header["outcome"]), ("fraud", "success"))
        self.assertEqual([item.get("resource", "") for item in last.body["items"]], [name, "", ""])
        export = self.export()
        for pan in (known, unknown):
            self.assertNotIn(pan.encode(), export)

    def test_a_masked_card_is_not_found_by_looking_up_all_that_look_like_it(self):
        self.start()
        known = invented()
        self.tokenize(known)
        fitting = [card for card in (f"{known[:6]}{middle:06d}{known[-4:]}"
                                     for middle in range(10**6)) if passes_luhn(card)]
        self.assertEqual(len(fitting), 10**5)
        random.shuffle(fitting)
        reasons = []
        for first in range(0, len(fitting), 100):
            reasons += [result.error.reason for result in self.batch(fitting[first:first + 100])]
        # The known one may be among the twenty, once in five thousand runs.
        self.assertEqual(reasons.count("GUESSES_EXHAUSTED"), len(fitting) - 20)
        self.assertEqual(self.refusal(fitting[20])[:2], self.refusal(fitting[21])[:2])
        self.assert_alarm("GUESSES_EXHAUSTED")

    def test_the_cards_of_a_bin_are_not_found_one_by_one_also_over_a_kill(self):
        self.deployment.edit("policy.yaml", r"misses: \{count: 10000\}", "misses: {count: 50}")
        self.start()
        known = invented()
        name = self.tokenize(known)
        # Other last four each, so that none looks like another.
        blind = [digits + check_digit(digits)
                 for digits in (f"{known[:6]}{number:09d}" for number in range(100))]
        reasons = [result.error.reason for result in self.batch(blind[:30])]
        self.restart()
        reasons += [result.error.reason for result in self.batch(blind[30:])]
        self.assertEqual(reasons, ["CARD_NOT_TOKENIZED"] * 50 + ["MISSES_EXHAUSTED"] * 50)
        self.assertEqual(self.refusal(known)[:2], ("RESOURCE_EXHAUSTED", "MISSES_EXHAUSTED"))
        # Tokens by their names are another matter.
        request = tokens.DetokenizeRequest(name=name, purpose="fraud-screening")
        self.assertTrue(self.fraud.tokens.Detokenize(request, timeout=SECONDS).masked_pan)
        self.assert_alarm("MISSES_EXHAUSTED")

    def test_the_command_line_shows_them_line_by_line(self):
        self.start()
        known, unknown = canaries(2)
        name = self.tokenize(known)
        shown = self.deployment.command("fraud", "--output", "json", "tokens", "look-up",
                                        "--profile", CARDS, stdin=f"{known}\n\n{unknown}\n")
        self.assertEqual(shown.returncode, 1, shown.stderr)
        self.assertIn(name, shown.stdout)
        self.assertIn('"state":"active"', shown.stdout.replace(" ", ""))
        self.assertIn("CARD_NOT_TOKENIZED", shown.stdout)
        self.assertNotIn(known, shown.stdout)
        found = self.deployment.command("fraud", "tokens", "look-up", "--profile", CARDS,
                                        stdin=f"{known}\n")
        self.assertEqual(found.returncode, 0, found.stderr)

    def assert_alarm(self, reason: str):
        alarms = [record.body for record in self.records()
                  if record.header["action"] == "Alarm.Raised"]
        self.assertEqual([(alarm["reason"], alarm["details"]["cause"]) for alarm in alarms],
                         [(reason, "fraud")])


if __name__ == "__main__":
    unittest.main()
