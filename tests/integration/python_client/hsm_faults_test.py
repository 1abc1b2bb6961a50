#!/usr/bin/env python3
"""The HSM goes wrong under the running service in every way that PKCS#11 has a name for. What the
callers see of it, and how the service comes back without a restart; docs/hsms.md has the table.

    hsm_faults_test.py [--write]    also writes the table into the document
"""

import contextlib
import sys
import threading
import time
import unittest
import uuid

import audit_log
import cards
import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from deployment import ROOT, in_memory
from faulty_hsm import FaultyHsm
from wire import CARDS, SECONDS, Client, audit, keys, refusal_of, signing, tokens

WRITE = "--write" in sys.argv
DOCUMENT = ROOT / "docs/hsms.md"
BEGIN, END = "<!-- faults: made by hsm_faults_test.py --write -->\n", "<!-- end of faults -->\n"
CARD = cards.invented()
AWAY = "`UNAVAILABLE` `HSM_UNAVAILABLE`"
# Of the example configuration.
SESSIONS = 8
# The library is initialised anew at most once in so many seconds.
INTERVAL = 30

# Where each operation meets the token first and last.
CALLS = {
    "Sign": ("C_SignInit", "C_Sign"),
    "open a data key": ("C_DecryptInit", "C_Decrypt"),
    "CreateKey": ("C_GenerateKeyPair", "C_GenerateKeyPair"),
    "checkpoint": ("C_SignInit", "C_Sign"),
}
FIRST, LAST = 0, 1

# What goes wrong, at which of the calls, and the rule for it.
FAULTS = (
    ("session lost", LAST, "return CKR_SESSION_HANDLE_INVALID"),
    ("session closed", FIRST, "return CKR_SESSION_CLOSED"),
    ("user not logged in", FIRST, "return CKR_USER_NOT_LOGGED_IN"),
    ("key handle spent", FIRST, "return CKR_KEY_HANDLE_INVALID"),
    ("device error", LAST, "return CKR_DEVICE_ERROR"),
    ("device removed", LAST, "return CKR_DEVICE_REMOVED"),
    ("general error", LAST, "return CKR_GENERAL_ERROR"),
    ("token not present", FIRST, "return CKR_TOKEN_NOT_PRESENT"),
    ("library not initialised", FIRST, "return CKR_CRYPTOKI_NOT_INITIALIZED"),
    ("host memory", LAST, "return CKR_HOST_MEMORY"),
    ("device memory", LAST, "return CKR_DEVICE_MEMORY"),
    ("answer lost", LAST, "lose CKR_DEVICE_ERROR"),
    ("function rejected", LAST, "return CKR_FUNCTION_REJECTED"),
    ("mechanism refused", FIRST, "return CKR_MECHANISM_INVALID"),
    ("use of the key refused", FIRST, "return CKR_KEY_FUNCTION_NOT_PERMITTED"),
    ("slow: 300 ms a call", LAST, "delay 300"),
)
UNSUPPORTED = "`FAILED_PRECONDITION` `ALGORITHM_UNSUPPORTED`"
FAILURE = "`INTERNAL` `HSM_FAILURE`"
# What callers see while a fault lasts; AWAY where nothing else is said.
LASTING = {"mechanism refused": UNSUPPORTED, "use of the key refused": FAILURE,
           "slow: 300 ms a call": "answered"}
# A key whose making was not acknowledged is found, tried and kept.
LASTING_CREATE = {**LASTING, "answer lost": "answered"}
# What they see when it strikes once; "answered" where nothing else is said.
ONCE = {"mechanism refused": UNSUPPORTED, "use of the key refused": FAILURE}


class HsmFaults(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(FaultyHsm(in_memory()))
        self.clients = self.enterContext(contextlib.ExitStack())
        self.start()
        self.key = self.create()
        self.token = self.tokenize()

    def start(self) -> None:
        self.clients.close()
        self.deployment.start()
        for name in ("checkout", "settlement", "officer-1", "auditor"):
            setattr(self, name.split("-", maxsplit=1)[0],
                    self.clients.enter_context(Client(self.deployment, name)))

    def create(self, request_id: str = "") -> str:
        request = keys.CreateKeyRequest(
            parent="tenants/acme", key_id=f"k{uuid.uuid4().hex[:8]}",
            purpose=keys.KEY_PURPOSE_SIGN, algorithm=keys.KEY_ALGORITHM_EC_P256,
            cryptoperiod_days=365, request_id=request_id)
        return self.officer.keys.CreateKey(request, timeout=SECONDS).key.name

    def tokenize(self) -> str:
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=CARD))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def detokenize(self) -> None:
        request = tokens.DetokenizeRequest(name=self.token, purpose="settlement")
        answer = self.settlement.tokens.Detokenize(request, timeout=SECONDS)
        self.assertEqual(answer.card.pan, CARD, "no wrong answer leaves")

    def sign(self, seconds: float = SECONDS, key: str = "") -> None:
        message = uuid.uuid4().bytes
        answer = self.settlement.signing.Sign(
            signing.SignRequest(name=key or self.key, message=message), timeout=seconds)
        public = self.settlement.signing.GetPublicKey(
            signing.GetPublicKeyRequest(name=answer.key_version), timeout=SECONDS)
        # Fails for a wrong signature: no wrong answer leaves.
        serialization.load_der_public_key(public.der).verify(answer.signature, message,
                                                             ec.ECDSA(hashes.SHA256()))

    def create_and_use(self) -> None:
        self.sign(key=self.create())

    def checkpoint(self) -> None:
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        audit_log.read(self.auditor.export(), key)

    def operation(self, name: str):
        return {"Sign": self.sign, "open a data key": self.detokenize,
                "CreateKey": self.create_and_use, "checkpoint": self.checkpoint}[name]

    def seen(self, call, within: float = SECONDS - 1) -> str:
        """What a caller sees, well before the deadline."""
        began = time.monotonic()
        try:
            call()
        except grpc.RpcError as error:
            refused = refusal_of(error)
            for inside in ("CKR_", "C_", "PIN", "session"):
                self.assertNotIn(inside, error.details())
            outcome = " ".join(f"`{part}`" for part in refused[:2] if part)
        else:
            outcome = "answered"
        self.assertLess(time.monotonic() - began, within)
        return outcome

    def back(self, call, seconds: float) -> float:
        """How many seconds from now until `call` succeeds again, with nothing done for it."""
        began = time.monotonic()
        while (outcome := self.seen(call)) != "answered":
            self.assertEqual(outcome, AWAY)
            self.assertLess(time.monotonic() - began, seconds, "comes back by itself")
            time.sleep(0.05)
        return time.monotonic() - began

    def health(self) -> bool:
        return self.deployment.command("auditor", "health").returncode == 0

    def wait_for_health(self, serving: bool, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.health() != serving:
            self.assertLess(time.monotonic(), deadline, f"health says serving={serving}")
            time.sleep(0.1)

    def close_keys(self) -> None:
        """As fifteen minutes would."""
        done = self.deployment.command("officer-1", "lock")
        self.assertEqual(done.returncode, 0, done.stderr)

    def cell(self, operation: str, what: str, place: int, action: str) -> tuple[str, str, float]:
        """What callers see of the fault: once, lasting, and how long until it is forgotten."""
        function, call = CALLS[operation][place], self.operation(operation)
        if operation == "open a data key":
            self.close_keys()
        self.deployment.fail(f"{function} 1 {action}")
        once = self.seen(call)
        if operation == "open a data key":
            self.close_keys()
        self.deployment.fail(f"{function} * {action}")
        lasting = self.seen(call)
        if operation != "open a data key":
            # What needs no HSM goes on meanwhile.
            self.detokenize()
        process = self.deployment.process
        self.deployment.heal()
        after = self.back(call, INTERVAL + 10)
        self.assertIs(self.deployment.process, process)
        self.assertIsNone(process.poll(), "no restart")
        self.assertEqual(once, ONCE.get(what, "answered"))
        expected = LASTING_CREATE if operation == "CreateKey" else LASTING
        self.assertEqual(lasting, expected.get(what, AWAY))
        return once, lasting, after

    def test_each_fault_is_seen_as_promised_and_forgotten_without_a_restart(self):
        rows = []
        slowest = 0.0
        for what, place, action in FAULTS:
            for operation in CALLS:
                with self.subTest(fault=what, operation=operation):
                    once, lasting, after = self.cell(operation, what, place, action)
                    if operation == "open a data key":
                        self.detokenize()
                    slowest = max(slowest, after)
            rows.append((what, *(expected.get(what, otherwise) for expected, otherwise in (
                (ONCE, "answered"), (LASTING, AWAY), (LASTING_CREATE, AWAY)))))
        self.checkpoint()
        self.assertEqual(self.deployment.stop(), 0)
        print(f"{len(FAULTS)} faults, {len(CALLS)} operations; back after {slowest:.1f} s at most")
        table = ("| fault | it strikes once | it lasts: Sign, opening a data key, checkpoint | "
                 "it lasts: CreateKey |\n|---|---|---|---|\n" +
                 "".join(f"| {' | '.join(row)} |\n" for row in rows))
        print(table)
        text = DOCUMENT.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        old, after = rest.split(END)
        if WRITE:
            DOCUMENT.write_text(before + BEGIN + table + END + after, encoding="utf-8")
        else:
            self.assertEqual(old, table, "docs/hsms.md is out of date")

    def test_a_token_with_fewer_sessions_than_configured_will_do(self):
        self.sign()
        self.deployment.fail("C_OpenSession * return CKR_SESSION_COUNT")
        callers = [threading.Thread(target=self.sign) for _ in range(8)]
        outcomes = []
        for caller in callers:
            caller.run = lambda: outcomes.append(self.seen(self.sign))
            caller.start()
        for caller in callers:
            caller.join()
        self.assertEqual(outcomes, ["answered"] * 8)

    def log_ins(self) -> int:
        return self.deployment.calls().count("C_Login")

    def lose_log_in(self, *rules: str) -> None:
        self.deployment.fail("C_SignInit 1 return CKR_USER_NOT_LOGGED_IN", *rules)

    def test_a_wrong_pin_is_tried_once_also_not_after_a_restart_and_a_right_one_heals(self):
        pin = self.deployment.folder / "pin"
        right = pin.read_text()
        pin.write_text("0000000000000000")
        self.deployment.forget_calls()
        self.lose_log_in()
        for _ in range(5):
            self.assertEqual(self.seen(self.sign), "`FAILED_PRECONDITION` `PIN_REFUSED`")
        self.detokenize()
        self.assertEqual(self.log_ins(), 1)
        self.wait_for_health(False, 15)
        self.assertIn("PIN_REFUSED", self.deployment.log.read_text())
        self.assertEqual(self.log_ins(), 1)
        pin.write_text(right)
        self.assertEqual(self.seen(self.sign), "answered")
        self.assertEqual(self.log_ins(), 2)
        self.wait_for_health(True, 15)

        pin.write_text("0000000000000000")
        self.lose_log_in()
        self.assertEqual(self.seen(self.sign), "`FAILED_PRECONDITION` `PIN_REFUSED`")
        self.assertEqual(self.log_ins(), 3)
        self.deployment.kill()
        for _ in range(3):
            self.assertIn("PIN_REFUSED", self.deployment.refused_start())
        self.assertEqual(self.log_ins(), 3)
        pin.write_text(right)
        self.start()
        self.sign()

    def test_a_locked_pin_is_not_tried_again_also_not_after_a_restart(self):
        self.deployment.forget_calls()
        self.lose_log_in("C_Login * return CKR_PIN_LOCKED")
        for _ in range(5):
            self.assertEqual(self.seen(self.sign), "`FAILED_PRECONDITION` `PIN_REFUSED`")
        self.assertEqual(self.log_ins(), 1)
        self.deployment.kill()
        for _ in range(3):
            self.assertIn("PIN_REFUSED", self.deployment.refused_start())
        self.assertEqual(self.log_ins(), 1)

    def test_a_token_that_says_its_pin_is_locked_is_not_asked_and_heals(self):
        for flag in ("CKF_USER_PIN_LOCKED", "CKF_USER_PIN_FINAL_TRY"):
            self.deployment.forget_calls()
            self.lose_log_in(f"C_GetTokenInfo * flags {flag}")
            for _ in range(3):
                self.assertEqual(self.seen(self.sign), "`FAILED_PRECONDITION` `PIN_REFUSED`")
            self.assertEqual(self.log_ins(), 0)
            # The officer unlocks it; nothing else is needed.
            self.deployment.heal()
            self.assertEqual(self.seen(self.sign), "answered")

    def hang(self, function: str):
        gate = self.deployment.folder / "gate"
        gate.touch()
        self.addCleanup(gate.unlink, missing_ok=True)
        self.deployment.fail(f"{function} * hang {gate}")
        return gate

    def test_signatures_that_hang_cost_their_callers_a_deadline_and_nobody_else(self):
        gate = self.hang("C_Sign")
        self.assertEqual(self.seen(lambda: self.sign(1)), "`DEADLINE_EXCEEDED`")
        # Other lanes go on at their usual pace.
        for _ in range(20):
            self.seen(self.detokenize, within=1)
            self.assertEqual(self.seen(self.tokenize, within=1), "answered")
        self.wait_for_health(False, 15)
        # From now on it is known: callers are told at once, or by the one call that tries.
        refused = [self.seen(self.sign, within=7) for _ in range(5)]
        self.assertEqual(set(refused), {AWAY})
        self.assertEqual(self.seen(self.checkpoint, within=12), AWAY)
        gate.unlink()
        self.deployment.heal()
        took = self.back(self.sign, 10)
        self.wait_for_health(True, 15)
        self.checkpoint()
        print(f"after a hang: back after {took:.1f} s")
        self.assertEqual(self.deployment.stop(), 0)

    def test_as_many_hanging_signatures_as_there_are_sessions_do_not_end_the_service(self):
        gate = self.hang("C_Sign")
        outcomes = []
        callers = [threading.Thread(target=lambda: outcomes.append(self.seen(
            lambda: self.sign(8)))) for _ in range(24)]
        for caller in callers:
            caller.start()
        for _ in range(20):
            self.assertEqual(self.seen(self.detokenize, within=1), "answered")
        for caller in callers:
            caller.join()
        self.assertLessEqual(set(outcomes), {"`DEADLINE_EXCEEDED`", AWAY})
        gate.unlink()
        self.deployment.heal()
        self.back(self.sign, 10)
        self.checkpoint()

    def test_a_batch_keeps_every_session_busy_and_checks_by_a_public_key_need_none(self):
        signed = self.settlement.signing.Sign(
            signing.SignRequest(name=self.key, message=b"m"), timeout=SECONDS)
        check = signing.VerifyRequest(name=self.key, message=b"m", signature=signed.signature)
        gate = self.hang("C_Sign")
        self.deployment.forget_calls()
        batch = self.settlement.signing.BatchSign.future(signing.BatchSignRequest(
            name=self.key, messages=[b"%d" % i for i in range(20)]), timeout=SECONDS)
        # Before it counts as a call that hangs.
        until = time.monotonic() + 4
        while self.deployment.calls().count("C_Sign") < SESSIONS:
            self.assertLess(time.monotonic(), until, self.deployment.calls())
        verify = lambda: self.assertTrue(
            self.settlement.signing.Verify(check, timeout=SECONDS).valid)
        for _ in range(3):
            self.assertEqual(self.seen(verify, within=1), "answered")
        gate.unlink()
        self.deployment.heal()
        self.assertTrue(all(result.signature for result in batch.result().results))

    def test_a_key_that_hangs_while_it_is_opened_holds_up_no_other(self):
        self.deployment.kill()
        self.start()
        self.detokenize()
        gate = self.hang("C_Decrypt")
        # The profile "receipts" has not been used since the start: its key is closed.
        request = tokens.TokenizeRequest(parent="tenants/acme/tokenProfiles/receipts",
                                         card=tokens.Card(pan=CARD))
        outcomes = []
        callers = [threading.Thread(target=lambda: outcomes.append(self.seen(
            lambda: self.checkout.tokens.Tokenize(request, timeout=SECONDS))))
            for _ in range(2)]
        callers[0].start()
        callers[0].join()
        self.assertEqual(outcomes, [AWAY])
        callers[1].start()
        for _ in range(50):
            self.assertEqual(self.seen(self.detokenize, within=1), "answered")
        callers[1].join()
        self.assertEqual(outcomes, [AWAY, AWAY])
        gate.unlink()
        self.deployment.heal()
        self.back(lambda: self.checkout.tokens.Tokenize(request, timeout=SECONDS), 10)
        self.assertEqual(self.deployment.stop(), 0)

    def test_a_stop_does_not_wait_for_a_call_that_hangs(self):
        self.hang("C_Sign")
        self.assertEqual(self.seen(lambda: self.sign(1)), "`DEADLINE_EXCEEDED`")
        self.detokenize()
        began = time.monotonic()
        self.assertEqual(self.deployment.stop(), 0)
        print(f"a stop beside a hanging call took {time.monotonic() - began:.1f} s")
        self.assertIn("a call to the HSM hangs", self.deployment.last_words())
        self.deployment.heal()
        self.start()
        self.sign()
        self.detokenize()
        self.checkpoint()


if __name__ == "__main__":
    unittest.main(argv=[argument for argument in sys.argv if argument != "--write"])
