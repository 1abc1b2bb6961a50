#!/usr/bin/env python3
"""The service is killed a hundred times under a mixed load. Nothing that it acknowledged may be
lost: every token opens, or is suspended, deleted or used up as was said; no card has two; no key
version and no partner's key is gone; every answer, a denial too, has its record; after each kill the
log proves itself from the checkpoint that was kept before, and a call that was cut off can be
repeated and is done once.

    kill_test.py [KILLS [SEED]]
"""

import random
import sys
import time
import unittest

from deployment import Deployment
from ledger import DONE_ONCE
from mixed_load import Clients, MixedLoad, allow_load

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)


class Kill(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"{KILLS} kills, seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        allow_load(self.deployment)
        self.load = MixedLoad(self.deployment, self.random)

    def start(self) -> Clients:
        self.deployment.start()
        return Clients(self.deployment)

    def test_nothing_acknowledged_is_lost(self):
        load, ledger = self.load, self.load.ledger
        began, cut_off = time.monotonic(), 0
        for kill in range(KILLS):
            with self.start() as clients:
                if kill == 0:
                    load.prepare(clients)
                load.check(clients)
                load.start(clients, until_cut_off=True)
                # From the first answer on, so that every kill hits a service at work.
                load.wait_for_answers(1)
                time.sleep(self.random.uniform(0, 0.15))
                self.deployment.kill()
                load.join()
                cut_off += len(ledger.cut_off)
        with self.start() as clients:
            load.check_everything(clients)
        self.assertEqual(self.deployment.stop(), 0)
        self.assertGreaterEqual(cut_off, KILLS)
        if KILLS >= 100:
            self.assertEqual(DONE_ONCE - set(ledger.calls), set(), "never called")
        print(f"{KILLS} kills in {time.monotonic() - began:.0f} s: {ledger.answers} answers "
              f"{dict(ledger.calls.most_common())}, {len(ledger.card_of)} tokens, "
              f"{sum(map(len, ledger.versions.values()))} key versions, {len(ledger.partners)} "
              f"partners' keys, {cut_off} calls cut off; "
              f"log of {load.auditor.log.tree.size} records; nothing lost", flush=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
