#!/usr/bin/env python3
"""Fingerprints of cards from outside: equal for equal cards of a tenant and for nothing else, before and
after a rotation and a restart, and for nobody whom the policy does not allow them."""

import unittest

import audit_log
from cards import PUBLISHED, canaries
from deployment import Deployment
from wire import SECONDS, Client, audit, refusal, tokens

KEY = "tenants/acme/keys/card-fingerprint"
PAN = "4111111111111111"

BETA = """
  - tenant: beta
    name: cards
    number: 1
    deterministic: false
"""


class Fingerprints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + BETA.lstrip("\n"))
        cls.deployment.edit("policy.yaml", r"resources: \[tenants/acme/keys/card-fingerprint\]",
                            "resources: [tenants/*/keys/card-fingerprint]")
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.fraud, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "fraud", "auditor"))

    def fingerprint(self, pan: str, tenant: str = "acme", client: Client | None = None, version=0,
                    **more) -> tokens.FingerprintCardResponse:
        request = tokens.FingerprintCardRequest(
            parent=f"tenants/{tenant}", card=tokens.Card(pan=pan, **more), key_version=version)
        return (client or self.checkout).tokens.FingerprintCard(request, timeout=SECONDS)

    def test_equal_cards_of_a_tenant_have_equal_fingerprints_and_no_others_have(self):
        made = {}
        for pan in (*PUBLISHED, *canaries(20)):
            fingerprint = self.fingerprint(pan).fingerprint
            self.assertRegex(fingerprint, r"\Afp_[a-z2-7]{34}\Z")
            self.assertEqual(self.fingerprint(pan).fingerprint, fingerprint)
            self.assertNotIn(fingerprint, made)
            made[fingerprint] = pan
            # Not only the part that names the version.
            self.assertNotEqual(self.fingerprint(pan, "beta").fingerprint[12:], fingerprint[12:])

    def test_batches_answer_for_each_card(self):
        request = tokens.BatchFingerprintCardsRequest(
            parent="tenants/acme", cards=[tokens.Card(pan=pan) for pan in (PAN, "4111111111111112")])
        made = self.checkout.tokens.BatchFingerprintCards(request, timeout=SECONDS).results
        self.assertEqual(made[0].fingerprint, self.fingerprint(PAN))
        self.assertEqual(made[1].error.reason, "PAN_INVALID")
        for count in (0, 101):
            request = tokens.BatchFingerprintCardsRequest(
                parent="tenants/acme", cards=[tokens.Card(pan=PAN)] * count)
            refused = refusal(lambda r=request: self.checkout.tokens.BatchFingerprintCards(
                r, timeout=SECONDS))
            self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "BATCH_SIZE"))

    def test_only_a_number_is_taken(self):
        for more, field in (({"expiry": "2030-12"}, "card.expiry"),
                            ({"cardholder_name": "Ada"}, "card.cardholder_name")):
            refused = refusal(lambda m=more: self.fingerprint(PAN, **m))
            self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", field))
        request = tokens.FingerprintCardRequest(parent="tenants/acme")
        refused = refusal(lambda: self.checkout.tokens.FingerprintCard(request, timeout=SECONDS))
        self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_REQUIRED", "card"))
        refused = refusal(lambda: self.fingerprint(PAN, "gamma"))
        self.assertEqual(refused[:2], ("NOT_FOUND", "KEY_NOT_FOUND"))

    def test_the_policy_decides_and_the_record_has_neither_card_nor_fingerprint(self):
        for client in (self.settlement, self.fraud):
            refused = refusal(lambda c=client: self.fingerprint(PAN, client=c))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        fingerprint = self.fingerprint(PAN)
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        export = self.auditor.export()
        last = [record for record in audit_log.read(export, key)
                if record.header["action"] == "TokenService.FingerprintCard"][-1]
        self.assertEqual((last.header["actor"], last.header["outcome"]), ("checkout", "success"))
        self.assertEqual(last.body["resource"], KEY)
        self.assertEqual(last.body["details"],
                         {"fingerprint_key_version": str(fingerprint.key_version)})
        self.assertNotIn(b"fp_", export)
        self.assertNotIn(PAN.encode(), export)

    def test_the_command_line_shows_them_line_by_line(self):
        shown = self.deployment.command("checkout", "--output", "json", "tokens", "fingerprint",
                                        "--tenant", "tenants/acme",
                                        stdin=f"{PAN}\n\n4111111111111112\n")
        self.assertEqual(shown.returncode, 1, shown.stderr)
        self.assertIn(self.fingerprint(PAN).fingerprint, shown.stdout)
        self.assertIn("PAN_INVALID", shown.stdout)
        self.assertNotIn(PAN, shown.stdout)
        empty = self.deployment.command("checkout", "tokens", "fingerprint", "--tenant",
                                        "tenants/acme", stdin="\n")
        self.assertEqual(empty.returncode, 2, empty.stderr)


class RotatedFingerprints(unittest.TestCase):
    def test_a_rotated_key_makes_others_and_gives_its_old_ones_when_asked_also_after_a_restart(self):
        with Deployment() as deployment:
            deployment.start()

            def fingerprint(version: int = 0) -> tokens.FingerprintCardResponse:
                with Client(deployment, "checkout") as checkout:
                    return checkout.tokens.FingerprintCard(tokens.FingerprintCardRequest(
                        parent="tenants/acme", card=tokens.Card(pan=PAN), key_version=version),
                        timeout=SECONDS)

            before = fingerprint()
            self.assertEqual(before.key_version, 1)
            rotated = deployment.command("officer-1", "keys", "rotate", KEY)
            self.assertEqual(rotated.returncode, 0, rotated.stderr)
            after = fingerprint()
            self.assertEqual(after.key_version, 2)
            self.assertNotEqual(after.fingerprint[12:], before.fingerprint[12:])
            self.assertEqual(deployment.stop(), 0)
            deployment.start()
            self.assertEqual(fingerprint(), after)
            self.assertEqual(fingerprint(1), before)
            self.assertEqual(refusal(lambda: fingerprint(3))[:2], ("NOT_FOUND", "KEY_NOT_FOUND"))


if __name__ == "__main__":
    unittest.main()
