#!/usr/bin/env python3
"""`keysvcd init` is killed at every single call that it makes to the HSM, once before the call and
once after it. Run again it finishes what was begun, with one key of each kind and no second one.

    init_kill_test.py [STRIDE]

After every STRIDE-th kill, and after each one beside the making of a key, the deployment is also
put to use.
"""

import itertools
import shutil
import sys
import time
import unittest

import cards
from deployment import in_memory
from faulty_hsm import FaultyHsm
from wire import CARDS, SECONDS, Client, audit, tokens

STRIDE = int(sys.argv[1]) if len(sys.argv) > 1 else 10
CARD = cards.invented()
# Key-encryption, registry and canary key, and both halves of the audit key.
OBJECTS = 5


class InitKill(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(FaultyHsm(in_memory()))

    def objects(self) -> list:
        return [path for path in (self.deployment.folder / "tokens").rglob("*.object")
                if path.name != "token.object"]

    def empty(self) -> None:
        """As before the first init: a token without keys, and no files."""
        for name in ("data", "checkpoints"):
            shutil.rmtree(self.deployment.folder / name)
            (self.deployment.folder / name).mkdir()
        for path in self.objects():
            path.unlink()
        self.deployment.heal()

    def use(self) -> None:
        self.deployment.start()
        with Client(self.deployment, "checkout") as checkout:
            request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=CARD))
            name = checkout.tokens.Tokenize(request, timeout=SECONDS).name
        with Client(self.deployment, "settlement") as settlement:
            request = tokens.DetokenizeRequest(name=name, purpose="settlement")
            answer = settlement.tokens.Detokenize(request, timeout=SECONDS)
            self.assertEqual(answer.card.pan, CARD)
        with Client(self.deployment, "auditor") as auditor:
            auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(), timeout=SECONDS)
        self.assertEqual(self.deployment.stop(), 0)

    def finish(self) -> None:
        done = self.deployment.daemon("init")
        if done.returncode != 0:
            # Cut off so late that the vault is there; serving makes what is missing.
            self.assertIn("KEY_EXISTS", done.stderr)
            self.assertTrue(self.deployment.vault.exists())
        self.assertEqual(len(self.objects()), OBJECTS)

    def test_a_kill_at_any_call_is_made_good_by_running_it_again(self):
        began = time.monotonic()
        killed = used = 0
        for side in ("before", "after"):
            for step in itertools.count(1):
                self.empty()
                self.deployment.forget_calls()
                self.deployment.fail(f"* {step} kill {side}")
                done = self.deployment.daemon("init")
                if done.returncode == 0:
                    break
                with self.subTest(step=step, side=side):
                    self.assertEqual(done.returncode, -9, done.stderr)
                    killed += 1
                    struck = self.deployment.calls()[-1]
                    self.deployment.heal()
                    self.finish()
                    if step % STRIDE == 0 or struck.startswith("C_Generate"):
                        self.use()
                        used += 1
            print(f"init: killed {side} each of {step - 1} calls", flush=True)
            self.assertGreater(step, 100)
        print(f"{killed} kills, {used} of the deployments put to use, in "
              f"{time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
