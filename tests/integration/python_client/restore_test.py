#!/usr/bin/env python3
"""The HSM is lost, and custodians bring everything that can be brought onto a new one."""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import textwrap
import time
import unittest

import cards
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from deployment import KEYSVC, Deployment
from faulty_hsm import FaultyHsm
from google.protobuf.timestamp_pb2 import Timestamp
from ledger import HOST_NUMBERS, NETWORK_TOKENS, ONE_TIME, RECEIPTS, TILL_NUMBERS
from mixed_load import allow_load
from wire import CARDS, SECONDS, Client, keys, partners, refusal, signing, tokens

ORDERS = "tenants/acme/keys/orders"
STEPS = 8  # that a restoration says it takes


class Restore(unittest.TestCase):
    def setUp(self):
        self.use(Deployment())

    def use(self, deployment: Deployment) -> None:
        self.deployment = self.enterContext(deployment)
        self.folder = self.deployment.folder
        self.data = self.folder / "data"

    # What callers do.

    def tokenize(self, pan: str, profile: str = CARDS) -> str:
        with Client(self.deployment, "checkout") as client:
            request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan))
            return client.tokens.Tokenize(request, timeout=SECONDS).name

    def reveal(self, name: str, profile: str = "") -> str:
        with Client(self.deployment, "settlement") as client:
            request = tokens.DetokenizeRequest(name=name, profile=profile, purpose="settlement")
            return client.tokens.Detokenize(request, timeout=SECONDS).card.pan

    def account_reference(self, pan: str) -> str:
        """Of the card, by another token of it."""
        with Client(self.deployment, "checkout") as client:
            request = tokens.TokenizeRequest(parent=NETWORK_TOKENS, card=tokens.Card(pan=pan))
            return client.tokens.Tokenize(request, timeout=SECONDS).account_reference

    def fingerprint(self, pan: str) -> str:
        with Client(self.deployment, "checkout") as client:
            request = tokens.FingerprintCardRequest(parent="tenants/acme",
                                                    card=tokens.Card(pan=pan))
            return client.tokens.FingerprintCard(request, timeout=SECONDS).fingerprint

    def look_up(self, pan: str) -> str:
        with Client(self.deployment, "fraud") as client:
            request = tokens.LookUpTokenRequest(parent=CARDS, card=tokens.Card(pan=pan))
            return client.tokens.LookUpToken(request, timeout=SECONDS).name

    def suspend(self, name: str) -> None:
        with Client(self.deployment, "fraud") as client:
            client.tokens.SuspendToken(tokens.SuspendTokenRequest(name=name), timeout=SECONDS)

    def data_key_version(self, name: str) -> int:
        with Client(self.deployment, "checkout") as client:
            return client.tokens.GetToken(tokens.GetTokenRequest(name=name),
                                          timeout=SECONDS).data_key_version

    def create_key(self) -> str:
        with Client(self.deployment, "officer-1") as client:
            request = keys.CreateKeyRequest(
                parent="tenants/acme", key_id="orders", purpose=keys.KEY_PURPOSE_SIGN,
                algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=365)
            return client.keys.CreateKey(request, timeout=60).key.versions[0].name

    def sign(self) -> str:
        with Client(self.deployment, "settlement") as client:
            request = signing.SignRequest(name=ORDERS, message=b"order 4711")
            return client.signing.Sign(request, timeout=SECONDS).key_version

    # What custodians do.

    def new_shares(self, folder: str, threshold: int, count: int) -> list[pathlib.Path]:
        """Of another recovery key for this deployment."""
        done = self.keysvc("recovery", "init", "--deployment", "development", "--environment",
                           "development", "--threshold", str(threshold), "--shares", str(count),
                           "--out", self.folder / folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [self.folder / folder / f"share-{number}" for number in range(1, count + 1)]

    def keysvc(self, *arguments: str | os.PathLike) -> subprocess.CompletedProcess:
        return subprocess.run([KEYSVC, *arguments], env=self.deployment.environment,
                              capture_output=True, text=True, check=False, timeout=120)

    def share(self, number: int) -> pathlib.Path:
        return self.folder / f"recovery/share-{number}"

    def restore_command(self, *shares: int | pathlib.Path, more: tuple[str, ...] = ()) -> list:
        files = [self.share(share) if isinstance(share, int) else share for share in shares]
        given = [word for file in files for word in ("--share", file)]
        return ["recovery", "restore", "--config", self.folder / "config.yaml",
                "--verifier-key", self.folder / "log.vkey", *given, *more]

    def restore(self, *shares, more: tuple[str, ...] = ()) -> str:
        """Restores, and what it said on the way."""
        done = self.keysvc(*self.restore_command(*shares, more=more))
        self.assertEqual(done.returncode, 0, done.stderr)
        key = re.search(r"from now on they verify with (\S+)", done.stderr)[1]
        (self.folder / "log.vkey").write_text(key + "\n")
        return done.stderr

    def refused(self, reason: str, *shares, more: tuple[str, ...] = ()) -> str:
        """A restoration that must not work, and must leave everything as it is."""
        before = self.state()
        done = self.keysvc(*self.restore_command(*shares, more=more))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual(self.state(), before)
        return done.stderr

    def state(self) -> dict[str, str]:
        """Every file that a restoration may change; SQLite's own bookkeeping is none."""
        places = [self.data, self.folder / "checkpoints"]
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
                if path.suffix not in (".lock", "") or path.name.startswith("checkpoint-")
                if not path.name.endswith(("-wal", "-shm"))}

    def new_token(self) -> None:
        """The HSM is gone with all its keys; another one is there, empty."""
        shutil.rmtree(self.folder / "tokens")
        (self.folder / "tokens").mkdir()
        pin, so_pin = ((self.folder / name).read_text() for name in ("pin", "so-pin"))
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label",
                        "keysvc-development", "--pin", pin, "--so-pin", so_pin], check=True,
                       env=self.deployment.environment, stdout=subprocess.DEVNULL)

    def register(self, private, key_id: str) -> str:
        pem = private.public_key().public_bytes(serialization.Encoding.PEM,
                                                serialization.PublicFormat.SubjectPublicKeyInfo)
        with Client(self.deployment, "officer-1") as client:
            request = partners.CreatePartnerKeyRequest(
                parent="tenants/acme", partner_key_id=key_id, purpose=keys.KEY_PURPOSE_SIGN,
                pem=pem.decode(), not_after_time=Timestamp(seconds=int(time.time()) + 86400))
            return client.partners.CreatePartnerKey(request, timeout=SECONDS).partner_key.name

    def verify(self, name: str, private) -> bool:
        with Client(self.deployment, "settlement") as client:
            request = signing.VerifyRequest(name=name, message=b"order 4711",
                                            signature=private.sign(b"order 4711"))
            return client.signing.Verify(request, timeout=SECONDS).valid

    def test_partners_keys_come_back_as_they_were(self):
        bank, shop = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
        self.deployment.start()
        names = self.register(bank, "bank"), self.register(shop, "shop")
        with Client(self.deployment, "officer-1") as client:
            client.partners.DisablePartnerKey(
                partners.DisablePartnerKeyRequest(name=names[1]), timeout=SECONDS)
        done = self.deployment.command("auditor", "audit", "checkpoint", "--out",
                                       self.folder / "old.checkpoint", "--verifier-key-out",
                                       self.folder / "log.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.deployment.stop(), 0)
        self.new_token()
        self.restore(1, 2)
        for _ in range(2):
            self.deployment.start()
            self.assertTrue(self.verify(names[0], bank))
            self.assertEqual(refusal(lambda: self.verify(names[1], shop)).reason,
                             "PARTNER_KEY_DISABLED")
            self.assertEqual(self.deployment.stop(), 0)

    def test_with_enough_shares_every_card_opens_on_a_new_token_and_with_fewer_none(self):
        allow_load(self.deployment)
        self.deployment.start()
        pans = [cards.invented() for _ in range(20)]
        names = {pan: self.tokenize(pan) for pan in pans}
        receipts = {pan: self.tokenize(pan, RECEIPTS) for pan in pans[:3]}
        others = {profile: [self.tokenize(pan, profile) for pan in pans[:3]]
                  for profile in (TILL_NUMBERS, HOST_NUMBERS, NETWORK_TOKENS, ONE_TIME)}
        made_of_cards = [(self.account_reference(pan), self.fingerprint(pan)) for pan in pans[:3]]
        suspended = self.tokenize(cards.invented(), RECEIPTS)
        self.suspend(suspended)
        first_version = self.data_key_version(names[pans[0]])
        orders = self.create_key()
        self.assertEqual(self.sign(), orders)
        for verb in ("checkpoint", "export"):
            done = self.deployment.command(
                "auditor", "audit", verb, "--out", self.folder / f"old.{verb}",
                "--verifier-key-out", self.folder / "old.vkey")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.deployment.stop(), 0)

        shutil.rmtree(self.folder / "tokens")
        self.assertIn("TOKEN_MISSING", self.deployment.refused_start())
        (self.folder / "tokens").mkdir()
        self.new_token()
        self.assertIn("INTEGRITY_FAILURE", self.deployment.refused_start())
        for few in (1, 3):
            self.refused("RECOVERY_SHARES_TOO_FEW", few)
            self.assertIn("INTEGRITY_FAILURE", self.deployment.refused_start())

        said = self.restore(3, 1)
        self.assertIn(f"must be issued again: {orders}", said)
        for key in ("token", "cards-data", "receipts-data"):
            self.assertIn(f"new version: tenants/acme/keys/{key}/versions/2", said)
        old_key = (self.folder / "old.vkey").read_text().strip()
        self.assertIn(f"checkpoints verified with {old_key}", said)

        self.deployment.start()
        for pan, name in [*names.items(), *receipts.items()]:
            self.assertEqual(self.reveal(name), pan)
            self.assertEqual(self.data_key_version(name), first_version)
        for pan in pans:
            self.assertEqual(self.tokenize(pan), names[pan])
        for profile, made in others.items():
            self.assertEqual([self.reveal(name, profile) for name in made], pans[:3], profile)
        for name in others[ONE_TIME]:
            self.assertEqual(refusal(lambda n=name: self.reveal(n)).reason, "TOKEN_EXHAUSTED")
        for profile in (TILL_NUMBERS, HOST_NUMBERS):
            self.assertEqual([self.tokenize(pan, profile) for pan in pans[:3]], others[profile])
        self.assertEqual([(self.account_reference(pan), self.fingerprint(pan))
                          for pan in pans[:3]], made_of_cards)
        self.assertEqual(self.look_up(pans[0]), names[pans[0]])
        self.assertEqual(refusal(lambda: self.reveal(suspended)).reason, "TOKEN_SUSPENDED")
        new_pan = cards.invented()
        new = self.tokenize(new_pan)
        self.assertEqual(self.reveal(new), new_pan)
        self.assertEqual(self.data_key_version(new), first_version + 1)

        # The signing key is gone for good, and its name takes a new one.
        self.assertIn(refusal(self.sign).reason, ("KEY_NOT_FOUND", "KEY_NOT_ACTIVE"))
        again = self.create_key()
        self.assertEqual(again, f"{ORDERS}/versions/2")
        self.assertEqual(self.sign(), again)
        self.audit_goes_on(old_key)

        # Restored, it stops and starts as any other.
        self.assertEqual(self.deployment.stop(), 0)
        self.deployment.start()
        self.assertEqual(self.reveal(names[pans[0]]), pans[0])
        self.assertEqual(self.deployment.stop(), 0)
        self.refused("NOTHING_TO_RESTORE", 1, 2)

    def audit_goes_on(self, old_key: str) -> None:
        """What the auditor kept from before proves the log over the restoration."""
        new = self.folder / "new"
        done = self.deployment.command("auditor", "audit", "export", "--out", f"{new}.export",
                                       "--verifier-key-out", f"{new}.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(pathlib.Path(f"{new}.vkey").read_text().strip(), old_key)
        verify = ("audit", "verify", "--export", f"{new}.export", "--verifier-key", f"{new}.vkey",
                  "--checkpoint", self.folder / "old.checkpoint")
        self.assertEqual(self.keysvc(*verify).returncode, 1)
        done = self.keysvc(*verify, "--checkpoint-key", self.folder / "old.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("complete and unchanged since the outside checkpoint", done.stdout)
        self.assertRegex(done.stdout, r"RESTORATIONS +1\b")
        # Another key than the one that the restoration follows upon leads nowhere.
        done = self.keysvc(*verify, "--checkpoint-key", f"{new}.vkey")
        self.assertEqual(done.returncode, 1)

    def audit_goes_on_with_its_key(self) -> None:
        """What the auditor kept from before proves the log, and no new key is needed for it."""
        new = self.folder / "new"
        done = self.deployment.command("auditor", "audit", "export", "--out", f"{new}.export",
                                       "--verifier-key-out", f"{new}.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.keysvc("audit", "verify", "--export", f"{new}.export", "--verifier-key",
                           self.folder / "old.vkey", "--checkpoint", self.folder / "old.checkpoint")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("complete and unchanged since the outside checkpoint", done.stdout)
        self.assertRegex(done.stdout, r"RESTORATIONS +1\b")

    def killed_at(self, step: int, delay: float) -> str:
        """Kills a restoration a little after it says that it begins a step; what it said."""
        said = ""
        with subprocess.Popen([KEYSVC, *self.restore_command(1, 2)], text=True,
                              env=self.deployment.environment, stderr=subprocess.PIPE) as process:
            for line in process.stderr:
                said += line
                if line.startswith(f"step {step} "):
                    time.sleep(delay)
                    process.kill()
        return said

    def test_a_restoration_that_is_killed_anywhere_can_be_repeated(self):
        self.deployment.start()
        pans = [cards.invented() for _ in range(3)]
        names = [self.tokenize(pan) for pan in pans]
        self.create_key()
        self.deployment.kill()  # the service went down hard as well
        self.new_token()
        reached, broken_tokens = set(), 0
        for step in [*range(1, STEPS + 1), 6, 7, 8, 7, 8]:
            said = self.killed_at(step, delay=0.003 * len(reached))
            if "TOKEN_MISSING" in said:
                # SoftHSM2 replaces its own files in place: a kill may leave a token that it does
                # not find any more. Then that HSM is lost as well.
                self.new_token()
                broken_tokens += 1
                said = self.killed_at(step, delay=0)
            self.assertRegex(said, rf"step {step} |NOTHING_TO_RESTORE")
            if "NOTHING_TO_RESTORE" not in said:
                reached.add(step)
        self.assertGreaterEqual(reached, set(range(1, STEPS)))
        done = self.keysvc(*self.restore_command(2, 3))
        if "TOKEN_MISSING" in done.stderr:
            self.new_token()
            broken_tokens += 1
            done = self.keysvc(*self.restore_command(2, 3))
        if done.returncode != 0:
            self.assertIn("NOTHING_TO_RESTORE", done.stderr)

        self.deployment.start()
        for pan, name in zip(pans, names):
            self.assertEqual(self.reveal(name), pan)
            self.assertEqual(self.tokenize(pan), name)
        done = self.deployment.command("auditor", "audit", "export", "--out",
                                       self.folder / "log", "--verifier-key-out",
                                       self.folder / "vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        restored = (self.folder / "log").read_text().count('"action":"Log.Restored"')
        self.assertGreaterEqual(restored, 1)
        self.assertLessEqual(restored, 1 + broken_tokens)
        done = self.keysvc("audit", "verify", "--export", self.folder / "log", "--verifier-key",
                           self.folder / "vkey")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_restoration_that_lacks_only_the_sidecar_is_finished_also_on_a_third_token(self):
        self.deployment.start()
        pan = cards.invented()
        name = self.tokenize(pan)
        self.deployment.stop()
        sidecar = self.data / "vault.sidecar"
        kept = sidecar.read_bytes()
        self.new_token()
        self.restore(1, 2)
        sidecar.write_bytes(kept)  # as if the run had been killed before it
        self.assertIn("an earlier run had written the keys", self.restore(1, 3))
        self.deployment.start()
        self.assertEqual(self.reveal(name), pan)
        self.deployment.stop()

        sidecar.write_bytes(kept)
        self.new_token()  # the second HSM is lost before anybody used it
        said = self.restore(2, 3)
        self.assertIn("new version: tenants/acme/keys/token/versions/3", said)
        self.deployment.start()
        self.assertEqual(self.reveal(name), pan)
        self.assertEqual(self.tokenize(pan), name)

    def broken_off(self, *shares) -> None:
        """A restoration that ends after its record and before its checkpoint."""
        folder = self.folder / "checkpoints"
        newest = int(max(folder.glob("checkpoint-*")).name.rpartition("-")[2])
        # Where a checkpoint would be written before it gets its name.
        blocks = [folder / f"checkpoint-{newest + more:020}.new" for more in range(1, 30)]
        for block in blocks:
            block.mkdir()
        done = self.keysvc(*self.restore_command(*shares))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("step 7 of 8", done.stderr)
        self.assertIn("STORE_UNAVAILABLE", done.stderr)
        for block in blocks:
            block.rmdir()

    def test_restorations_broken_off_on_two_tokens_are_finished_on_the_second_or_a_third(self):
        self.deployment.start()
        pan = cards.invented()
        name = self.tokenize(pan)
        done = self.deployment.command("auditor", "audit", "checkpoint", "--out",
                                       self.folder / "old.checkpoint", "--verifier-key-out",
                                       self.folder / "old.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        old_key = (self.folder / "old.vkey").read_text().strip()
        self.deployment.stop()
        for _ in range(2):
            self.new_token()
            self.broken_off(1, 2)
        places = ("data", "tokens", "checkpoints", "log.vkey")
        for place in places:
            self.copy(self.folder / place, self.folder / "kept" / place)
        for third in (False, True):
            with self.subTest(third=third):
                if third:
                    self.new_token()
                own = (self.folder / "log.vkey").read_text()
                (self.folder / "log.vkey").write_text(own.replace("+A", "+B"))
                self.refused("STORE_FOREIGN", 1, 2)
                (self.folder / "log.vkey").write_text(own)
                self.assertIn(f"checkpoints verified with {old_key}\n", self.restore(1, 3))
                self.deployment.start()
                self.assertEqual(self.reveal(name), pan)
                self.assertEqual(self.tokenize(pan), name)
                self.deployment.stop()
                # Once it is through, the key of before counts no more.
                self.new_token()
                (self.folder / "log.vkey").write_text(own)
                self.refused("STORE_FOREIGN", 1, 2)
            for place in places:
                self.copy(self.folder / "kept" / place, self.folder / place)

    def copy(self, source: pathlib.Path, target: pathlib.Path) -> None:
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

    def test_an_older_store_goes_on_only_when_its_losses_are_accepted(self):
        self.deployment.start()
        kept_pan = cards.invented()
        kept = self.tokenize(kept_pan)
        self.deployment.stop()
        shutil.copytree(self.data, self.folder / "backup")
        self.deployment.start()
        lost = self.tokenize(cards.invented())
        self.deployment.stop()
        newest = max((self.folder / "checkpoints").iterdir()).name
        self.new_token()
        shutil.rmtree(self.data)
        (self.folder / "backup").rename(self.data)

        self.refused("ROLLBACK_DETECTED", 1, 2)
        # Somebody else's store would come with somebody else's key.
        own = (self.folder / "log.vkey").read_text()
        (self.folder / "log.vkey").write_text(own.replace("+A", "+B"))
        self.refused("STORE_FOREIGN", 1, 2)
        (self.folder / "log.vkey").write_text(own)
        # A busy service has none left of the backup's time.
        for note in sorted((self.folder / "checkpoints").iterdir())[:-1]:
            note.unlink()
        said = self.restore(1, 2, more=("--accept-older-store",))
        self.assertRegex(said, r"records given up with the older store: [1-9]")
        superseded = list((self.folder / "checkpoints").glob("superseded-*/*"))
        self.assertIn(newest, [path.name for path in superseded])

        self.deployment.start()
        self.assertEqual(self.reveal(kept), kept_pan)
        # The next card gets the handle that the lost token names, and the token opens nothing.
        self.tokenize(cards.invented())
        gone = refusal(lambda: self.reveal(lost))
        self.assertEqual((gone.code, gone.reason), ("NOT_FOUND", "TOKEN_NOT_FOUND"))

    def back_up(self) -> None:
        self.copy(self.data, self.folder / "backup")

    def lose_the_disk(self) -> None:
        """Only the backup is left of database and sidecar."""
        shutil.rmtree(self.data)
        self.copy(self.folder / "backup", self.data)

    def rotate_orders(self) -> str:
        with Client(self.deployment, "officer-1") as client:
            key = client.keys.RotateKey(keys.RotateKeyRequest(name=ORDERS), timeout=60).key
        return max(version.name for version in key.versions)

    def test_an_older_store_goes_on_with_the_hsm_that_it_had(self):
        """Only the disk was lost: its keys live, and custodians accept what is missing."""
        accepted = ("--accept-older-store",)
        self.deployment.start()
        kept_pan = cards.invented()
        kept = self.tokenize(kept_pan)
        orders = self.create_key()
        done = self.deployment.command("auditor", "audit", "checkpoint", "--out",
                                       self.folder / "old.checkpoint", "--verifier-key-out",
                                       self.folder / "old.vkey")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.deployment.stop()
        self.refused("NOTHING_TO_RESTORE", 1, 2, more=accepted)
        self.back_up()
        self.deployment.start()
        lost = self.tokenize(cards.invented())
        self.assertEqual(self.rotate_orders(), f"{ORDERS}/versions/2")
        self.deployment.stop()
        self.lose_the_disk()

        self.assertIn("ROLLBACK_DETECTED", self.deployment.refused_start())
        self.refused("NOTHING_TO_RESTORE", 1, 2)
        self.refused("RECOVERY_SHARES_TOO_FEW", 1, more=accepted)
        key = (self.folder / "log.vkey").read_text()
        (self.folder / "log.vkey").write_text(key.replace("+A", "+B"))
        self.refused("STORE_FOREIGN", 1, 2, more=accepted)
        (self.folder / "log.vkey").write_text(key)
        for again in (1, 2):
            with self.subTest(again=again):
                said = self.restore(1, 2, more=accepted)
                self.assertRegex(said, r"records given up with the older store: [1-9]")
                self.assertNotIn("must be issued again", said)
                self.assertIn("on the token, and not in the store: development/acme/orders/v2\n",
                              said)
                for rotated in ("token", "cards-data"):
                    self.assertIn(f"new version: tenants/acme/keys/{rotated}/versions/2", said)
                for drawn in ("till-numbers", "network-tokens"):
                    self.assertIn("may be made again, for other cards: "
                                  f"tenants/acme/tokenProfiles/{drawn}\n", said)
                self.assertEqual((self.folder / "log.vkey").read_text(), key)
                self.refused("NOTHING_TO_RESTORE", 1, 2, more=accepted)

                self.deployment.start()
                self.assertEqual(self.reveal(kept), kept_pan)
                self.assertEqual(self.tokenize(kept_pan), kept)
                self.assertEqual(self.sign(), orders)
                fresh = self.tokenize(cards.invented())
                self.assertEqual(self.data_key_version(fresh), 2)
                self.assertEqual(refusal(lambda: self.reveal(lost)).reason, "TOKEN_NOT_FOUND")
                # A version's label is never used twice, and its number is used up.
                for _ in range(again):
                    self.assertEqual(refusal(self.rotate_orders).reason, "HSM_FAILURE")
                self.assertEqual(self.rotate_orders(), f"{ORDERS}/versions/{again + 2}")
                self.audit_goes_on_with_its_key()
                self.deployment.stop()
                # The disk is lost once more, with nothing but the same backup.
                self.lose_the_disk()
                self.assertIn("ROLLBACK_DETECTED", self.deployment.refused_start())

    def test_an_older_store_does_not_start_until_its_acceptance_is_recorded(self):
        self.deployment.start()
        pan = cards.invented()
        name = self.tokenize(pan)
        self.deployment.stop()
        self.back_up()
        self.deployment.start()
        self.tokenize(cards.invented())
        self.deployment.stop()
        self.lose_the_disk()
        checkpoints = self.folder / "checkpoints"
        self.copy(checkpoints, self.folder / "kept-checkpoints")
        self.restore(1, 2, more=("--accept-older-store",))
        [moved] = [folder.name for folder in checkpoints.glob("superseded-*")]
        # As a run leaves everything that was broken off when it had moved the checkpoints.
        self.lose_the_disk()
        self.copy(self.folder / "kept-checkpoints", checkpoints)
        (checkpoints / moved).mkdir()
        for note in checkpoints.glob("checkpoint-*"):
            if note.name.rpartition("-")[2] > moved.rpartition("-")[2]:
                note.rename(checkpoints / moved / note.name)
        self.assertIn("a restoration has moved", self.deployment.refused_start())
        self.restore(2, 3, more=("--accept-older-store",))
        self.deployment.start()
        self.assertEqual(self.reveal(name), pan)

    def test_a_token_that_was_replaced_and_came_back_restores_nothing(self):
        self.deployment.start()
        self.deployment.stop()
        self.copy(self.folder / "tokens", self.folder / "first-token")
        self.new_token()
        # The log has gone on with the second token, and the sidecar still opens with the first.
        self.broken_off(1, 2)
        self.copy(self.folder / "tokens", self.folder / "second-token")
        self.copy(self.folder / "first-token", self.folder / "tokens")
        self.refused("STORE_FOREIGN", 1, 2, more=("--accept-older-store",))
        self.copy(self.folder / "second-token", self.folder / "tokens")
        self.restore(1, 2)
        self.deployment.start()

    def test_a_restoration_that_makes_no_key_has_changed_nothing(self):
        hsm = FaultyHsm()
        self.use(hsm)
        self.deployment.start()
        self.deployment.stop()
        self.back_up()
        self.deployment.start()
        self.tokenize(cards.invented())
        self.deployment.stop()
        self.lose_the_disk()
        self.new_token()
        # Then the store's own checkpoint stands in for those of its time.
        for note in sorted((self.folder / "checkpoints").iterdir())[:-1]:
            note.unlink()
        hsm.fail("C_GenerateKey * return CKR_DEVICE_ERROR")
        said = self.refused("HSM_UNAVAILABLE", 1, 2, more=("--accept-older-store",))
        self.assertIn("step 6 of 8", said)
        hsm.heal()
        self.restore(1, 2, more=("--accept-older-store",))
        self.deployment.start()

    def test_shares_and_files_of_others_restore_nothing(self):
        self.deployment.start()
        self.tokenize(cards.invented())
        self.deployment.stop()
        self.refused("NOTHING_TO_RESTORE", 1, 2)
        self.new_token()
        other = self.folder / "other"
        for name, environment in (("development", "development"), ("elsewhere", "development"),
                                  ("development", "test")):
            shutil.rmtree(other, ignore_errors=True)
            self.keysvc("recovery", "init", "--deployment", name, "--environment", environment,
                        "--threshold", "2", "--shares", "3", "--out", other)
            same = (name, environment) == ("development", "development")
            self.refused("RECOVERY_KEY_MISMATCH" if same else "RECOVERY_SHARES_MISMATCH",
                         other / "share-1", other / "share-2")
            self.refused("RECOVERY_SHARES_MISMATCH", 1, other / "share-2")
        self.refused("RECOVERY_SHARES_MISMATCH", 1, 1)
        changed = self.folder / "changed"
        changed.write_bytes(self.share(2).read_bytes()[:-60])
        self.refused("RECOVERY_SHARE_INVALID", 1, changed)
        changed.write_text(written_by_a_newer(self.share(2).read_text()))
        self.assertIn("newer keysvc", self.refused("RECOVERY_SHARE_INVALID", 1, changed))

        with Deployment() as stranger:
            kept = (self.data / "vault.sidecar").read_bytes()
            shutil.copy(stranger.folder / "data/vault.sidecar", self.data)
            self.refused("RECOVERY_KEY_MISMATCH", 1, 2)
            (self.data / "vault.sidecar").write_bytes(kept)
            shutil.copy(stranger.vault, self.deployment.vault)
            self.refused("STORE_FOREIGN", 1, 2)

    def test_enrolling_moves_everything_to_another_recovery_key(self):
        self.deployment.start()
        pan = cards.invented()
        name = self.tokenize(pan)
        self.deployment.stop()
        shares = self.new_shares("second", 3, 5)
        self.deployment.edit("config.yaml", "recovery/recovery.pem", "second/recovery.pem")
        self.assertIn("RECOVERY_KEY_MISMATCH", self.deployment.refused_start())
        self.assertEqual(self.deployment.daemon("enroll-recovery").returncode, 0)
        self.deployment.start()
        self.assertEqual(self.reveal(name), pan)
        self.deployment.stop()
        self.new_token()
        self.refused("RECOVERY_KEY_MISMATCH", 1, 2)
        self.refused("RECOVERY_SHARES_TOO_FEW", *shares[:2])
        self.restore(shares[4], shares[0], shares[2])
        self.deployment.start()
        self.assertEqual(self.reveal(name), pan)


def written_by_a_newer(share: str) -> str:
    """The share in a format of which nothing is known here (docs/formats.md)."""
    heading, text = share.split("\n\n")
    *lines, end = text.splitlines()
    body = bytearray(base64.b64decode("".join(lines))[:-32])
    body[0] += 1
    encoded = base64.b64encode(body + hashlib.sha256(body).digest()).decode()
    return "\n".join([heading, "", *textwrap.wrap(encoded, 64), end, ""])


if __name__ == "__main__":
    unittest.main()
