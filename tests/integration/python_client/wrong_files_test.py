#!/usr/bin/env python3
"""Files that are not the ones that belong together: older, cut short, or from somewhere else. The
service does not start on them, says why, and has changed nothing when the right ones are back."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import unittest

import audit_log
import cards
from deployment import DATA_LOSS, KEYSVC, ROOT, Deployment
from wire import CARDS, SECONDS, Client, audit, keys, signing, tokens

CARD = cards.invented()
ORDERS = "tenants/acme/keys/orders"
PLACES = ("data", "checkpoints", "tokens", "pin", "recovery", "config.yaml")


class TestEnvironment(Deployment):
    """The same deployment, of the environment test."""

    def make(self) -> None:
        super().make()
        self.edit("config.yaml", r"environment: .*", "environment: test")
        for place in ("data", "checkpoints", "recovery"):
            shutil.rmtree(self.folder / place)
        for place in ("data", "checkpoints"):
            (self.folder / place).mkdir()
        new_recovery_key(self.folder / "recovery", "test")
        done = self.daemon("init")
        assert done.returncode == 0, done.stderr


def new_recovery_key(folder: pathlib.Path, environment: str = "development") -> None:
    subprocess.run([KEYSVC, "recovery", "init", "--deployment", "development", "--environment",
                    environment, "--threshold", "2", "--shares", "3", "--out", folder],
                   check=True, capture_output=True, timeout=60)


class WrongFiles(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.folder = self.deployment.folder
        self.vault = self.deployment.vault
        self.sidecar = self.folder / "data/vault.sidecar"
        self.deployment.start()
        with Client(self.deployment, "checkout") as client:
            request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=CARD))
            self.token = client.tokens.Tokenize(request, timeout=SECONDS).name
        with Client(self.deployment, "auditor") as client:
            self.log = audit_log.Log(client.audit.GetCheckpoint(
                audit.GetCheckpointRequest(), timeout=SECONDS).verifier_key)
            self.log.extend(client.export())
        self.stop()

    def stop(self) -> None:
        self.assertEqual(self.deployment.stop(), 0)

    def check(self) -> None:
        """The service starts and has what it had, and its log has only become longer."""
        self.deployment.start()
        with Client(self.deployment, "settlement") as client:
            request = tokens.DetokenizeRequest(name=self.token, purpose="settlement")
            card = client.tokens.Detokenize(request, timeout=SECONDS).card
        self.assertEqual(card.pan, CARD)
        with Client(self.deployment, "auditor") as client:
            self.log.extend(client.export(self.log.tree.size))
        self.stop()

    def copy(self, source: pathlib.Path, target: pathlib.Path) -> None:
        """What is at the target is gone afterwards, also what has no counterpart."""
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

    def keep(self, name: str) -> pathlib.Path:
        """A copy of the files as they are now."""
        kept = self.folder / name
        kept.mkdir(exist_ok=True)
        for place in PLACES:
            self.copy(self.folder / place, kept / place)
        return kept

    def put_back(self, kept: pathlib.Path, *places: str) -> None:
        for place in places or PLACES:
            self.copy(kept / place, self.folder / place)

    def state(self) -> dict[str, bytes]:
        # SoftHSM2 writes down every login in token.object.
        files = [path for place in PLACES for path in (self.folder / place).rglob("*")]
        return {str(path): path.read_bytes() for path in files
                if path.is_file() and path.name != "token.object"}

    def refused(self, reason: str, *more: str, may_change: tuple[pathlib.Path, ...] = ()) -> None:
        """A start that is refused, and leaves every file as it found it."""
        before = self.state()
        said = self.deployment.refused_start()
        for part in (f"keysvcd: {reason}: ", *more):
            self.assertIn(part, said)
        if reason in ("INTEGRITY_FAILURE", "ROLLBACK_DETECTED"):
            self.assertIn(f"alarm: {reason}: the start: ", said)
        after = self.state()
        changed = [path for path in before | after if before.get(path) != after.get(path)
                   if not any(pathlib.Path(path).is_relative_to(place) for place in may_change)]
        self.assertEqual(changed, [])

    def new_version(self) -> str:
        """Makes the key orders, or its next version, and says which."""
        with Client(self.deployment, "officer-1") as client:
            if ORDERS in (key.name for key in client.keys.ListKeys(keys.ListKeysRequest(
                    parent="tenants/acme"), timeout=SECONDS).keys):
                key = client.keys.RotateKey(keys.RotateKeyRequest(name=ORDERS), timeout=60).key
            else:
                key = client.keys.CreateKey(keys.CreateKeyRequest(
                    parent="tenants/acme", key_id="orders", purpose=keys.KEY_PURPOSE_SIGN,
                    algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=365), timeout=60).key
        return max(version.name for version in key.versions)

    def sign(self) -> str:
        with Client(self.deployment, "settlement") as client:
            request = signing.SignRequest(name=ORDERS, message=b"order 4711")
            return client.signing.Sign(request, timeout=SECONDS).key_version

    def test_the_token_of_an_older_day_is_refused_by_the_name_of_what_it_lacks(self):
        for _ in range(2):
            older = self.keep("older")
            self.deployment.start()
            version = self.new_version()
            self.stop()
            newer = self.keep("newer")
            self.put_back(older, "tokens")
            # The log is sound and goes on: it tells of the refused start.
            self.refused("INTEGRITY_FAILURE", f"the HSM lacks {version}\n",
                         may_change=(self.vault,))
            self.put_back(newer, "tokens")
            self.check()
            self.deployment.start()
            self.assertEqual(self.sign(), version)
            self.stop()

    def test_a_token_that_holds_another_key_of_the_name_is_refused(self):
        older = self.keep("older")
        self.deployment.start()
        self.new_version()
        self.stop()
        newer = self.keep("newer")
        # On the same token, under the same label, made a second time.
        self.put_back(older)
        self.deployment.start()
        version = self.new_version()
        self.stop()
        other = self.keep("other")
        self.put_back(newer)
        self.put_back(other, "tokens")
        self.refused("INTEGRITY_FAILURE", f"the HSM holds another key as {version}\n",
                     may_change=(self.vault,))
        self.put_back(newer, "tokens")
        self.check()

    def test_the_store_of_before_refused_starts_is_taken_back_beside_the_checkpoints(self):
        older = self.keep("older")
        self.deployment.start()
        self.new_version()
        self.stop()
        newer = self.keep("newer")
        self.put_back(older, "tokens")
        for _ in range(2):
            self.refused("INTEGRITY_FAILURE", may_change=(self.vault,))
        done = self.deployment.daemon("check-store")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("keysvcd: INTEGRITY_FAILURE: ", done.stderr)
        self.put_back(newer, "tokens", "data")
        self.check()

    def test_init_makes_nothing_where_a_part_of_a_deployment_is_left(self):
        def content() -> dict[pathlib.Path, bytes]:
            return {path: path.read_bytes() for place in ("data", "checkpoints", "tokens")
                    for path in (self.folder / place).rglob("*") if path.is_file()}

        for gone, reason in ((self.sidecar, "STORE_FOREIGN"), (self.vault, "ROLLBACK_DETECTED")):
            with self.subTest(gone=gone.name):
                aside = self.folder / "aside"
                gone.rename(aside)
                before = content()
                done = self.deployment.daemon("init")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"keysvcd: {reason}: ", done.stderr)
                self.assertEqual(content(), before)
                aside.rename(gone)
        self.check()

    def test_a_service_manager_leaves_a_store_alone_that_is_not_what_it_was(self):
        unit = (ROOT / "deploy/keysvc.service").read_text()
        self.assertRegex(unit, rf"(?m)^RestartPreventExitStatus={DATA_LOSS}$")

    def test_what_is_cut_short_is_refused(self):
        newest = max((self.folder / "checkpoints").glob("checkpoint-*"))
        kept = self.keep("kept")
        for path in (self.vault, self.sidecar, newest):
            size = path.stat().st_size
            for length in {0, 1, 100, size // 2, size - 4096, size - 1} & set(range(size)):
                with self.subTest(path.name, length=length, size=size):
                    os.truncate(path, length)
                    # Without its first page nothing shows whose database it was.
                    self.refused("STORE_FOREIGN" if path == self.vault and length < 4096
                                 else "INTEGRITY_FAILURE")
                self.put_back(kept)
        self.check()

    def test_files_of_another_deployment_are_refused(self):
        kept = self.keep("kept")
        with Deployment() as other:
            for reason, *places in (
                    ("STORE_FOREIGN", "data/vault.db"), ("INTEGRITY_FAILURE", "data/vault.sidecar"),
                    ("INTEGRITY_FAILURE", "data"), ("INTEGRITY_FAILURE", "checkpoints"),
                    ("INTEGRITY_FAILURE", "tokens", "pin"),
                    ("INTEGRITY_FAILURE", "tokens", "pin", "checkpoints"),
                    ("INTEGRITY_FAILURE", "data", "checkpoints"),
                    ("RECOVERY_KEY_MISMATCH", "tokens", "pin", "data"),
                    ("INTEGRITY_FAILURE", "tokens", "pin", "data", "recovery"),
                    ("RECOVERY_KEY_MISMATCH", "recovery")):
                with self.subTest(places):
                    self.put_from(other, *places)
                    self.refused(reason)
                self.put_back(kept)
        self.check()

    def put_from(self, other: Deployment, *places: str) -> None:
        for place in places:
            self.copy(other.folder / place, self.folder / place)

    def test_files_of_another_environment_are_refused(self):
        kept = self.keep("kept")
        with TestEnvironment() as other:
            for reason, *places in (
                    ("STORE_FOREIGN", "data/vault.db"),
                    ("ENVIRONMENT_MISMATCH", "data/vault.sidecar"),
                    ("ENVIRONMENT_MISMATCH", "data"), ("INTEGRITY_FAILURE", "checkpoints"),
                    ("INTEGRITY_FAILURE", "tokens", "pin"),
                    ("ENVIRONMENT_MISMATCH", "data", "checkpoints", "tokens", "pin"),
                    ("CONFIG_INVALID", "recovery")):
                with self.subTest(places):
                    self.put_from(other, *places)
                    self.refused(reason)
                self.put_back(kept)
        self.deployment.edit("config.yaml", r"environment: .*", "environment: test")
        self.refused("CONFIG_INVALID")
        self.put_back(kept)
        self.check()

    def test_a_checkpoint_directory_of_an_older_day_is_refused(self):
        older = self.keep("older")
        self.deployment.start()
        self.stop()
        newer = self.keep("newer")
        self.put_back(older, "checkpoints")
        self.refused("ROLLBACK_DETECTED", "older than the store")
        self.put_back(newer)
        # The name of the newest and what an older one says.
        *_, before, newest = sorted((self.folder / "checkpoints").glob("checkpoint-*"))
        shutil.copy(before, newest)
        self.refused("INTEGRITY_FAILURE")
        self.put_back(newer)
        self.check()

    def test_a_sidecar_that_a_newer_keysvc_wrote_is_left_alone(self):
        kept = self.keep("kept")
        body = bytearray(self.sidecar.read_bytes()[:-32])
        body[0] += 1  # its format
        self.sidecar.write_bytes(body + hashlib.sha256(body).digest())
        self.refused("STORE_NEWER")
        self.put_back(kept)
        self.check()

    def test_the_sidecar_of_before_the_recovery_key_was_changed_is_refused(self):
        older = self.keep("older")
        new_recovery_key(self.folder / "new")
        self.copy(self.folder / "new", self.folder / "recovery")
        done = self.deployment.daemon("enroll-recovery")
        self.assertEqual(done.returncode, 0, done.stderr)
        newer = self.keep("newer")
        self.put_back(older, "data/vault.sidecar")
        self.refused("RECOVERY_KEY_MISMATCH")
        self.put_back(older, "recovery")
        self.refused("RECOVERY_KEY_MISMATCH")
        self.put_back(newer)
        self.check()


if __name__ == "__main__":
    unittest.main()
