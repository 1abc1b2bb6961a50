#!/usr/bin/env python3
"""The service is killed a hundred times while it writes. Nothing that it acknowledged may be lost:
every token opens, every call has its record, the log proves itself, and a call that was cut off can
be repeated and is done once.

    kill_test.py [ROUNDS [SEED]]
"""

import collections
import random
import sys
import threading
import time
import unittest
import uuid

import audit_log
import cards
import grpc
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, tokens

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
WRITERS = 8


class Write:
    """One Tokenize call, sent until it is answered."""

    def __init__(self, pan: str) -> None:
        self.pan = pan
        self.request_id = str(uuid.uuid4())
        self.name = ""

    def send(self, client: Client) -> bool:
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=self.pan),
                                         request_id=self.request_id)
        try:
            self.name = client.tokens.Tokenize(request, timeout=SECONDS).name
        except grpc.RpcError as error:
            # The only acceptable reasons not to answer: the service is gone.
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                    grpc.StatusCode.UNKNOWN), error
            return False
        return True


class Kill(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"{ROUNDS} kills, seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        self.acknowledged: list[Write] = []
        self.cut_off: list[Write] = []
        self.faults: list[AssertionError] = []
        self.lock = threading.Lock()

    def card(self) -> str:
        with self.lock:
            return cards.invented(self.random)

    def write(self, client: Client) -> None:
        """Writes until the service is gone."""
        while True:
            write = Write(self.card())
            try:
                done = write.send(client)
            except AssertionError as fault:
                # One that leaves a thread fails no test.
                self.faults.append(fault)
                return
            with self.lock:
                (self.acknowledged if done else self.cut_off).append(write)
            if not done:
                return

    def round(self) -> None:
        self.deployment.start()
        with Client(self.deployment, "checkout") as client:
            repeated, self.cut_off = self.cut_off, []
            for write in repeated:
                self.assertTrue(write.send(client), "a repeated call is answered")
                self.acknowledged.append(write)
            before = len(self.acknowledged)
            writers = [threading.Thread(target=self.write, args=(client,)) for _ in range(WRITERS)]
            for writer in writers:
                writer.start()
            # From the first acknowledged write on, so that every kill hits a service at work.
            while len(self.acknowledged) == before and any(map(threading.Thread.is_alive, writers)):
                time.sleep(0.001)
            time.sleep(self.random.uniform(0, 0.15))
            self.deployment.kill()
            for writer in writers:
                writer.join()
            self.assertEqual(self.faults, [])
            self.assertGreater(len(self.acknowledged), before)

    def open_all(self, writes: list[Write]) -> None:
        with Client(self.deployment, "settlement") as client:
            for start in range(0, len(writes), 100):
                part = writes[start:start + 100]
                request = tokens.BatchDetokenizeRequest(
                    parent="tenants/acme", names=[write.name for write in part],
                    purpose="settlement")
                answer = client.tokens.BatchDetokenize(request, timeout=SECONDS)
                self.assertEqual([result.card.card.pan for result in answer.results],
                                 [write.pan for write in part])

    def test_nothing_acknowledged_is_lost(self):
        began = time.monotonic()
        for _ in range(ROUNDS):
            self.round()
        killed = time.monotonic() - began

        self.deployment.start()
        with Client(self.deployment, "checkout") as client:
            for write in self.cut_off:
                self.assertTrue(write.send(client))
        self.acknowledged += self.cut_off
        self.open_all(self.acknowledged)

        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            export = auditor.export()
        records = collections.defaultdict(list)
        for record in audit_log.read(export, key):
            if record.header["outcome"] == "success":
                records[record.body.get("request_id")].append(record)
        for write in self.acknowledged:
            mine = records[write.request_id]
            self.assertTrue(any(write.name in str(record.body) for record in mine),
                            write.request_id)
            first = [record for record in mine
                     if "repetition" not in record.body.get("details", {})]
            self.assertEqual(len(first), 1, f"{write.request_id} was done once")

        print(f"{len(self.acknowledged)} acknowledged writes over {ROUNDS} kills in {killed:.0f} s; "
              "all opened, all in the log", flush=True)

        (self.deployment.folder / "export.jsonl").write_bytes(export)
        (self.deployment.folder / "verifier.key").write_text(key)
        done = self.deployment.command(
            None, "audit", "verify", "--export", self.deployment.folder / "export.jsonl",
            "--verifier-key", self.deployment.folder / "verifier.key")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.deployment.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
