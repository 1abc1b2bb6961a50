#!/usr/bin/env python3
"""The wall clock is set to another time under load, forward and back, by hours and by years. Nothing
is lost and nothing is done twice, the log keeps its order and records each step, keys past their
period are refused, and all is well again once the clock is put right."""

import contextlib
import datetime
import glob
import random
import sys
import time
import unittest
from typing import Iterator

import cards
from authority import DAY
from calls import SIGNING_KEY
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from deployment import WITHOUT_JEMALLOC, Deployment
from ledger import ANSWERED_WITHIN, Token
from mixed_load import Clients, MixedLoad, allow_load
from wire import CARDS, SECONDS, refusal, signing, tokens

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
# By how many days the clock is wrong, one after the other.
JUMPS = (1 / 24, 0, -1, 0, 400, 0, -1, 400, 1 / 24, 0)


class Clock(unittest.TestCase):
    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.deployment = self.enterContext(Deployment())
        allow_load(self.deployment)
        self.let_certificates_live()
        library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.clock = self.deployment.folder / "clock"
        self.deployment.launcher = [
            "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self.clock}",
            "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
            *WITHOUT_JEMALLOC]
        # What lives for minutes ends at each step.
        self.load = MixedLoad(self.deployment, random.Random(SEED), one_time=False)
        self.set_clock(0)

    def let_certificates_live(self) -> None:
        """Makes the certificates valid for years, so that only keys end."""
        pki = self.deployment.folder / "pki"
        issuer = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
        for path in pki.glob("*.pem"):
            old = x509.load_pem_x509_certificate(path.read_bytes())
            builder = (x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer)
                       .public_key(old.public_key()).serial_number(old.serial_number)
                       .not_valid_before(old.not_valid_before - 10 * DAY)
                       .not_valid_after(old.not_valid_after + 1000 * DAY))
            for extension in old.extensions:
                builder = builder.add_extension(extension.value, extension.critical)
            path.write_bytes(builder.sign(issuer, hashes.SHA256())
                             .public_bytes(serialization.Encoding.PEM))

    def set_clock(self, days: float) -> None:
        beside = self.clock.with_suffix(".new")
        beside.write_text(f"{round(days * 86400):+d}\n")
        beside.rename(self.clock)

    def wait_for_steps(self, clients: Clients, count: int) -> None:
        """Until so many steps are recorded since the log was last proven."""
        deadline = time.monotonic() + 30
        first = self.load.auditor.log.tree.size
        while clients.of["auditor"].export(first).count(b'"Log.ClockStep"') < count:
            self.assertLess(time.monotonic(), deadline, f"step {count} is not recorded")

    @contextlib.contextmanager
    def under_load(self, clients: Clients) -> Iterator[None]:
        self.load.start(clients, away=("KEY_NOT_ACTIVE",), until_cut_off=False, key_changes=0.05)
        try:
            yield
        finally:
            self.load.join()

    def test_steps_under_load(self):
        load, ledger = self.load, self.load.ledger
        self.deployment.start()
        with Clients(self.deployment) as clients:
            load.prepare(clients)
            load.check_log(clients)
            for step, days in enumerate(JUMPS, start=1):
                with self.under_load(clients):
                    load.wait_for_answers(80)
                # Answers are kept for a day of the wall clock: what is repeated was sent by the same,
                # and is answered by then.
                load.repeats = False
                with self.under_load(clients):
                    load.wait_for_answers(30)
                    self.set_clock(days)
                    self.wait_for_steps(clients, step)
                    load.wait_for_answers(30)
                ledger.repeatable.clear()
                load.repeats = True
            with self.under_load(clients):
                load.wait_for_answers(80)
            load.check(clients)
            steps = [record.body["details"] for record in load.records
                     if record.header["action"] == "Log.ClockStep"]
            load.check_everything(clients)
        wrong = (0, *JUMPS)
        moved = [(datetime.datetime.fromisoformat(step["to"]) -
                  datetime.datetime.fromisoformat(step["from"])) / DAY for step in steps]
        self.assertEqual([round(days, 2) for days in moved],
                         [round(after - before, 2) for before, after in zip(wrong, JUMPS)])
        self.assertGreater(ledger.reasons["KEY_NOT_ACTIVE"], 0)
        self.assertLess(ledger.longest, ANSWERED_WITHIN)
        print(f"{ledger.answers} answers over {len(steps)} steps, {dict(ledger.reasons)}; "
              "nothing lost", flush=True)

    def test_a_key_past_its_period_works_again_when_the_clock_is_right(self):
        load = self.load
        self.deployment.start()
        with Clients(self.deployment) as clients:
            load.prepare(clients)
            load.check_log(clients)
            message = b"order 4711"
            sign = signing.SignRequest(name=SIGNING_KEY, message=message)
            signature = clients.of["settlement"].signing.Sign(sign, timeout=SECONDS)
            pan = cards.invented()
            tokenize = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan))
            name = clients.of["checkout"].tokens.Tokenize(tokenize, timeout=SECONDS).name

            def old_output_works() -> None:
                load.check_tokens(clients, [token])
                verify = load.verification(signature.key_version, message, signature.signature)
                self.assertTrue(load.ledger.send(clients, verify))
                load.raise_faults()

            token = Token(CARDS, name)
            load.ledger.card_of[token] = pan
            self.set_clock(400)
            # The service may go by what it read of the clock a second or two ago.
            self.wait_for_steps(clients, 1)
            for call in (lambda: clients.of["checkout"].tokens.Tokenize(tokenize, timeout=SECONDS),
                         lambda: clients.of["settlement"].signing.Sign(sign, timeout=SECONDS)):
                refused = refusal(call)
                self.assertEqual((refused.code, refused.reason),
                                 ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"), refused.text)
            old_output_works()
            self.set_clock(0)
            self.wait_for_steps(clients, 2)
            self.assertEqual(clients.of["checkout"].tokens.Tokenize(tokenize, timeout=SECONDS).name,
                             name)
            clients.of["settlement"].signing.Sign(sign, timeout=SECONDS)
            old_output_works()
            load.check_log(clients)

    def test_a_clock_behind_the_log_is_noticed_at_the_start(self):
        self.deployment.start()
        self.assertEqual(self.deployment.stop(), 0)
        self.set_clock(-1)
        self.deployment.start()
        with Clients(self.deployment) as clients:
            self.load.check_log(clients)
        actions = [record.header["action"] for record in self.load.records]
        self.assertEqual(actions[actions.index("Log.ClockStep") + 1], "Log.Start")

    def test_a_step_is_recorded_while_nobody_calls(self):
        self.deployment.edit("config.yaml", r"(checkpoint_interval_seconds: ).*", r"\g<1>1")
        self.deployment.start()
        self.set_clock(1)
        deadline = time.monotonic() + 15
        with Clients(self.deployment) as clients:
            # The export is a call, so the step has to stand before the export before it.
            while True:
                self.load.check_log(clients)
                actions = [record.header["action"] for record in self.load.records]
                if "Log.ClockStep" in actions:
                    break
                self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
