#!/usr/bin/env python3
"""The benchmark works at all: every figure is there, whatever it says."""

import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from deployment import PROGRAMS, Deployment
from faulty_hsm import MODULE

BENCH = PROGRAMS / "keysvc-bench"
UNARY = ("echo", "tokenize-new", "tokenize-known", "detokenize")
SIGNING = ("sign-p256", "sign-rsa", "verify-p256", "verify-rsa")
SERVICE = {f"{call}.{flight}" for call in UNARY[1:] + SIGNING for flight in (1, 64, 256)} | {
    "tokenize-new.half", "tokenize-once.256", "tokenize-again.256", "tokenize-batch", "tokenize-known-batch", "detokenize-batch",
    "public-key.256", "sign-batch-p256", "sign-batch-rsa", "verify-batch-p256", "verify-batch-rsa"}
FAIRNESS = {"fairness-alone", "fairness-beside", "echo.fairness-alone", "echo.fairness-beside"}
CEILINGS = {f"echo.{flight}" for flight in (1, 64, 256)} | {
    "fdatasync", "raw-writer", "raw-look-up", "pkcs11-p256", "pkcs11-rsa",
    "openssl-verify-p256", "openssl-verify-rsa"}


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="keysvc-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bench(self, *arguments, **environment) -> subprocess.CompletedProcess:
        done = subprocess.run([BENCH, "--short", "--folder", self.folder, "--json",
                               self.folder / "figures.json", *arguments],
                              capture_output=True, text=True, check=False, timeout=100,
                              env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def figures(self) -> dict:
        return json.loads((self.folder / "figures.json").read_text())

    def test_a_run_measures_ceilings_and_service_and_leaves_nothing(self):
        done = self.bench("--plot", self.folder / "ratios.svg")
        figures = self.figures()
        rates = {figure["id"]: figure["rate_per_second"] for figure in figures["figures"]}
        self.assertEqual(set(rates), SERVICE | FAIRNESS | CEILINGS | {"control-cost"})
        for name, rate in rates.items():
            self.assertGreater(rate["min"], 0, name)
        for figure in figures["figures"]:
            if figure["id"] in SERVICE or figure["id"].startswith("echo."):
                self.assertGreater(figure["server_cpu_us_per_call"], 0, figure["id"])
                self.assertGreater(figure["client_cpu_us_per_call"], 0, figure["id"])
                latency = figure["latency_us"]
                self.assertLessEqual(latency["p50"], latency["p99"])
                self.assertLessEqual(latency["p99"], latency["p99.9"])
        for ratio in figures["ratios"]:
            self.assertTrue(math.isfinite(ratio["reached"]["median"]), ratio)
        self.assertGreaterEqual(len([r for r in figures["ratios"] if r["floor"]]), 11)
        bounds = {bound["what"]: bound["reached"]["min"] for bound in figures["bounds"]}
        self.assertGreater(bounds["p99 of Sign beside a caller with ten times the load"], 0)
        self.assertGreater(bounds["the same of a bare echo"], 0)
        self.assertGreater(bounds["audit, policy and limits together on a unary call"], 0)
        self.assertEqual(figures["failures"], [])
        self.assertIn("Tokenize known, 256 in flight / echo", done.stdout)
        picture = xml.etree.ElementTree.parse(self.folder / "ratios.svg").getroot()
        self.assertTrue(picture.tag.endswith("svg"))
        self.assertEqual({path.name for path in self.folder.iterdir()},
                         {"figures.json", "ratios.svg"})

    def test_tokens_of_every_family_are_measured(self):
        for family in ("numeric", "emv", "ff1", "external"):
            with self.subTest(family):
                self.bench("--family", family, "--only", "tokenize", "--only", "detokenize")
                figures = self.figures()
                # Every call to an emv profile makes another token.
                self.assertEqual({figure["id"] for figure in figures["figures"]},
                                 {name for name in SERVICE if "tokenize" in name
                                  and not (family == "emv" and "known" in name)})
                self.assertEqual(figures["failures"], [])
                size = {bound["what"]: bound["reached"]["min"] for bound in figures["bounds"]}
                self.assertGreater(
                    size["the vault for each token, its share of a record included"], 0)

    def test_service_and_ceiling_are_measured_on_a_slower_hsm_as_well(self):
        slow = self.folder / "slow"
        slow.write_text("C_Sign * delay 50\n")
        self.bench("--module", MODULE, "--only", "pkcs11-p256", "--only", "sign-p256.1",
                   KEYSVC_FAULT_RULES=str(slow))
        rates = {figure["id"]: figure["rate_per_second"]["max"]
                 for figure in self.figures()["figures"]}
        self.assertEqual(set(rates), {"pkcs11-p256", "sign-p256.1"})
        # One after the other, of which one more may end within the time that is counted.
        self.assertLess(rates["sign-p256.1"], 2 / 0.05)
        # By each of the eight sessions one after the other.
        self.assertLessEqual(rates["pkcs11-p256"], 8 / 0.05)

    def test_a_plot_is_a_png_where_its_name_says_so(self):
        self.bench("--plot", self.folder / "ratios.png")
        self.assertEqual((self.folder / "ratios.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

    def test_a_service_that_is_up_is_measured_without_ceilings(self):
        deployment = self.enterContext(Deployment())
        deployment.start()
        self.bench("--server", f"127.0.0.1:{deployment.port}", "--clients",
                   deployment.folder / "clients")
        figures = self.figures()
        self.assertEqual({figure["id"] for figure in figures["figures"]}, SERVICE)
        self.assertNotIn("ratios", figures)

    def test_a_command_line_that_makes_no_sense_is_refused(self):
        done = subprocess.run([BENCH, "--rounds", "none"], capture_output=True, text=True,
                              check=False, timeout=20)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
