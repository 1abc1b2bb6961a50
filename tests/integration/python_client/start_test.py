#!/usr/bin/env python3
"""What the service refuses to start on, how it says so, and how it ends."""

import re
import shutil
import signal
import sqlite3
import unittest

import audit_log
import cards
import grpc
from deployment import Deployment
from faulty_hsm import FaultyHsm
from wire import CARDS, SECONDS, Client, audit, keys, tokens

CARD = cards.invented()


class Start(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.folder = self.deployment.folder
        self.vault = self.deployment.vault

    def refused(self, reason: str, *more: str) -> str:
        said = self.deployment.refused_start()
        for part in (reason, *more):
            self.assertIn(part, said)
        return said

    def use(self, pan: str = CARD) -> str:
        with Client(self.deployment, "checkout") as client:
            request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan))
            return client.tokens.Tokenize(request, timeout=SECONDS).name

    def test_a_stop_finishes_in_good_order_and_a_start_finds_everything(self):
        self.deployment.start()
        name = self.use()
        self.assertEqual(self.deployment.stop(), 0)
        self.deployment.start()
        with Client(self.deployment, "settlement") as client:
            request = tokens.DetokenizeRequest(name=name, purpose="settlement")
            card = client.tokens.Detokenize(request, timeout=SECONDS).card
        self.assertEqual(card.pan, CARD)

    def test_a_start_after_a_kill_says_and_records_what_it_did(self):
        self.deployment = self.enterContext(FaultyHsm())
        self.deployment.start()
        self.use()
        self.deployment.fail("C_GenerateKeyPair * kill before")
        with Client(self.deployment, "officer-1") as officer:
            with self.assertRaises(grpc.RpcError):
                officer.keys.CreateKey(keys.CreateKeyRequest(
                    parent="tenants/acme", key_id="broken-off", purpose=keys.KEY_PURPOSE_SIGN,
                    algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=30),
                    timeout=SECONDS)
        self.assertEqual(self.deployment.process.wait(SECONDS), -signal.SIGKILL)
        self.deployment.heal()

        said = self.said_by_start()
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            records = audit_log.read(auditor.export(), key)
        given_up = next(record for record in records
                        if record.header["action"] == "KeyService.Recovered")
        start = next(record for record in reversed(records)
                     if record.header["action"] == "Log.Recovered")
        details = start.body["details"]
        self.assertEqual(int(details["last_index"]), start.index - 1)
        self.assertEqual(details["last_time"], records[start.index - 1].header["time"])
        self.assertEqual(details["unfinished_keys"], "1")
        for text in (f"last record is {details['last_index']}, of {details['last_time']}",
                     f"{details['log_pages']} pages of the write-ahead log",
                     f"in {details['checked_in_ms']} ms, {details['since_checkpoint']} of them",
                     f"{given_up.body['resource']} given up"):
            self.assertRegex(said, f"recovered: .*{re.escape(text)}")
        self.assertGreater(int(details["log_pages"]), 0)
        intent = records[int(given_up.body["details"]["intent"])]
        self.assertEqual((intent.header["outcome"], intent.body["resource"]),
                         ("intent", given_up.body["resource"]))

        self.assertEqual(self.deployment.stop(), 0)
        self.assertNotIn("recovered:", self.said_by_start())

    def test_a_kill_gives_no_use_of_a_key_back(self):
        def uses() -> int:
            with Client(self.deployment, "officer-1") as officer:
                request = keys.GetKeyRequest(name="tenants/acme/keys/cards-data")
                version, = officer.keys.GetKey(request, timeout=SECONDS).key.versions
            self.assertLess(version.uses, version.use_limit)
            return version.uses

        self.deployment.start()
        block = uses()  # which init reserved
        self.use()
        self.assertEqual(uses(), block + 1)
        self.deployment.kill()
        self.deployment.start()
        self.assertEqual(uses(), 2 * block, "all of what was reserved counts as used")
        self.use(cards.invented())
        self.assertEqual(uses(), 2 * block + 1)

    def said_by_start(self) -> str:
        before = self.deployment.log.stat().st_size
        self.deployment.start()
        return self.deployment.log.read_bytes()[before:].decode()

    def test_a_broken_configuration_says_where(self):
        with open(self.folder / "config.yaml", "a", encoding="utf-8") as config:
            config.write("surprise: 1\n")
        lines = len((self.folder / "config.yaml").read_text().splitlines())
        self.refused("CONFIG_INVALID", f"config.yaml:{lines}:1")

    def test_a_pin_in_the_configuration_is_refused_and_not_repeated(self):
        self.deployment.edit("config.yaml", r"^(\s+)pin_file:.*", r"\g<0>\n\1pin: 98761234")
        self.assertNotIn("98761234", self.refused("CONFIG_INVALID", "config.yaml:"))

    def test_a_broken_policy_says_where(self):
        with open(self.folder / "policy.yaml", "a", encoding="utf-8") as policy:
            policy.write("surprise: 1\n")
        lines = len((self.folder / "policy.yaml").read_text().splitlines())
        self.refused("POLICY_INVALID", f"policy.yaml:{lines}:1")

    def test_a_missing_policy_is_no_open_door(self):
        (self.folder / "policy.yaml").unlink()
        self.refused("POLICY_INVALID")

    def test_a_refused_pin_is_never_tried_again(self):
        right = (self.folder / "pin").read_text()
        (self.folder / "pin").write_text("0000000000000000")
        self.assertNotIn("0000000000000000", self.refused("PIN_REFUSED"))
        # SoftHSM2 writes the refusal down in the token, so an untouched token was not asked.
        token = next((self.folder / "tokens").rglob("token.object"))
        asked = (token.read_bytes(), token.stat().st_mtime_ns)
        for _ in range(2):
            self.refused("PIN_REFUSED")
            self.assertEqual((token.read_bytes(), token.stat().st_mtime_ns), asked)
        (self.folder / "pin").write_text(right)
        self.deployment.start()
        self.use()

    def test_a_missing_token_directory(self):
        shutil.rmtree(self.folder / "tokens")
        self.refused("TOKEN_MISSING")

    def test_a_missing_vault(self):
        self.vault.unlink()
        self.refused("NOT_INITIALIZED")

    def test_a_vault_that_is_not_encrypted(self):
        path = self.vault
        path.unlink()
        with sqlite3.connect(path) as plain:
            plain.execute("CREATE TABLE token(id INTEGER PRIMARY KEY)")
        plain.close()
        self.refused("STORE_FOREIGN")
        with sqlite3.connect(path) as untouched:
            tables = untouched.execute("SELECT name FROM sqlite_schema").fetchall()
        untouched.close()
        self.assertEqual(tables, [("token",)])

    def test_a_vault_that_is_no_database(self):
        self.vault.write_bytes(b"nothing of ours " * 1024)
        self.refused("STORE_FOREIGN")

    def test_the_vault_of_another_deployment(self):
        with Deployment() as other:
            shutil.copy(other.vault, self.vault)
        self.refused("STORE_FOREIGN")

    def test_a_vault_older_than_its_last_checkpoint(self):
        self.deployment.start()
        self.deployment.stop()
        kept = self.folder / "kept"
        shutil.copytree(self.folder / "data", kept)
        self.deployment.start()
        self.use()
        self.deployment.stop()
        shutil.rmtree(self.folder / "data")
        kept.rename(self.folder / "data")
        self.refused("ROLLBACK_DETECTED")

    def test_a_vault_in_use(self):
        self.deployment.start()
        running = self.deployment.process
        try:
            self.assertIn("STORE_IN_USE", self.deployment.refused_start())
        finally:
            running.kill()
            running.wait()

    def test_a_second_initialisation_changes_nothing(self):
        before = self.vault.read_bytes()
        done = self.deployment.daemon("init")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "KEY_EXISTS|STORE_FOREIGN")
        self.assertEqual(self.vault.read_bytes(), before)

    def test_production_refuses_what_only_development_may_do(self):
        self.deployment.edit("config.yaml", r"environment: .*", "environment: production")
        self.assertRegex(self.refused(""), "ENVIRONMENT_MISMATCH|CONFIG_INVALID")

if __name__ == "__main__":
    unittest.main()
