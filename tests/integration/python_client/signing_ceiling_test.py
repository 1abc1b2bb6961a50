#!/usr/bin/env python3
"""Keys that may sign so often only: over restarts and kills, by many callers at once, and never more."""

import concurrent.futures
import time
import unittest

import grpc
from deployment import Deployment
from wire import SECONDS, Client, keys, refusal, refusal_of, signing

CALLERS = 8


class SigningCeilings(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.deployment.start()

    def create(self, key_id: str, most: int) -> str:
        with Client(self.deployment, "officer-1") as officer:
            key = officer.keys.CreateKey(keys.CreateKeyRequest(
                parent="tenants/acme", key_id=key_id, purpose=keys.KEY_PURPOSE_SIGN,
                algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=30, max_signatures=most),
                timeout=SECONDS).key
        self.assertEqual((key.versions[0].uses, key.versions[0].use_limit), (0, most))
        return key.name

    def sign(self, settlement: Client, key: str) -> str:
        """The reason of the refusal; empty for a signature."""
        try:
            settlement.signing.Sign(signing.SignRequest(name=key, message=b"pay"), timeout=SECONDS)
        except grpc.RpcError as error:
            return refusal_of(error).reason
        return ""

    def await_alarm(self, word: str) -> None:
        """Alarms are said beside the calls that they are about."""
        late = time.monotonic() + SECONDS
        while f"alarm: {word}" not in self.deployment.log.read_text():
            self.assertLess(time.monotonic(), late, word)
            time.sleep(0.01)

    def test_many_callers_and_kills_never_pass_it(self):
        key, most = self.create("bank", 300), 300
        made = 0
        for kills in range(3):
            with Client(self.deployment, "settlement") as settlement, \
                    concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
                outcomes = list(callers.map(lambda _: self.sign(settlement, key), range(90)))
            self.assertEqual(set(outcomes), {""})
            made += len(outcomes)
            self.deployment.kill()
            self.deployment.start()
        with Client(self.deployment, "settlement") as settlement, \
                concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            outcomes = list(callers.map(lambda _: self.sign(settlement, key), range(60)))
            self.assertEqual(set(outcomes), {"", "KEY_USES_EXHAUSTED"})
            made += outcomes.count("")
            self.assertLessEqual(made, most)
            # Each kill loses two blocks of a hundredth at most.
            self.assertGreaterEqual(made, most - 3 * 6)
            self.assertEqual(refusal(lambda: settlement.signing.SignJws(signing.SignJwsRequest(
                name=key, payload=b"{}"), timeout=SECONDS)).reason, "KEY_PURPOSE_MISMATCH")
        self.await_alarm("KEY_USES_DUE")
        self.await_alarm("KEY_USES_EXHAUSTED")
        with Client(self.deployment, "officer-1") as officer:
            rotated = officer.keys.RotateKey(keys.RotateKeyRequest(name=key), timeout=SECONDS).key
        self.assertEqual([(version.uses, version.use_limit) for version in rotated.versions],
                         [(0, most), (most, most)])
        with Client(self.deployment, "settlement") as settlement:
            self.assertEqual(self.sign(settlement, key), "")

    def test_the_command_line_makes_one_and_shows_what_is_left(self):
        name = "tenants/acme/keys/few"
        made = self.deployment.command("officer-1", "keys", "create", name, "--max-signatures", "2")
        self.assertEqual(made.returncode, 0, made.stderr)
        for code in (0, 0, 1):
            signed = self.deployment.command("settlement", "sign", "--key", name, stdin="pay")
            self.assertEqual(signed.returncode, code, signed.stderr)
        self.assertIn("KEY_USES_EXHAUSTED", signed.stderr)
        shown = self.deployment.command("officer-1", "--output", "json", "keys", "get", name)
        self.assertIn('"uses":2,"use_limit":2', shown.stdout)

    def test_what_is_not_the_services_alone_is_not_counted(self):
        with Client(self.deployment, "officer-1") as officer:
            refused = refusal(lambda: officer.keys.CreateKey(keys.CreateKeyRequest(
                parent="tenants/acme", key_id="hooks", purpose=keys.KEY_PURPOSE_WEBHOOK,
                algorithm=keys.KEY_ALGORITHM_HMAC_SHA256, cryptoperiod_days=30,
                max_signatures=10), timeout=SECONDS))
            self.assertEqual((refused.reason, refused.field), ("FIELD_INVALID", "max_signatures"))


if __name__ == "__main__":
    unittest.main()
