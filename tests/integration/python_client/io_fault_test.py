#!/usr/bin/env python3
"""The disk fails now and then, under a mixed load and with kills: syncs, reads, writes, and room for
what is written. Callers are told that the service is away and nothing else, everything that they
were told stays true, and the service comes back by itself.

    io_fault_test.py [ROUNDS [SEED]]
"""

import contextlib
import random
import subprocess
import sys
import time
import unittest

from deployment import WITHOUT_JEMALLOC, Deployment
from ledger import ANSWERED_WITHIN, AWAY
from mixed_load import Clients, MixedLoad, allow_load

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
ANSWERS = 150  # a round at least

EIO, ENOSPC = 5, 28


def fault(name: str, probability: float, error: int) -> str:
    return f"enable_random name=posix/io/{name},probability={probability},failinfo={error}"


class IoFault(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"{ROUNDS} rounds, seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        allow_load(self.deployment)
        self.load = MixedLoad(self.deployment, self.random)
        self.refused_starts = 0

    def start(self, *faults: str) -> Clients:
        """Starts the service, again and again as a service manager does: one that cannot read or
        write at the start says so and ends."""
        control = self.deployment.folder / "faults"
        self.deployment.launcher = ["fiu-run", "-x", "-f", control]
        for each in faults:
            self.deployment.launcher += ["-c", each]
        self.deployment.launcher += WITHOUT_JEMALLOC
        deadline = time.monotonic() + 30
        while True:
            before = self.deployment.log.stat().st_size if self.deployment.log.exists() else 0
            try:
                self.deployment.start()
                return Clients(self.deployment)
            except AssertionError:
                said = self.deployment.log.read_bytes()[before:].decode()
                self.assertRegex(said, "STORE_UNAVAILABLE|AUDIT_UNAVAILABLE|OUTCOME_UNKNOWN")
                self.assertLess(time.monotonic(), deadline, said)
                self.refused_starts += 1

    def end_faults(self, *faults: str) -> None:
        """In the service as it runs."""
        for each in faults:
            name = each.split("name=")[1].split(",")[0]
            subprocess.run(["fiu-ctrl", "-f", self.deployment.folder / "faults", "-c",
                            f"disable name={name}", str(self.deployment.process.pid)], check=True,
                           timeout=30, capture_output=True)

    def storm(self, *faults: str) -> None:
        load, ledger = self.load, self.load.ledger
        with self.start() as clients:
            load.prepare(clients)
        self.deployment.kill()
        outages = 0
        for number in range(ROUNDS):
            killed = number % 2 == 1
            with self.start(*faults) as clients:
                load.start(clients, away=AWAY, until_cut_off=False, key_changes=0.02)
                load.wait_for_answers(self.random.randint(ANSWERS, 2 * ANSWERS))
                if killed:
                    self.deployment.kill()
                else:
                    self.end_faults(*faults)
                load.join()
                if not killed:
                    load.check(clients, AWAY)
                    outages += self.outages()
            if killed:
                with self.start() as clients:
                    load.check(clients, AWAY)
                    outages += self.outages()
            self.deployment.kill()
        with self.start() as clients:
            load.check_everything(clients)
        with contextlib.suppress(KeyError):
            del ledger.reasons["UNAVAILABLE"]  # said by no service: the connection was gone
        print(f"{' and '.join(faults)}: {ledger.answers} answers, {dict(ledger.reasons)}, "
              f"{outages} outages recorded, {self.refused_starts} starts refused, the longest answer "
              f"after {ledger.longest:.2f} s; nothing lost", flush=True)
        self.assertGreater(ledger.reasons["AUDIT_UNAVAILABLE"] + ledger.reasons["OUTCOME_UNKNOWN"] +
                           ledger.reasons["STORE_UNAVAILABLE"], 0, "no fault was felt")
        self.assertLess(ledger.longest, ANSWERED_WITHIN)

    def outages(self) -> int:
        return sum(record.header["action"] == "Log.Outage" for record in self.load.records)

    def test_syncs_that_fail(self):
        self.storm(fault("sync/*", 0.02, EIO))

    def test_reads_and_writes_that_fail(self):
        self.storm(fault("rw/pread", 0.002, EIO), fault("rw/pwrite", 0.002, EIO))

    def test_no_room_for_what_is_written(self):
        self.storm(fault("rw/pwrite", 0.01, ENOSPC), fault("dir/rename", 0.3, ENOSPC))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
