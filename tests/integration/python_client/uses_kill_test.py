#!/usr/bin/env python3
"""The service is killed while several callers open single-use tokens. Whatever it had done by then,
a token is opened at most once in its life, over all kills; what was answered is recorded, and a use
that was counted but not answered opens nothing any more.

    uses_kill_test.py [KILLS [SEED]]
"""

import collections
import json
import random
import sys
import threading
import time
import unittest

import cards
import grpc
from deployment import Deployment
from wire import SECONDS, Client, tokens

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
PROFILE = "tenants/acme/tokenProfiles/single"
CALLERS = 6
TOKENS = 100


class UsesKill(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"{KILLS} kills, seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        self.deployment.edit("config.yaml", r"^token_profiles:$",
                             r"\g<0>\n  - {tenant: acme, name: single, number: 9, "
                             r"deterministic: false, uses: 1}")
        self.deployment.edit("policy.yaml", r"^rules:$",
                             r"\g<0>\n  - {id: opens-single, roles: [settling], "
                             r"actions: [Detokenize], "
                             r"resources: [tenants/acme/tokenProfiles/single], reveal: full}")
        self.opened = collections.Counter()
        self.card_of = {}
        self.lock = threading.Lock()

    def make_tokens(self) -> list[str]:
        pans = [cards.invented() for _ in range(TOKENS)]
        with Client(self.deployment, "checkout") as checkout:
            request = tokens.BatchTokenizeRequest(parent=PROFILE,
                                                  cards=[tokens.Card(pan=pan) for pan in pans])
            results = checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        names = [result.token.name for result in results]
        self.card_of.update(zip(names, pans))
        return names

    def open_all(self, names: list[str], first: threading.Event) -> None:
        """Until the service is gone."""
        with Client(self.deployment, "settlement") as settlement:
            for name in names:
                try:
                    answer = settlement.tokens.Detokenize(tokens.DetokenizeRequest(name=name),
                                                          timeout=SECONDS)
                except grpc.RpcError as error:
                    if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                        continue
                    return
                with self.lock:
                    self.opened[name] += 1
                    self.assertEqual(answer.card.pan, self.card_of[name])
                first.set()

    def records_of_openings(self) -> collections.Counter:
        with Client(self.deployment, "auditor") as auditor:
            lines = [json.loads(line) for line in auditor.export().splitlines()[1:-1]]
        return collections.Counter(
            item["resource"] for line in lines
            if line["header"]["action"] == "TokenService.Detokenize"
            for item in line["body"]["items"] if item["outcome"] == "success")

    def test_no_token_is_ever_opened_twice(self):
        names, lost = [], 0
        for _ in range(KILLS):
            self.deployment.start()
            fresh = self.make_tokens()
            self.random.shuffle(fresh)
            first = threading.Event()
            callers = [threading.Thread(target=self.open_all, args=(names[-40:] + fresh, first))
                       for _ in range(CALLERS)]
            for caller in callers:
                caller.start()
            self.assertTrue(first.wait(SECONDS))
            time.sleep(self.random.uniform(0, 0.03))
            self.deployment.kill()
            for caller in callers:
                caller.join()
            names += fresh
        self.deployment.start()
        self.open_all(names, threading.Event())
        recorded = self.records_of_openings()
        for name in names:
            self.assertLessEqual(self.opened[name], 1, name)
            self.assertEqual(recorded[name], 1, name)
            lost += not self.opened[name]
        self.assertEqual(self.deployment.stop(), 0)
        print(f"{len(names)} tokens, {self.opened.total()} opened, {lost} answers lost in "
              f"{KILLS} kills", flush=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
