#!/usr/bin/env python3
"""The disk is full: that of the database, under load and at the start, and that of the checkpoints
alone. Callers are told within two seconds that the log is away, nothing is revealed and nothing
acknowledged is lost; once there is room again the service is back by itself and has recorded the
outage."""

import datetime
import errno
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import unittest

from deployment import Deployment
from ledger import ANSWERED_WITHIN, AWAY
from mixed_load import Clients, MixedLoad, allow_load
from wire import refusal

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


class SmallDisk:
    """A folder's own file system, which can be filled to the last byte."""

    def __init__(self, folder: pathlib.Path, size: str) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"
        kept = folder.with_name(folder.name + "-kept")
        shutil.copytree(folder, kept)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder],
                       check=True)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.rmtree(kept)

    def fill(self) -> None:
        piece = b"\xff" * 4096
        with open(self.ballast, "ab", buffering=0) as ballast:
            try:
                while ballast.write(piece):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC, error

    def free(self) -> None:
        self.ballast.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


class FullDisk(unittest.TestCase):
    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        allow_load(self.deployment)
        self.load = MixedLoad(self.deployment, random.Random(SEED))

    def small_disk(self, folder: str, size: str) -> SmallDisk:
        disk = SmallDisk(self.deployment.folder / folder, size)
        self.addCleanup(disk.close)
        return disk

    def start(self) -> Clients:
        self.deployment.start()
        return Clients(self.deployment)

    def fill_until_nobody_is_answered(self, disk: SmallDisk) -> None:
        ledger, deadline = self.load.ledger, time.monotonic() + 30
        while True:
            disk.fill()  # again: a log that starts over gives room back
            answers, refused = ledger.answers, ledger.reasons["AUDIT_UNAVAILABLE"]
            time.sleep(0.2)
            if ledger.answers == answers and ledger.reasons["AUDIT_UNAVAILABLE"] > refused + 20:
                return
            self.assertLess(time.monotonic(), deadline, f"answered on a full disk: {ledger.reasons}")

    def test_a_full_disk_under_load(self):
        disk, load, ledger = self.small_disk("data", "24m"), self.load, self.load.ledger
        with self.start() as clients:
            load.prepare(clients)
            load.start(clients, away=AWAY, until_cut_off=False, key_changes=0.05)
            load.wait_for_answers(100)
            filled = now()
            self.fill_until_nobody_is_answered(disk)
            answers = ledger.answers
            time.sleep(0.5)
            self.assertEqual(ledger.answers, answers, "something was revealed without its record")
            freed = now()
            disk.free()
            load.wait_for_answers(100)
            back = now()
            load.join()
            load.check(clients, AWAY)
            outages = [record.body["details"] for record in load.records
                       if record.header["action"] == "Log.Outage"]
            self.assertTrue(outages)
            start, end = (datetime.datetime.fromisoformat(text) for text in
                          (outages[0]["start"], outages[-1]["end"]))
            blink = datetime.timedelta(milliseconds=1)  # what the log's times are cut to
            self.assertTrue(filled - blink <= start <= freed, outages)
            self.assertTrue(freed - blink <= end <= back, outages)
            self.assertGreater(sum(int(outage["refused"]) for outage in outages), 20)
            load.check_everything(clients)
        self.assertLess(ledger.longest, ANSWERED_WITHIN)
        print(f"{ledger.answers} answers, {dict(ledger.reasons)}; back {(back - freed)} after there "
              f"was room; the longest answer after {ledger.longest:.2f} s", flush=True)

    def test_a_kill_and_a_start_on_a_full_disk(self):
        disk, load = self.small_disk("data", "24m"), self.load
        with self.start() as clients:
            load.prepare(clients)
            load.start(clients, away=AWAY, until_cut_off=False)
            load.wait_for_answers(100)
            self.fill_until_nobody_is_answered(disk)
            self.deployment.kill()
            load.join()
        disk.fill()
        said = self.deployment.refused_start()
        self.assertRegex(said, "STORE_UNAVAILABLE|AUDIT_UNAVAILABLE")
        disk.free()
        with self.start() as clients:
            load.check(clients, AWAY)
            load.check_everything(clients)

    def test_a_full_disk_of_the_checkpoints(self):
        disk, load = self.small_disk("checkpoints", "128k"), self.load
        with self.start() as clients:
            load.prepare(clients)
            load.check_log(clients)
            kept = load.auditor.log.checkpoint
            disk.fill()
            load.start(clients, until_cut_off=False)
            # Calls are served and recorded; only what needs a new checkpoint is told to wait.
            load.wait_for_answers(100)
            refused = refusal(lambda: clients.of["auditor"].export(load.auditor.log.tree.size))
            self.assertEqual((refused.code, refused.reason), ("UNAVAILABLE", "STORE_UNAVAILABLE"))
            disk.free()
            load.wait_for_answers(100)
            load.join()
            load.check(clients, AWAY)
            self.assertNotEqual(load.auditor.log.checkpoint, kept)
            load.check_everything(clients)


if __name__ == "__main__":
    if os.environ.get("KEYSVC_OWN_MOUNTS") is None:
        # Mounts of a namespace of its own, which go with this process.
        os.environ["KEYSVC_OWN_MOUNTS"] = "yes"
        how = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
        # Under chroot the root is no mount whose propagation could be changed.
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        if all(line.split()[4] != "/" for line in mounts):
            how += ["--propagation", "unchanged"]
        os.execvp("unshare", ["unshare", *how, sys.executable, "-B", *sys.argv])
    unittest.main(argv=sys.argv[:1])
