#!/usr/bin/env python3
"""keysvc lock: the running service forgets every key it holds open and has to ask the HSM again."""

import contextlib
import time
import unittest
from typing import Iterator

import audit_log
import cards
import grpc
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, refusal_of, tokens

CARD = cards.invented()
AWAY = ("UNAVAILABLE", "HSM_UNAVAILABLE")
# The library that lost its token is initialised anew at most once in 30 seconds.
BACK_WITHIN = 40


class Lock(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.deployment.start()
        self.checkout, self.settlement, self.auditor = (
            self.enterContext(Client(self.deployment, name))
            for name in ("checkout", "settlement", "auditor"))
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=CARD))
        self.token = self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def reveal(self) -> str:
        request = tokens.DetokenizeRequest(name=self.token, purpose="settlement")
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS).card.pan

    def reveal_again(self) -> str:
        """As soon as the HSM is back, with nothing done for it."""
        deadline = time.monotonic() + BACK_WITHIN
        while True:
            try:
                return self.reveal()
            except grpc.RpcError as error:
                self.assertEqual(refusal_of(error)[:2], AWAY)
            self.assertLess(time.monotonic(), deadline, "comes back by itself")
            time.sleep(0.05)

    @contextlib.contextmanager
    def hsm_away(self) -> Iterator[None]:
        there, away = self.deployment.folder / "tokens", self.deployment.folder / "tokens-away"
        there.rename(away)
        try:
            yield
        finally:
            away.rename(there)

    def records(self) -> list[audit_log.Record]:
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        return [record for record in audit_log.read(self.auditor.export(), key)
                if record.header["action"].endswith("LockKeys")]

    def lock(self, principal: str):
        return self.deployment.command(principal, "lock")

    def test_locked_keys_are_gone_while_the_hsm_is_away_and_open_again_when_it_is_back(self):
        with self.hsm_away():
            # What is open needs no HSM, else the refusals below would show nothing.
            self.assertEqual(self.reveal(), CARD)
            done = self.lock("officer-1")
            self.assertEqual(done.returncode, 0, done.stderr)
            for _ in range(2):
                self.assertEqual(refusal(self.reveal)[:2], AWAY)
        self.assertEqual(self.reveal_again(), CARD)

        record, = self.records()
        self.assertEqual((record.header["actor"], record.header["outcome"]),
                         ("officer-1", "success"))
        self.assertEqual(record.body["resource"], "openedKeys")
        self.assertGreaterEqual(int(record.body["details"]["dropped"]), 4)

    def test_who_has_no_right_to_lock_locks_nothing(self):
        with self.hsm_away():
            for principal in ("checkout", "settlement", "auditor"):
                done = self.lock(principal)
                self.assertEqual(done.returncode, 1)
                self.assertIn("POLICY_DENIED", done.stderr)
                self.assertEqual(self.reveal(), CARD)
        self.assertEqual({(record.header["actor"], record.header["outcome"])
                          for record in self.records()},
                         {(name, "denied") for name in ("checkout", "settlement", "auditor")})


if __name__ == "__main__":
    unittest.main()
