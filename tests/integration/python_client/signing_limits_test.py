#!/usr/bin/env python3
"""What callers and keys may sign in a time: by many at once and over kills never more, and a policy
that is read again takes effect at once."""

import concurrent.futures
import signal
import time
import unittest

import grpc

import audit_log
from deployment import Deployment
from wire import SECONDS, Client, audit, keys, new_key, refusal_of, signing

CALLERS = 16
LIMITED = r"""
  - id: payers-sign
    roles: [signing, screening]
    actions: [Sign]
    resources: [tenants/acme/keys/*]
"""
REFUSED = ("RESOURCE_EXHAUSTED", "SIGNATURES_EXHAUSTED")


class SigningLimits(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        # The first rule decides: these two sign under one of their own.
        self.deployment.edit("policy.yaml", r"^rules:$", rf"\g<0>{LIMITED}")

    def limit(self, limits: str) -> None:
        """Of the rule that both callers sign under."""
        rule = r"^(  - id: payers-sign(?:\n    .*){3})(?:\n    limits: .*)?$"
        self.deployment.edit("policy.yaml", rule, rf"\1\n    limits: {limits}")

    def new_key(self) -> str:
        with Client(self.deployment, "officer-1") as officer:
            return new_key(officer, keys.KEY_ALGORITHM_EC_P256)

    def sign(self, client: Client, key: str) -> tuple[str, str]:
        """("OK", "") or code and reason."""
        try:
            client.signing.Sign(signing.SignRequest(name=key, message=b"pay"), timeout=SECONDS)
        except grpc.RpcError as error:
            refused = refusal_of(error)
            return refused.code, refused.reason
        return "OK", ""

    def sign_once(self, principal: str, key: str) -> tuple[str, str]:
        with Client(self.deployment, principal) as client:
            return self.sign(client, key)

    def sign_at_once(self, principal: str, key: str, times: int) -> int:
        """By many at once; how many signatures there are of it. The others are refused."""
        with Client(self.deployment, principal) as client, \
                concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            outcomes = list(callers.map(lambda _: self.sign(client, key), range(times)))
        self.assertLessEqual(set(outcomes), {("OK", ""), REFUSED})
        return outcomes.count(("OK", ""))

    def restart(self) -> None:
        self.deployment.kill()
        self.deployment.start()

    def reload(self) -> None:
        before = len(self.records("Policy.Reload"))
        self.deployment.process.send_signal(signal.SIGHUP)
        late = time.monotonic() + SECONDS
        while len(self.records("Policy.Reload")) == before:
            self.assertLess(time.monotonic(), late)
            time.sleep(0.01)

    def records(self, action: str) -> list[audit_log.Record]:
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            return [record for record in audit_log.read(auditor.export(), key)
                    if record.header["action"] == action]

    def test_many_at_once_and_kills_never_pass_what_a_caller_may_sign(self):
        self.limit("{signatures: [{count: 100, window: 24h}]}")
        self.deployment.start()
        bank, shop = self.new_key(), self.new_key()
        self.assertEqual(self.sign_at_once("settlement", bank, 60), 60)
        self.restart()
        self.assertEqual(self.sign_at_once("settlement", shop, 60), 40)
        self.restart()
        self.assertEqual(self.sign_once("settlement", bank), REFUSED)
        self.assertEqual(self.sign_once("fraud", bank), ("OK", ""))
        denied = [record for record in self.records("SigningService.Sign")
                  if record.header["outcome"] == "denied"]
        self.assertEqual(len(denied), 21)
        self.assertEqual({(record.header["actor"], record.body["reason"], record.body["rule"])
                          for record in denied},
                         {("settlement", "SIGNATURES_EXHAUSTED", "payers-sign")})
        for alarm in self.records("Alarm.Raised"):
            self.assertEqual((alarm.body["reason"], alarm.body["details"]["cause"]),
                             ("SIGNATURES_EXHAUSTED", "settlement"))
        self.assertIn("alarm: SIGNATURES_EXHAUSTED: settlement: ", self.deployment.log.read_text())

    def test_a_key_signs_so_much_for_all_of_them_together(self):
        self.limit("{key_signatures: [{count: 30, window: 24h}]}")
        self.deployment.start()
        bank, shop = self.new_key(), self.new_key()
        self.assertEqual(self.sign_at_once("settlement", bank, 20), 20)
        self.restart()
        self.assertEqual(self.sign_at_once("fraud", bank, 20), 10)
        self.assertEqual(self.sign_once("settlement", bank), REFUSED)
        self.assertEqual(self.sign_once("settlement", shop), ("OK", ""))

    def test_a_batch_is_signed_as_far_as_the_limit_lets_it(self):
        self.limit("{signatures: [{count: 5, window: 24h}]}")
        self.deployment.start()
        request = signing.BatchSignRequest(name=self.new_key(),
                                           messages=[b"pay", b"", *[b"pay"] * 6])
        with Client(self.deployment, "settlement") as settlement:
            for first in ("", REFUSED[1]):
                results = settlement.signing.BatchSign(request, timeout=SECONDS).results
                self.assertEqual([result.error.reason for result in results],
                                 [first, "FIELD_REQUIRED", *[first] * 4, *[REFUSED[1]] * 2])

    def test_a_policy_that_is_read_again_limits_what_was_signed_before(self):
        self.deployment.start()
        bank = self.new_key()
        self.assertEqual(self.sign_at_once("settlement", bank, 10), 10)
        for count, more in ((10, 0), (12, 2), (11, 0)):
            self.limit(f"{{signatures: [{{count: {count}, window: 24h}}]}}")
            # The second time is recorded once the first has taken effect.
            self.reload()
            self.reload()
            self.assertEqual(self.sign_at_once("settlement", bank, 4), more)

    def test_the_command_line_explains_them_and_says_what_is_used_up(self):
        self.limit("{signatures: [{count: 1, window: 90m}],"
                   " key_signatures: [{count: 9, window: 24h}]}")
        self.deployment.start()
        bank = self.new_key()
        explained = self.deployment.command(
            None, "policy", "explain", "--policy", self.deployment.folder / "policy.yaml",
            "--principal", "settlement", "--action", "Sign", "--resource", bank)
        self.assertIn("1 signatures in 1h30m, 9 signatures by the key in 24h", explained.stdout)
        for code in (0, 3):
            signed = self.deployment.command("settlement", "sign", "--key", bank, stdin="pay")
            self.assertEqual(signed.returncode, code, signed.stderr)
        self.assertIn("SIGNATURES_EXHAUSTED", signed.stderr)


if __name__ == "__main__":
    unittest.main()
