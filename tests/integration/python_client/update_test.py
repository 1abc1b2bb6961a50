#!/usr/bin/env python3
"""Cards that were issued anew, from outside: the same token opens the new card, the former one is gone, and
nobody learns by it which cards there are."""

import random
import threading
import time
import unittest
import uuid

import audit_log
import grpc
from cards import canaries, check_digit, invented
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, refusal_of, tokens

MERGING = "tenants/acme/tokenProfiles/merging"
TILLS = "tenants/acme/tokenProfiles/till-numbers"
NETWORK = "tenants/acme/tokenProfiles/network-tokens"
RECEIPTS = "tenants/acme/tokenProfiles/receipts"
PROFILES = """
  - {tenant: acme, name: merging, number: 31, deterministic: true, on_reissue: merge}
"""
RULES = """
  - id: checkout-updates-all
    roles: [tokenizing]
    actions: [UpdateTokenCard]
    resources: ["tenants/acme/tokenProfiles/*"]

  - id: settlement-sees-all
    roles: [settling]
    actions: [Detokenize]
    resources: ["tenants/acme/tokenProfiles/*"]
    reveal: full

"""
KILLS = 6
CALLERS = 6


def open_deployment() -> Deployment:
    deployment = Deployment()
    deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
    deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                    RULES.lstrip("\n") + r"\g<0>")
    return deployment


class Callers:
    """Checkout makes and updates tokens, settlement opens them."""

    def __init__(self, deployment: Deployment) -> None:
        self.checkout = Client(deployment, "checkout")
        self.settlement = Client(deployment, "settlement")

    def __enter__(self) -> "Callers":
        return self

    def __exit__(self, *_) -> None:
        self.checkout.close()
        self.settlement.close()

    def tokenize(self, pan: str, profile: str = CARDS) -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan, expiry="2027-01"))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def update(self, name: str, pan: str, profile: str = "", request_id: str = ""):
        request = tokens.UpdateTokenCardRequest(
            name=name, profile=profile, request_id=request_id,
            card=tokens.Card(pan=pan, expiry="2033-01"))
        return self.checkout.tokens.UpdateTokenCard(request, timeout=SECONDS)

    def card(self, name: str, profile: str = "") -> tuple[str, str]:
        request = tokens.DetokenizeRequest(name=name, profile=profile)
        card = self.settlement.tokens.Detokenize(request, timeout=SECONDS).card
        return card.pan, card.expiry


class Updates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(open_deployment())
        cls.deployment.start()
        cls.calls = cls.enterClassContext(Callers(cls.deployment))

    def test_the_same_token_opens_the_new_card_in_every_stored_family(self):
        for profile in (CARDS, RECEIPTS, TILLS, NETWORK, MERGING):
            former, new = canaries(2)
            name = self.calls.tokenize(former, profile)
            updated = self.calls.update(name, new, profile)
            self.assertEqual(updated.name, name)
            self.assertEqual(bool(updated.account_reference), profile == NETWORK)
            self.assertEqual(self.calls.card(name, profile), (new, "2033-01"))
            if profile in (CARDS, TILLS, MERGING):
                self.assertEqual(self.calls.tokenize(new, profile), name)
                self.assertNotEqual(self.calls.tokenize(former, profile), name)

    def test_a_card_that_has_a_token_is_refused_or_merged(self):
        former, new = canaries(2)
        name, other = self.calls.tokenize(former), self.calls.tokenize(new)
        refused = refusal(lambda: self.calls.update(name, new))
        self.assertEqual(refused[:3], ("ALREADY_EXISTS", "CARD_ALREADY_TOKENIZED", "card"))
        self.assertNotIn(new, refused.text)
        self.assertEqual(self.calls.card(name)[0], former)
        name, other = (self.calls.tokenize(pan, MERGING) for pan in (former, new))
        self.calls.update(name, new, MERGING)
        self.assertEqual([self.calls.card(token)[0] for token in (name, other)], [new, new])
        self.assertEqual(self.calls.tokenize(new, MERGING), other)

    def test_a_repeated_request_undoes_nothing_and_only_who_may_updates(self):
        former, new, newest = canaries(3)
        name, request_id = self.calls.tokenize(former), str(uuid.uuid4())
        answer = self.calls.update(name, new, request_id=request_id)
        self.calls.update(name, newest)
        self.assertEqual(self.calls.update(name, new, request_id=request_id), answer)
        self.assertEqual(self.calls.card(name)[0], newest)
        refused = refusal(lambda: self.calls.update(name, former, request_id=request_id))
        self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))
        request = tokens.UpdateTokenCardRequest(name=name, card=tokens.Card(pan=former))
        with Client(self.deployment, "fraud") as fraud:
            refused = refusal(lambda: fraud.tokens.UpdateTokenCard(request, timeout=SECONDS))
        self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))

    def test_trying_the_cards_of_a_masked_view_is_stopped(self):
        name = self.calls.tokenize(invented())
        view = invented()
        tried = 0
        for middle in range(10**6):
            # Another digit makes the check digit come out.
            pan = next(p for p in (f"{view[:6]}{middle:05}{d}{view[12:]}" for d in "0123456789")
                       if check_digit(p[:-1]) == p[-1])
            try:
                self.calls.update(name, pan)
            except grpc.RpcError as error:
                self.assertEqual(refusal_of(error).reason, "GUESSES_EXHAUSTED")
                break
            tried += 1
        self.assertEqual(tried, 20)

    def test_batches_and_the_command_line_answer_for_each_token(self):
        former, new, other = canaries(3)
        name, wrong = self.calls.tokenize(former), f"tenants/acme/tokens/tok_{'a' * 34}"
        done = self.deployment.command("checkout", "--output", "json", "tokens", "update", name,
                                       wrong, stdin=f"{new},2033-01\n{other}\n")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("TOKEN_NOT_FOUND", done.stdout)
        self.assertNotIn(new, done.stdout + done.stderr)
        self.assertEqual(self.calls.card(name), (new, "2033-01"))
        for cards, what in ((f"{former}\n", "fewer"), (f"{former}\n" * 3, "more")):
            refused = self.deployment.command("checkout", "tokens", "update", name, wrong,
                                              stdin=cards)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"{what} cards than tokens", refused.stderr)
        with Client(self.deployment, "auditor") as auditor:
            key = auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                              timeout=SECONDS).verifier_key
            last = [record for record in audit_log.read(auditor.export(), key)
                    if record.header["action"] == "TokenService.UpdateTokenCard"][-1]
        self.assertEqual([item.get("resource", item.get("reason")) for item in last.body["items"]],
                         [name, "TOKEN_NOT_FOUND"])
        self.assertEqual(last.header["profile"], CARDS)


class Kills(unittest.TestCase):
    """The service is killed while several callers update tokens. What was acknowledged is so, and a token never
    opens anything but a card that it was to have; repeated requests end what is in doubt."""

    def update_all(self, deployment: Deployment, work: list[tuple[str, str, str]],
                   acknowledged: set[str], first: threading.Event) -> None:
        with Callers(deployment) as calls:
            for name, pan, request_id in work:
                try:
                    calls.update(name, pan, request_id=request_id)
                except grpc.RpcError:
                    return
                acknowledged.add(name)
                first.set()

    def test_a_kill_loses_no_update_and_makes_no_half_of_one(self):
        source = random.Random(11)
        with open_deployment() as deployment:
            lost = 0
            for _ in range(KILLS):
                deployment.start()
                pans = canaries(2 * CALLERS * 20, source)
                source.shuffle(pans)
                with Callers(deployment) as calls:
                    names = [calls.tokenize(pan) for pan in pans[:len(pans) // 2]]
                work = [(name, pan, str(uuid.uuid4()))
                        for name, pan in zip(names, pans[len(names):])]
                acknowledged: set[str] = set()
                first = threading.Event()
                callers = [threading.Thread(target=self.update_all, args=(
                    deployment, work[i::CALLERS], acknowledged, first)) for i in range(CALLERS)]
                for caller in callers:
                    caller.start()
                self.assertTrue(first.wait(SECONDS))
                time.sleep(source.uniform(0, 0.03))
                deployment.kill()
                for caller in callers:
                    caller.join()
                deployment.start()
                with Callers(deployment) as calls:
                    for former, (name, new, request_id) in zip(pans, work):
                        pan = calls.card(name)[0]
                        self.assertIn(pan, (former, new))
                        if name in acknowledged:
                            self.assertEqual(pan, new)
                        elif pan == new:
                            lost += 1
                        calls.update(name, new, request_id=request_id)
                        self.assertEqual(calls.card(name)[0], new)
                        self.assertEqual(calls.tokenize(new), name)
                self.assertEqual(deployment.stop(), 0)
            checked = deployment.daemon("check-store")
            self.assertEqual(checked.returncode, 0, checked.stderr)
            print(f"{KILLS} kills, {lost} answers lost", flush=True)


if __name__ == "__main__":
    unittest.main()
