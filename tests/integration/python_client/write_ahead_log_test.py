#!/usr/bin/env python3
"""What a kill leaves beside the database, its write-ahead log, is gone, cut, overwritten or of
another day or deployment. Either the service does not start and says why, or it has everything up to
the checkpoint that is kept outside: no token is lost from before that, and none opens another card."""

import collections
import os
import pathlib
import random
import re
import shutil
import sys
import unittest
from typing import Callable

import audit_log
import cards
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, tokens

PLACES = ("data", "checkpoints")
COUNT = 20  # tokens at a time
HEADER = 32
FRAME = 24 + 4096  # the header of a page and the page
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)


class WriteAheadLog(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        print(f"seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        self.folder = self.deployment.folder
        self.wal = self.folder / "data/vault.db-wal"
        self.card_of: dict[str, str] = {}
        self.older = self.day("older")
        with Client(self.deployment, "auditor") as client:
            self.log_key = client.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                                      timeout=SECONDS).verifier_key
        while not self.killed_after_a_checkpoint():
            self.deployment.start()
        self.kept = self.killed = self.keep("killed")

    def day(self, name: str) -> pathlib.Path:
        """A day that ends with a kill, and the beginning of the next one."""
        self.deployment.start()
        self.tokenize()
        self.deployment.kill()
        kept = self.keep(name)
        self.deployment.start()
        return kept

    def killed_after_a_checkpoint(self) -> bool:
        """Whether none was made by the service itself between the one that is kept and the kill."""
        self.tokenize()
        with Client(self.deployment, "auditor") as client:
            self.export = client.export()
        audit_log.read(self.export, self.log_key)
        newest = max((self.folder / "checkpoints").glob("checkpoint-*"))
        self.proven = self.wal.stat().st_size
        self.after = self.tokenize()
        self.deployment.kill()
        return newest == max((self.folder / "checkpoints").glob("checkpoint-*"))

    def keep(self, name: str) -> pathlib.Path:
        for place in PLACES:
            shutil.copytree(self.folder / place, self.folder / name / place)
        return self.folder / name

    def wal_of(self, kept: pathlib.Path) -> pathlib.Path:
        return kept / self.wal.relative_to(self.folder)

    def put_back(self) -> None:
        for place in PLACES:
            shutil.rmtree(self.folder / place)
            shutil.copytree(self.kept / place, self.folder / place)

    def tokenize(self) -> list[str]:
        pans = cards.canaries(COUNT)
        request = tokens.BatchTokenizeRequest(parent=CARDS,
                                              cards=[tokens.Card(pan=pan) for pan in pans])
        with Client(self.deployment, "checkout") as client:
            answer = client.tokens.BatchTokenize(request, timeout=SECONDS)
        names = [result.token.name for result in answer.results]
        self.card_of |= zip(names, pans, strict=True)
        return names

    def opened(self, names: list[str]) -> list[str]:
        """Their cards, or why they do not open."""
        request = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names,
                                                purpose="settlement")
        with Client(self.deployment, "settlement") as client:
            results = client.tokens.BatchDetokenize(request, timeout=SECONDS).results
        return [result.card.card.pan or result.error.reason for result in results]

    def outcome(self) -> str:
        """What comes of a start: "whole"; "cut", where something is missing of what came after the
        checkpoint; or the reason that it is refused with."""
        try:
            self.deployment.start()
        except AssertionError as refused:
            return re.findall(r"keysvcd: (\w+): ", str(refused))[-1]
        known = [name for name in self.card_of if name not in self.after]
        self.assertEqual(self.opened(known), [self.card_of[name] for name in known])
        log = audit_log.Log(self.log_key)
        log.extend(self.export)
        with Client(self.deployment, "auditor") as client:
            log.extend(client.export(log.tree.size))
        said = self.opened(self.after)
        lost = [name for name, what in zip(self.after, said) if what == "TOKEN_NOT_FOUND"]
        for name, what in zip(self.after, said):
            self.assertIn(what, (self.card_of[name], "TOKEN_NOT_FOUND"))
        # The next cards get other tokens than those that were lost.
        card_of = dict(self.card_of)
        self.tokenize()
        self.card_of = card_of
        self.assertEqual(self.opened(self.after), said)
        self.assertEqual(self.deployment.stop(), 0)
        return "cut" if lost else "whole"

    def found(self, damage: Callable[[], object]) -> str:
        """The outcome of a start after the log was damaged."""
        self.put_back()
        damage()
        try:
            return self.outcome()
        finally:
            self.deployment.kill()

    def cut(self, size: int) -> None:
        os.truncate(self.wal, size)

    def overwrite(self, place: int, content: bytes) -> None:
        with open(self.wal, "r+b") as wal:
            wal.seek(place)
            wal.write(content)

    def test_the_log_is_taken_back_to_no_earlier_than_the_checkpoint_outside(self):
        self.assertEqual(self.found(lambda: None), "whole")
        size = self.wal_of(self.kept).stat().st_size
        for what, damage in {
                "gone": self.wal.unlink, "empty": lambda: self.cut(0),
                "half of it": lambda: self.cut(size // 2),
                "no header": lambda: self.overwrite(0, bytes(HEADER)),
                "zeros": lambda: self.overwrite(0, bytes(size)),
                "no first page": lambda: self.overwrite(HEADER, bytes(FRAME)),
                "of an older day": lambda: shutil.copy(self.wal_of(self.older), self.wal),
        }.items():
            with self.subTest(what):
                self.assertEqual(self.found(damage), "ROLLBACK_DETECTED")

    def test_a_torn_end_is_a_commit_that_was_not_made(self):
        size = self.wal_of(self.kept).stat().st_size
        self.assertEqual(self.found(lambda: self.cut(self.proven)), "cut")
        for what, damage in {
                "no last byte": lambda: self.cut(size - 1),
                "no last page": lambda: self.cut(size - FRAME),
                "a zero for the last page": lambda: self.overwrite(size - FRAME, bytes(FRAME)),
        }.items():
            with self.subTest(what):
                # The last commit may have been another one than that of the tokens.
                self.assertIn(self.found(damage), ("cut", "whole"))

    def test_bytes_changed_anywhere(self):
        size, outcomes = self.wal_of(self.kept).stat().st_size, collections.Counter()
        for _ in range(30):
            place = self.random.randrange(size - 8)
            outcomes[self.found(lambda p=place: self.overwrite(p, self.random.randbytes(8)))] += 1
        print(dict(outcomes), flush=True)
        self.assertLessEqual(set(outcomes), {"whole", "cut", "ROLLBACK_DETECTED"})

    def test_another_log_beside_a_store_that_was_stopped_in_good_order(self):
        self.put_back()
        self.deployment.start()
        self.assertEqual(self.deployment.stop(), 0)
        self.assertFalse(self.wal.exists())
        self.kept = self.keep("stopped")
        with Deployment() as other:
            other.start()
            other.kill()
            for reason, kept in (("ROLLBACK_DETECTED", self.older), ("ROLLBACK_DETECTED", self.killed),
                                 ("STORE_FOREIGN", other.folder)):
                with self.subTest(reason, kept=kept.name):
                    self.assertEqual(self.found(
                        lambda wal=self.wal_of(kept): shutil.copy(wal, self.wal)), reason)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
