#!/usr/bin/env python3
"""The report of what is kept: every token counted once, what has ended apart, for auditors and officers and
nobody else, and the same from the command line."""

import json
import unittest

import audit_log
from cards import invented
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

RECEIPTS = "tenants/acme/tokenProfiles/receipts"
ONE_TIME = "tenants/acme/tokenProfiles/one-time"
HOST_NUMBERS = "tenants/acme/tokenProfiles/host-numbers"


class Retention(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())

    def start(self):
        self.deployment.start()
        self.checkout, self.settlement, self.auditor = (
            self.enterContext(Client(self.deployment, name))
            for name in ("checkout", "settlement", "auditor"))

    def tokenize(self, pan: str, profile: str) -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def messages(self, client: Client, tenant: str = "tenants/acme"):
        request = tokens.GetRetentionReportRequest(parent=tenant)
        return list(client.tokens.GetRetentionReport(request, timeout=SECONDS))

    def report(self) -> dict[str, tokens.ProfileRetention]:
        *progress, last = self.messages(self.auditor)
        self.assertFalse(any(message.HasField("report") for message in progress))
        return {kept.profile: kept for kept in last.report.profiles}

    def test_every_token_is_counted_once_and_what_has_ended_apart(self):
        self.start()
        first, second, third = (self.tokenize(invented(), CARDS) for _ in range(3))
        self.checkout.tokens.DeleteToken(tokens.DeleteTokenRequest(name=first), timeout=SECONDS)
        used, _ = (self.tokenize(invented(), ONE_TIME) for _ in range(2))
        self.settlement.tokens.Detokenize(
            tokens.DetokenizeRequest(name=used, purpose="settlement"), timeout=SECONDS)
        report = self.report()
        cards = report[CARDS]
        self.assertEqual((cards.active, cards.suspended, cards.ended, cards.deleted),
                         (2, 0, 0, 1), (second, third))
        self.assertEqual(cards.without_end, 2)
        self.assertTrue(cards.HasField("oldest_card_time"))
        once = report[ONE_TIME]
        # The purge may have come by.
        self.assertEqual((once.active, once.ended + once.deleted, once.overdue), (1, 1, 0))
        self.assertTrue(once.HasField("last_end_time"))
        self.assertEqual(report[HOST_NUMBERS].active, 0)

    def test_the_command_line_shows_the_same(self):
        self.start()
        self.tokenize(invented(), CARDS)
        done = self.deployment.command("auditor", "--output", "json", "tokens", "retention",
                                       "tenants/acme")
        self.assertEqual(done.returncode, 0)
        shown = {row["profile"]: row for row in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(shown[CARDS]["active"], 1)
        self.assertEqual(shown[CARDS]["overdue"], 0)
        self.assertEqual(set(shown), set(self.report()))

    def test_cards_of_a_profile_that_is_taken_out_stay_in_it_once_that_is_meant(self):
        self.deployment.edit("policy.yaml", r"- tenants/acme/tokenProfiles/till-numbers$",
                             rf"\g<0>\n      - {RECEIPTS}")
        self.start()
        pan = invented()
        token = self.tokenize(pan, RECEIPTS)
        self.assertEqual(self.deployment.stop(), 0)
        self.deployment.edit("config.yaml", r"^  - tenant: acme\n    name: receipts\n(    .*\n)+", "")
        self.assertIn(f"PROFILE_CHANGED: the store holds tokens of {RECEIPTS} under the number 2, ",
                      self.deployment.refused_start())
        self.deployment.edit("config.yaml", r"^token_profiles:$",
                             "retired_profiles:\n  - {tenant: acme, name: receipts, number: 2}\n"
                             r"\g<0>")
        self.start()
        self.assertEqual([(kept.number, kept.active) for name, kept in self.report().items()
                          if not name], [(2, 1)])
        self.assertEqual(refusal(lambda: self.settlement.tokens.Detokenize(
            tokens.DetokenizeRequest(name=token, purpose="settlement"), timeout=SECONDS)).reason,
            "PROFILE_NOT_FOUND")
        # Its number is not another one's, and its name and what it was come back together.
        self.assertEqual(self.deployment.stop(), 0)
        self.deployment.edit("config.yaml", r"^token_profiles:$",
                             r"\g<0>\n  - {tenant: acme, name: bills, number: 2, deterministic: false}")
        self.assertIn("shares name or number", self.deployment.refused_start())
        self.deployment.edit("config.yaml", r"^retired_profiles:\n.*\n", "")
        self.assertIn(f"PROFILE_CHANGED: the store holds tokens of {RECEIPTS} under the number 2, ",
                      self.deployment.refused_start())
        self.deployment.edit("config.yaml", r"name: bills", "name: receipts")
        self.start()
        self.assertEqual(self.settlement.tokens.Detokenize(
            tokens.DetokenizeRequest(name=token, purpose="settlement"), timeout=SECONDS).card.pan, pan)

    def test_the_name_of_a_profile_that_keeps_nothing_can_be_taken_back(self):
        self.start()
        self.assertEqual(self.deployment.stop(), 0)
        self.deployment.edit("config.yaml", r"name: host-numbers$", "name: host-numberz")
        self.assertIn(f"PROFILE_CHANGED: there may be tokens of {HOST_NUMBERS}, ",
                      self.deployment.refused_start())
        # No key was made for what was never served.
        self.deployment.edit("config.yaml", r"name: host-numberz$", "name: host-numbers")
        self.start()

    def test_a_start_that_is_refused_declares_no_profile_that_keeps_nothing(self):
        self.start()
        self.tokenize(invented(), RECEIPTS)
        self.assertEqual(self.deployment.stop(), 0)
        config = self.deployment.folder / "config.yaml"
        before = config.read_text()
        self.deployment.edit("config.yaml", r"^  - tenant: acme\n    name: receipts\n(    .*\n)+", "")
        self.deployment.edit("config.yaml", r"^token_profiles:$",
                             r"\g<0>\n  - {tenant: acme, name: legcy, number: 60, family: ff1, "
                             "deterministic: true, ff1: {shortest_card: 16, longest_card: 16, "
                             "keep_first: 6, keep_last: 0, luhn_offset: 3}}")
        self.assertIn(f"tokens of {RECEIPTS}", self.deployment.refused_start())
        config.write_text(before)
        self.start()

    def test_it_is_recorded_and_refused_to_services_and_of_other_tenants(self):
        self.start()
        self.report()
        for client, tenant in ((self.checkout, "tenants/acme"), (self.auditor, "tenants/other")):
            self.assertEqual(refusal(lambda c=client, t=tenant: self.messages(c, t))[:2],
                             ("PERMISSION_DENIED", "POLICY_DENIED"))
        self.assertEqual(refusal(lambda: self.messages(self.auditor, "acme"))[0],
                         "INVALID_ARGUMENT")
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        outcomes = [record.header["outcome"] for record in audit_log.read(self.auditor.export(), key)
                    if record.header["action"] == "TokenService.GetRetentionReport"]
        self.assertEqual(outcomes.count("success"), 1)
        self.assertEqual(outcomes.count("denied"), 2)


if __name__ == "__main__":
    unittest.main()
