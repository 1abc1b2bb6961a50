#!/usr/bin/env python3
"""keysvcd check-store: every row of a store that is not served, compared with keys and log."""

import concurrent.futures
import pathlib
import re
import shutil
import unittest

import audit_log
import cards
from deployment import Deployment, in_memory
from wire import CARDS, SECONDS, Client, audit, tokens

RECEIPTS = "tenants/acme/tokenProfiles/receipts"  # a new token per call
BATCH = 100
PAGE = 4096
PLACES = ("data", "checkpoints")
SOUND = re.compile(r"the store is sound: (\d+) keys opened, (\d+) tokens found in the log's range, "
                   r"(\d+) of them opened; 0 of profiles that are not declared, 0 from before")


class CheckStore(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment(in_memory()))
        self.folder = self.deployment.folder
        self.vault = self.deployment.vault
        self.pans = cards.canaries(BATCH)

    def fill(self, batches: int, profile: str = RECEIPTS) -> list[str]:
        """The tokens of the same cards each time."""
        request = tokens.BatchTokenizeRequest(
            parent=profile, cards=[tokens.Card(pan=pan) for pan in self.pans])
        with Client(self.deployment, "checkout") as client, \
                concurrent.futures.ThreadPoolExecutor(4) as threads:
            answers = threads.map(lambda _: client.tokens.BatchTokenize(request, timeout=60),
                                  range(batches))
            *_, last = answers
        names = [result.token.name for result in last.results]
        self.assertEqual(len(set(names) - {""}), BATCH)
        return names

    def reveal(self, names: list[str]) -> None:
        with Client(self.deployment, "settlement") as client:
            answer = client.tokens.BatchDetokenize(tokens.BatchDetokenizeRequest(
                parent="tenants/acme", names=names, purpose="settlement"), timeout=60)
        self.assertEqual([result.card.card.pan for result in answer.results], self.pans)

    def stop(self) -> None:
        self.assertEqual(self.deployment.stop(), 0)

    def records(self) -> list[audit_log.Record]:
        """Of the running service: what checks of the store have left in the log."""
        with Client(self.deployment, "auditor") as client:
            key = client.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                             timeout=SECONDS).verifier_key
            return [record for record in audit_log.read(client.export(), key)
                    if record.header["action"] == "Store.Checked"]

    def test_a_sound_store_is_told_in_figures_and_on_the_way_how_far_it_has_come(self):
        self.deployment.start()
        self.fill(1005)
        self.stop()
        done = self.deployment.daemon("check-store")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("checking the store: 100000 tokens so far\n", done.stderr)
        keys, found, opened = (int(figure) for figure in SOUND.search(done.stderr).groups())
        self.assertGreaterEqual(keys, 4)
        self.assertEqual((found, opened), (100500, 100500))

        self.deployment.start()
        *_, checked, started = self.records()
        self.assertEqual(checked.header["outcome"], "success")
        self.assertEqual({name: int(checked.body["details"][name]) for name in (
            "keys_opened", "tokens", "tokens_opened", "tokens_undeclared",
            "tokens_without_record")},
            {"keys_opened": keys, "tokens": 100500, "tokens_opened": 100500,
             "tokens_undeclared": 0, "tokens_without_record": 0})
        # A start opens the newest and as many at random.
        self.assertEqual(started.body["details"]["tokens_opened"], "512")

    def test_a_store_that_is_served_is_left_alone(self):
        self.deployment.start()
        self.fill(1)
        done = self.deployment.daemon("check-store")
        self.assertEqual(done.returncode, 1)
        self.assertIn("keysvcd: STORE_IN_USE: ", done.stderr)
        self.fill(1)

    def test_a_page_that_is_changed_is_found_or_changes_no_answer(self):
        self.deployment.start()
        self.fill(3)
        names = self.fill(1, CARDS)
        self.stop()
        vault = self.vault.read_bytes()
        found = self.find_each([
            vault[:at] + bytes([vault[at] ^ 1]) + vault[at + 1:]
            for at in range(1000, len(vault), PAGE)], names)
        # What is not found is free, or holds the answers kept for requests.
        self.assertGreater(found, len(vault) // PAGE * 3 // 4)

    def test_a_page_of_an_older_copy_is_found_or_changes_no_answer(self):
        self.deployment.start()
        self.fill(3)
        self.stop()
        older = self.vault.read_bytes()
        self.deployment.start()
        names = self.fill(2, CARDS)
        self.stop()
        vault = self.vault.read_bytes()
        found = self.find_each([
            vault[:at] + older[at:at + PAGE] + vault[at + PAGE:]
            for at in range(0, len(older), PAGE)
            if older[at:at + PAGE] != vault[at:at + PAGE]], names, starts=True)
        self.assertGreater(found, 5)

    def checkpoints(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "checkpoints").iterdir()}

    def find_each(self, vaults: list[bytes], names: list[str], starts: bool = False) -> int:
        """How many of these the check, and if asked a start too, finds damaged. On the others, cards
        and tokens are what they were."""
        kept = self.keep("kept")
        checkpoints = self.checkpoints()
        found = 0
        for number, vault in enumerate(vaults):
            with self.subTest(number):
                self.vault.write_bytes(vault)
                done = self.deployment.daemon("check-store")
                if done.returncode != 0:
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr, r"keysvcd: (INTEGRITY_FAILURE|STORE_FOREIGN|"
                                                  r"ROLLBACK_DETECTED): \S.*\n$")
                    found += 1
                    if starts:
                        self.deployment.refused_start()
                    # Else the right store would be taken for an older one.
                    self.assertEqual(self.checkpoints(), checkpoints)
                else:
                    self.deployment.start()
                    self.assertEqual(self.fill(1, CARDS), names)
                    self.reveal(names)
                    self.stop()
            self.deployment.kill()
            self.put_back(kept)
        done = self.deployment.daemon("check-store")
        self.assertEqual(done.returncode, 0, done.stderr)
        return found

    def keep(self, name: str) -> pathlib.Path:
        kept = self.folder / name
        for place in PLACES:
            shutil.copytree(self.folder / place, kept / place)
        return kept

    def put_back(self, kept: pathlib.Path) -> None:
        for place in PLACES:
            shutil.rmtree(self.folder / place)
            shutil.copytree(kept / place, self.folder / place)


if __name__ == "__main__":
    unittest.main()
