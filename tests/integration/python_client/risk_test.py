#!/usr/bin/env python3
"""How risky a caller says that a request is: it sees the less of the card, never more, and what it said is written
down, also where nothing is shown."""

import unittest

import audit_log
from cards import canaries
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

TOO_HIGH = ("PERMISSION_DENIED", "RISK_TOO_HIGH")
# What each score leaves of a card for a refund, by the rule settlement-refunds of the example.
LEFT = ((0, tokens.REVEAL_FULL), (39, tokens.REVEAL_FULL), (40, tokens.REVEAL_MASKED),
        (59, tokens.REVEAL_MASKED), (60, tokens.REVEAL_LAST_FOUR), (79, tokens.REVEAL_LAST_FOUR))


class RiskScores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "auditor"))

    def tokenize(self, pan: str) -> str:
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def open(self, name: str, risk_score: int | None, purpose: str = "refund",
             client: Client | None = None) -> tokens.DetokenizeResponse:
        request = tokens.DetokenizeRequest(name=name, purpose=purpose, risk_score=risk_score)
        return (client or self.settlement).tokens.Detokenize(request, timeout=SECONDS)

    def records(self) -> list[audit_log.Record]:
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        return [record for record in audit_log.read(self.auditor.export(), key)
                if record.header["action"] == "TokenService.Detokenize"]

    def test_a_higher_score_shows_less_and_nothing_in_the_end(self):
        pan = canaries(1)[0]
        name = self.tokenize(pan)
        for score, left in LEFT:
            shown = self.open(name, score)
            self.assertEqual(shown.reveal, left, score)
            self.assertEqual(shown.card.pan, pan if left == tokens.REVEAL_FULL else "")
            self.assertEqual(shown.masked_pan.startswith(pan[:6]), left != tokens.REVEAL_LAST_FOUR)
            self.assertTrue(shown.masked_pan.endswith(pan[-4:]))
            record = self.records()[-1]
            self.assertEqual(record.body["items"][0]["asserted_risk_score"], score)
            self.assertEqual(record.body["rule"], "settlement-refunds")
        for score in (80, 100, None):
            refused = refusal(lambda s=score: self.open(name, s))
            self.assertEqual(refused[:2], TOO_HIGH)
            self.assertNotIn(pan[-4:], refused.text)
            self.assertNotIn("settlement-refunds", refused.text)
            record = self.records()[-1]
            self.assertEqual((record.header["outcome"], record.header["profile"]),
                             ("denied", CARDS))
            self.assertEqual((record.body["rule"], record.body["reason"]),
                             ("settlement-refunds", "RISK_TOO_HIGH"))
            self.assertEqual(record.body["items"][0].get("asserted_risk_score"), score)
        self.assertNotIn("alarm: RISK_TOO_HIGH", self.deployment.log.read_text())

    def test_where_the_rule_has_no_thresholds_a_score_changes_nothing(self):
        pan = canaries(1)[0]
        name = self.tokenize(pan)
        for score in (0, 100, None):
            self.assertEqual(self.open(name, score, "settlement").card.pan, pan)
        self.assertEqual(self.records()[-2].body["items"][0]["asserted_risk_score"], 100)

    def test_a_score_opens_nothing_that_no_rule_allows(self):
        name = self.tokenize(canaries(1)[0])
        for score in (0, 50):
            refused = refusal(lambda s=score: self.open(name, s, client=self.checkout))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
            body = self.records()[-1].body
            self.assertEqual(body["details"]["asserted_risk_score"], str(score))
        refused = refusal(lambda: self.open(name, 101))
        self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "risk_score"))

    def test_a_batch_has_one_score_or_one_for_each(self):
        pans = canaries(3)
        names = [self.tokenize(pan) for pan in pans]

        def opened(scores: list[int]):
            batch = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names,
                                                  purpose="refund", risk_scores=scores)
            results = self.settlement.tokens.BatchDetokenize(batch, timeout=SECONDS).results
            return [result.error.reason or result.card.reveal for result in results]

        self.assertEqual(opened([60]), [tokens.REVEAL_LAST_FOUR] * 3)
        self.assertEqual(opened([]), ["RISK_TOO_HIGH"] * 3)
        self.assertEqual(opened([39, 80, 40]),
                         [tokens.REVEAL_FULL, "RISK_TOO_HIGH", tokens.REVEAL_MASKED])
        items = self.records()[-1].body["items"]
        self.assertEqual([item["asserted_risk_score"] for item in items], [39, 80, 40])
        self.assertEqual([item["outcome"] for item in items], ["success", "denied", "success"])
        self.assertEqual([item.get("reveal") for item in items], ["full", None, "masked"])
        for wrong in ([1, 2], [1, 2, 101], [1] * 101):
            refused = refusal(lambda scores=wrong: opened(scores))
            self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "risk_scores"))

    def test_the_command_line_states_one(self):
        pan = canaries(1)[0]
        name = self.tokenize(pan)
        refund = ("tokens", "detokenize", name, "--purpose", "refund", "--reveal", "--risk-score")
        command = self.deployment.command
        self.assertIn(pan, command("settlement", *refund, "39").stdout)
        masked = command("settlement", *refund, "40")
        self.assertEqual(masked.returncode, 0, masked.stderr)
        self.assertIn("ALLOWED  masked", masked.stdout)
        self.assertNotIn(pan, masked.stdout)
        denied = command("settlement", *refund, "80")
        self.assertEqual(denied.returncode, 1)
        self.assertIn("RISK_TOO_HIGH", denied.stderr)
        self.assertEqual(command("settlement", *refund, "101").returncode, 2)
        several = command("settlement", *refund, "80", name)
        self.assertEqual(several.returncode, 1)
        self.assertEqual(several.stdout.count("RISK_TOO_HIGH"), 2)


class StartsAgain(unittest.TestCase):
    def test_a_start_reads_records_with_and_without_scores(self):
        with Deployment() as deployment:
            deployment.edit("policy.yaml", r"^    risk: \{.*\}$",
                            r"\g<0>\n    limits: {reveals: [{count: 2, window: 24h}]}")
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                request = tokens.TokenizeRequest(parent=CARDS,
                                                 card=tokens.Card(pan=canaries(1)[0]))
                name = checkout.tokens.Tokenize(request, timeout=SECONDS).name

            def ask(score: int | None, purpose: str = "refund") -> tokens.DetokenizeResponse:
                request = tokens.DetokenizeRequest(name=name, purpose=purpose, risk_score=score)
                with Client(deployment, "settlement") as settlement:
                    return settlement.tokens.Detokenize(request, timeout=SECONDS)

            ask(0)
            ask(None, "settlement")
            for score in (80, None):
                self.assertEqual(refusal(lambda s=score: ask(s))[:2], TOO_HIGH)
            self.assertEqual(deployment.stop(), 0)
            deployment.start()
            ask(60)
            self.assertEqual(refusal(lambda: ask(0)).reason, "REVEALS_EXHAUSTED")
            self.assertEqual(refusal(lambda: ask(80))[:2], TOO_HIGH)


if __name__ == "__main__":
    unittest.main()
