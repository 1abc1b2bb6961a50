#!/usr/bin/env python3
"""Who may talk to the service at all: one valid certificate, of its trust domain's own authority,
with exactly one URI name that the policy knows."""

import time
import unittest

import audit_log
import cards
from authority import DAY, Authority
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

CHECKOUT = "spiffe://dev.keysvc.example/payment/checkout"

class Identity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.start()
        cls.authority = Authority(cls.deployment.folder / "pki")

    def call(self, **credentials):
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=cards.invented()))
        with Client(self.deployment, **credentials) as client:
            return client.tokens.Tokenize(request, timeout=SECONDS)

    def refused(self, code: str, reason: str, **credentials) -> None:
        error = refusal(lambda: self.call(**credentials))
        self.assertEqual((error.code, error.reason), (code, reason), error.text)

    def test_a_certificate_of_the_authority_with_one_known_name_is_let_in(self):
        self.assertTrue(self.call(**self.authority.issue(CHECKOUT)).token)

    def test_tls_refuses_what_is_no_valid_certificate(self):
        self.refused("UNAVAILABLE", "")
        self.refused("UNAVAILABLE", "", **Authority().issue(CHECKOUT))
        self.refused("UNAVAILABLE", "", **self.authority.issue(CHECKOUT, start=-2 * DAY, end=-DAY))
        self.refused("UNAVAILABLE", "", **self.authority.issue(CHECKOUT, start=DAY, end=2 * DAY))

    def test_a_certificate_without_a_uri_names_nobody(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_MISSING", **self.authority.issue())

    def test_a_certificate_with_two_uris_names_nobody(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_AMBIGUOUS",
                     **self.authority.issue(CHECKOUT, CHECKOUT.replace("checkout", "settlement")))

    def test_a_name_that_the_policy_does_not_know(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_UNKNOWN",
                     **self.authority.issue(CHECKOUT + "-2"))

    def test_a_name_of_another_trust_domain(self):
        error = refusal(lambda: self.call(
            **self.authority.issue(CHECKOUT.replace("dev.keysvc", "prod.keysvc"))))
        self.assertEqual(error.code, "UNAUTHENTICATED")
        self.assertIn(error.reason, ("CERTIFICATE_REJECTED", "IDENTITY_UNKNOWN"))

    def test_refusals_are_counted_in_the_log(self):
        self.refused("UNAUTHENTICATED", "IDENTITY_MISSING", **self.authority.issue())
        deadline = time.monotonic() + 10
        with Client(self.deployment, "auditor") as auditor:
            while b"IDENTITY_MISSING" not in (export := auditor.export()):
                self.assertLess(time.monotonic(), deadline, "a refusal was not recorded")
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
        counted = [record.body["details"] for record in audit_log.read(export, key)
                   if record.header["action"] == "Edge.Refusals"]
        self.assertIn("127.0.0.1 IDENTITY_MISSING", {name for part in counted for name in part})

    def test_an_identity_is_asked_of_every_method(self):
        with Client(self.deployment, **self.authority.issue()) as client:
            for method in ("keysvc.v1.AuditService/GetCheckpoint", "keysvc.v1.Nothing/AtAll",
                           "grpc.health.v1.Health/Check"):
                call = client.channel.unary_unary(f"/{method}")
                with self.subTest(method):
                    error = refusal(lambda c=call: c(b"", timeout=SECONDS))
                    self.assertEqual(error.code, "UNAUTHENTICATED")


if __name__ == "__main__":
    unittest.main()
