#!/usr/bin/env python3
"""Signatures that are accepted once: how many are remembered of a key, over kills and of many callers
at once."""

import concurrent.futures
import time
import unittest

import audit_log
import grpc
from deployment import Deployment
from wire import SECONDS, Client, audit, keys, new_key, refusal_of, signing

PAYLOAD = b'{"type": "payment.settled"}'
FAULTS = signing.SignatureFault
LIMIT = 3
CALLERS = 12


class AcceptOnce(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())

    def remember(self, signatures: int) -> None:
        """So many of a key, from the next start on."""
        self.deployment.edit("config.yaml", r"^(accepted_signatures_per_key:) \d+$",
                             rf"\g<1> {signatures}")

    def restart(self) -> None:
        self.deployment.kill()
        self.deployment.start()

    def new_key(self, algorithm, purpose) -> str:
        with Client(self.deployment, "officer-1") as officer:
            return new_key(officer, algorithm, purpose)

    def accept(self, client: Client, key: str, message_id: str) -> str:
        """An event that is signed now: "" when it is accepted, else why it is not."""
        fields = client.signing.SignWebhook(signing.SignWebhookRequest(
            name=key, message_id=message_id, payload=PAYLOAD), timeout=SECONDS).fields
        try:
            answer = client.signing.VerifyWebhook(signing.VerifyWebhookRequest(
                name=key, fields=fields, payload=PAYLOAD, accept_once=True), timeout=SECONDS)
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return "" if answer.valid else FAULTS.Name(answer.fault)

    def alarms(self) -> list[audit_log.Record]:
        """Those of this test, once there is one."""
        late = time.monotonic() + SECONDS
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            while True:
                found = [record for record in audit_log.read(auditor.export(), key)
                         if record.header["action"] == "Alarm.Raised"]
                if found:
                    return found
                self.assertLess(time.monotonic(), late)
                time.sleep(0.01)

    def test_a_key_is_remembered_so_much_of_over_kills_and_an_alarm_says_so(self):
        self.remember(LIMIT)
        self.deployment.start()
        hooks, other = (self.new_key(keys.KEY_ALGORITHM_ED25519, keys.KEY_PURPOSE_WEBHOOK)
                        for _ in range(2))
        with Client(self.deployment, "settlement") as settlement, \
                concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            ids = [f"msg_{number}" for number in range(CALLERS)]
            outcomes = list(callers.map(lambda one: self.accept(settlement, hooks, one), ids))
        self.assertEqual(outcomes.count(""), LIMIT)
        self.assertEqual(set(outcomes), {"", "NONCES_EXHAUSTED"})
        for alarm in self.alarms():
            self.assertEqual((alarm.body["reason"], alarm.body["details"]["cause"]),
                             ("NONCES_EXHAUSTED", "SigningService.VerifyWebhook"))
        self.assertIn("alarm: NONCES_EXHAUSTED: SigningService.VerifyWebhook: ",
                      self.deployment.log.read_text())

        self.restart()
        with Client(self.deployment, "settlement") as settlement:
            for one, before in zip(ids, outcomes):
                self.assertEqual(self.accept(settlement, hooks, one),
                                 before or "SIGNATURE_FAULT_REPLAYED")
            self.assertEqual(self.accept(settlement, other, "msg_1"), "")
        self.remember(LIMIT + 1)
        self.restart()
        with Client(self.deployment, "settlement") as settlement:
            refused = [one for one, before in zip(ids, outcomes) if before]
            self.assertEqual([self.accept(settlement, hooks, one) for one in refused[:2]],
                             ["", "NONCES_EXHAUSTED"])


if __name__ == "__main__":
    unittest.main()
