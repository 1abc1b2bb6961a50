#!/usr/bin/env python3
"""The search for card numbers finds a leak that is planted, in each encoding and wherever it lies,
and nothing else."""

import base64
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import cards
import leak_scan
from deployment import Deployment

# A card number as somebody would leak it, made without leak_scan, and the encoding's name there.
LEAKS = {
    "text": ("ASCII", lambda pan: pan.encode()),
    "text amid digits": ("ASCII", lambda pan: b"17" + pan.encode() + b"42"),
    "lower-case hex": ("hex", lambda pan: pan.encode().hex().encode()),
    "upper-case hex": ("hex", lambda pan: pan.encode().hex().upper().encode()),
    "base64": ("base64", lambda pan: base64.b64encode(pan.encode())),
    "base64, one byte on": ("base64", lambda pan: base64.b64encode(b"\n" + pan.encode() + b"\n")),
    "base64, two bytes on": ("base64",
                             lambda pan: base64.b64encode(b"\x02\x12" + pan.encode() + b"2030")),
    "base64 for URLs": ("base64",
                        lambda pan: base64.urlsafe_b64encode(b"\xff\xfe\xfb" + pan.encode())),
    "base64 without padding": ("base64", lambda pan: base64.b64encode(pan.encode()).rstrip(b"=")),
    "BCD": ("BCD", bytes.fromhex),
    "BCD, in the middle of bytes": ("BCD", lambda pan: bytes.fromhex("f" + pan + "f")),
    "BCD, with what follows on a track": ("BCD", lambda pan: bytes.fromhex(pan + "d3012201")),
    "UTF-16LE": ("UTF-16LE", lambda pan: pan.encode("utf-16-le")),
    "UTF-16BE": ("UTF-16BE", lambda pan: pan.encode("utf-16-be")),
}


class LeakScan(unittest.TestCase):
    def setUp(self):
        self.seed = random.randrange(1 << 32)
        print(f"seed {self.seed}")
        self.random = random.Random(self.seed)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_planted_leak_is_found_in_every_encoding(self):
        for name, (encoding, leak) in LEAKS.items():
            for pan in cards.canaries(20, self.random):
                # A zero beside UTF-16 makes it UTF-16 in the other byte order as well.
                before, after = (self.random.randbytes(self.random.randint(0, 99)).replace(b"\0", b"\1")
                                 for _ in "ab")
                with self.subTest(name, pan=pan):
                    found = list(leak_scan.find(before + leak(pan) + after))
                    self.assertEqual([encoding for encoding, _ in found], [encoding])

    def test_a_leak_across_two_pieces_is_found(self):
        pan = cards.invented(self.random)
        for name, (_, leak) in LEAKS.items():
            with self.subTest(name):
                self.addCleanup(setattr, leak_scan, "PIECE", leak_scan.PIECE)
                leak_scan.PIECE = 1024
                (self.folder / "leak").write_bytes(b"\xff" * 1020 + leak(pan) + b"\xff" * 2000)
                self.assertTrue(leak_scan.scan(self.folder))

    def test_a_number_in_a_name_is_found(self):
        (self.folder / cards.invented(self.random)).write_text("")
        self.assertIn("in its name", str(leak_scan.scan(self.folder)[0]))

    def test_what_is_no_card_number_in_clear_is_not_found(self):
        pan = cards.invented(self.random)
        wrong = pan[:-1] + str((int(pan[-1]) + 1) % 10)
        (self.folder / "innocent").write_bytes(
            self.random.randbytes(1 << 20) + f"{pan[:6]}******{pan[-4:]} {wrong}".encode())
        self.assertEqual(leak_scan.scan(self.folder), [])

    def test_a_deployment_with_a_leak_fails_the_test_that_made_it(self):
        deployment = Deployment()
        (deployment.folder / "data/stray").write_bytes(bytes.fromhex(cards.invented(self.random)))
        with self.assertRaisesRegex(AssertionError, "data/stray: a card number in BCD at byte 0"):
            deployment.close()
        self.assertFalse(deployment.folder.exists())

    def test_the_program_says_what_it_finds(self):
        (self.folder / "test.log").write_text(f"tokenized {cards.invented(self.random)}\n")
        (self.folder / "fine.log").write_text("tokenized\n")
        program = [sys.executable, "-B", leak_scan.__file__]
        environment = {**os.environ, "KEYSVC_CANARY_RUN": cards.PREFIX[6:]}

        def run(*arguments):
            return subprocess.run([*program, *arguments], env=environment, capture_output=True,
                                  text=True, check=False, timeout=60)

        found = run(self.folder)
        self.assertEqual((found.returncode, found.stderr), (1, ""))
        self.assertIn("test.log: a card number in ASCII at byte 10", found.stdout)
        self.assertEqual(run(self.folder / "fine.log").returncode, 0)
        del environment["KEYSVC_CANARY_RUN"]
        self.assertEqual(run(self.folder).returncode, 2)


if __name__ == "__main__":
    unittest.main()
