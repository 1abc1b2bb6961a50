#!/usr/bin/env python3
"""The cards of a former vault, from outside: they keep their tokens, what is broken off goes on, and nothing
is made twice."""

import concurrent.futures
import json
import os
import random
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

from cards import canaries, check_digit, invented
from deployment import KEYSVC, Deployment
from wire import CARDS, SECONDS, Client, refusal, tokens

FORMER = "tenants/acme/tokenProfiles/former-vault"
TILLS = "tenants/acme/tokenProfiles/till-numbers"
RULE = """
  - id: migration-imports-all
    roles: [importing]
    actions: [ImportTokens]
    resources: ["tenants/acme/tokenProfiles/*"]

"""


def numeric_token(pan: str) -> str:
    """One that another vault may have made: a wrong check digit, the card's last four."""
    while True:
        digits = "".join(random.choices("0123456789", k=len(pan) - 4)) + pan[-4:]
        if check_digit(digits[:-1]) != digits[-1]:
            return digits


def row(pan: str, token: str = "") -> tokens.ImportedCard:
    return tokens.ImportedCard(card=tokens.Card(pan=pan, expiry="2031-05"), token=token)


class Imports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
        cls.deployment.start()
        cls.migration = cls.enterClassContext(Client(cls.deployment, "migration"))
        cls.settlement = cls.enterClassContext(Client(cls.deployment, "settlement"))
        cls.checkout = cls.enterClassContext(Client(cls.deployment, "checkout"))

    def bring(self, rows, parent: str = FORMER, request_id: str = ""):
        request = tokens.ImportTokensRequest(parent=parent, cards=rows, request_id=request_id)
        return self.migration.tokens.ImportTokens(request, timeout=SECONDS).results

    def pan(self, token: str, profile: str = FORMER) -> str:
        request = tokens.DetokenizeRequest(name=f"tenants/acme/tokens/{token}", profile=profile,
                                           purpose="settlement")
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS).card.pan

    def test_cards_keep_the_tokens_that_they_had(self):
        pans = canaries(4)
        names = [str(uuid.uuid4()), f"tok_sandbox_{uuid.uuid4().hex[:8]}x", "", numeric_token(pans[3])]
        results = self.bring([row(pan, name) for pan, name in zip(pans[:3], names, strict=False)])
        self.assertEqual([result.token.token for result in results][:2], names[:2])
        self.assertRegex(results[2].token.token, "^ext_[a-z2-7]{26}$")
        for pan, result in zip(pans, results, strict=False):
            self.assertEqual(self.pan(result.token.token), pan)
            request = tokens.TokenizeRequest(parent=FORMER, card=tokens.Card(pan=pan))
            again = self.checkout.tokens.Tokenize(request, timeout=SECONDS)
            self.assertEqual(again.token, result.token.token)
        self.assertEqual(self.bring([row(pans[3], names[3])], TILLS)[0].token.token, names[3])
        self.assertEqual(self.pan(names[3], TILLS), pans[3])

    def test_what_cannot_be_taken_over_is_refused_row_by_row(self):
        taken, pan, other = f"taken-{uuid.uuid4().hex[:6]}x", *canaries(2)
        self.assertFalse(self.bring([row(pan, taken)])[0].HasField("error"))
        for refused, parent, reason in (
                (row(other, taken), FORMER, "TOKEN_TAKEN"),
                (row(pan, taken + "2"), FORMER, "CARD_ALREADY_TOKENIZED"),
                (row(pan[:-1] + str((int(pan[-1]) + 1) % 10), "tok_wrong"), FORMER, "PAN_INVALID"),
                (row("", "tok_wrong"), FORMER, "FIELD_REQUIRED"),
                (row(other, other), FORMER, "FIELD_INVALID"),
                (row(other, "short"), FORMER, "FIELD_INVALID"),
                (row(other, "tok with spaces"), FORMER, "FIELD_INVALID"),
                (row(other, "pm_1PQ8Z2abc"), CARDS, "FIELD_INVALID"),
                (row(other, numeric_token(other)[1:]), TILLS, "FIELD_INVALID")):
            with self.subTest(reason=reason, parent=parent):
                fresh = row(invented(), f"good-{uuid.uuid4().hex[:6]}x" if parent == FORMER else "")
                results = self.bring([fresh, refused, row(invented())], parent)
                self.assertEqual([result.HasField("error") for result in results],
                                 [False, True, False])
                self.assertEqual(results[1].error.reason, reason)
                self.assertNotIn(other, str(results))

    def test_as_a_whole_it_is_refused_by_name(self):
        def ask(principal: str, **fields):
            request = tokens.ImportTokensRequest(**fields)
            with Client(self.deployment, principal) as client:
                return refusal(lambda: client.tokens.ImportTokens(request, timeout=SECONDS))[:3]
        rows = [row(invented())]
        host = "tenants/acme/tokenProfiles/host-numbers"
        for fields, wanted in (
                ({"parent": FORMER}, ("INVALID_ARGUMENT", "BATCH_SIZE", "")),
                ({"parent": FORMER, "cards": rows * 101}, ("INVALID_ARGUMENT", "BATCH_SIZE", "")),
                ({"cards": rows}, ("INVALID_ARGUMENT", "FIELD_REQUIRED", "parent")),
                ({"parent": host, "cards": rows}, ("INVALID_ARGUMENT", "FIELD_INVALID", "parent")),
                ({"parent": "tenants/acme/tokenProfiles/none", "cards": rows},
                 ("NOT_FOUND", "PROFILE_NOT_FOUND", ""))):
            self.assertEqual(ask("migration", **fields), wanted)
        self.assertEqual(ask("checkout", parent=FORMER, cards=rows)[:2],
                         ("PERMISSION_DENIED", "POLICY_DENIED"))

    def test_a_repeated_request_gives_the_same_answer(self):
        request_id, rows = str(uuid.uuid4()), [row(invented()), row(invented(), f"t-{uuid.uuid4()}")]
        first = self.bring(rows, request_id=request_id)
        self.assertEqual(self.bring(rows, request_id=request_id), first)
        refused = refusal(lambda: self.bring(rows[:1], request_id=request_id))
        self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))

    def test_records_name_the_tokens_and_no_cards(self):
        pan, token = invented(), f"recorded-{uuid.uuid4().hex[:6]}x"
        self.bring([row(pan, token)])
        with Client(self.deployment, "auditor") as auditor:
            exported = auditor.export().decode()
        of_token = [json.loads(line) for line in exported.splitlines() if token in line]
        self.assertEqual([record["header"]["action"] for record in of_token],
                         ["TokenService.ImportTokens"])
        self.assertNotIn(pan, exported)


class Race(unittest.TestCase):
    def test_the_same_request_twice_at_once_has_one_answer(self):
        rounds, size = 100, 30
        pans = iter(canaries(rounds * size))
        with Deployment() as deployment:
            deployment.start()
            with (Client(deployment, "migration") as migration,
                  concurrent.futures.ThreadPoolExecutor(2) as both):
                for _ in range(rounds):
                    request = tokens.ImportTokensRequest(
                        parent=FORMER, request_id=str(uuid.uuid4()),
                        cards=[row(next(pans), f"t-{uuid.uuid4()}") for _ in range(size)])
                    one, other = both.map(
                        lambda _, request=request: migration.tokens.ImportTokens(
                            request, timeout=SECONDS), range(2))
                    self.assertEqual(one, other)
                    self.assertEqual([result.token.token for result in one.results],
                                     [card.token for card in request.cards])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        # A profile in which whatever is sent twice is made twice.
        self.deployment.edit("config.yaml", r"(name: former-vault\n.*\n +deterministic: )true",
                             r"\g<1>false")
        self.deployment.start()
        self.results = self.deployment.folder / "results.csv"
        self.cards = ""

    def bring(self, *more: str) -> subprocess.CompletedProcess:
        return self.deployment.command(
            "migration", "--output", "json", "tokens", "import", "--profile", FORMER, "--results",
            self.results, *more, stdin=self.cards)

    def active(self) -> int:
        done = self.deployment.command("auditor", "--output", "json", "tokens", "retention",
                                       "tenants/acme")
        self.assertEqual(done.returncode, 0, done.stderr)
        return next(int(line.split('"active":')[1].split(",")[0])
                    for line in done.stdout.splitlines() if FORMER in line)

    def write_cards(self, count: int) -> list[str]:
        source = random.Random(count)
        pans = [invented(source) for _ in range(count)]
        self.cards = "".join(f"{pan},2031-05\n" for pan in pans)
        return pans

    def test_what_became_of_each_line_is_in_the_results(self):
        pans = canaries(3)
        self.cards = (f"tok_first,{pans[0]},2031-05,Jane Doe\n\n,{pans[1]}\n"
                      f"tok_first,{pans[2]}\nnone,none\n\udce9,{pans[2]}\n"
                      f"{pans[2]},{pans[2]}\n,{pans[2]},,{'x' * 600}\n")
        done = self.bring("--tokens")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('"imported":2,"refused":5', done.stdout)
        heading, *lines = self.results.read_text().splitlines()
        self.assertRegex(heading, rf"^# keysvc import [0-9a-f-]{{36}} {FORMER} tokens$")
        self.assertEqual(lines[0], "1,tok_first,")
        self.assertRegex(lines[1], r"^3,ext_[a-z2-7]{26},$")
        self.assertEqual(lines[2:], [
            "4,,TOKEN_TAKEN", "5,,PAN_INVALID", "6,,FIELD_INVALID", "7,,FIELD_INVALID",
            "8,,FIELD_INVALID", "# done"])
        for pan in pans:
            self.assertNotIn(pan, self.results.read_text() + done.stdout + done.stderr)

    def test_the_same_command_again_goes_on_and_makes_nothing_twice(self):
        self.write_cards(350)
        self.assertEqual(self.bring().returncode, 0)
        whole = self.results.read_text()
        self.assertEqual(len(whole.splitlines()), 352)
        self.assertEqual(self.bring().returncode, 0)
        self.assertEqual(self.results.read_text(), whole)
        # Of two calls the answers were lost, of one in part.
        self.results.write_text("\n".join(whole.splitlines()[:160]) + "\n160,ext_")
        done = self.bring()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results.read_text(), whole)
        self.assertEqual(self.active(), 350)

    def test_results_of_other_cards_are_refused(self):
        self.write_cards(120)
        self.assertEqual(self.bring().returncode, 0)
        whole, cards = self.results.read_text(), self.cards
        for other, *more in (["\n" + cards], [""], [cards + cards], [cards, "--tokens"],
                            [cards, "--metadata", "store=berlin"]):
            self.cards = other
            done = self.bring(*more)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("FIELD_INVALID", done.stderr)
            self.assertEqual(self.results.read_text(), whole)
        # Other cards in the place of those whose answer was lost.
        self.results.write_text("\n".join(whole.splitlines()[:1]) + "\n")
        self.write_cards(121)
        done = self.bring()
        self.assertIn("REQUEST_ID_REUSED", done.stderr)
        self.assertEqual(self.active(), 120)

    def test_killed_at_any_time_it_goes_on_to_the_end(self):
        cards = 20_000
        pans = self.write_cards(cards)
        arguments = [KEYSVC, "--profile-file", self.deployment.folder / "clients/migration.ini",
                     "tokens", "import", "--profile", FORMER, "--results", self.results]
        seed = random.randrange(2**32)
        source = random.Random(seed)
        kills = 0
        with self.subTest(seed=seed), tempfile.TemporaryFile() as file:
            file.write(self.cards.encode())
            for attempt in range(200):
                file.seek(0)
                with subprocess.Popen(arguments, stdin=file, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL) as process:
                    # Both are killed in turn; the last attempts are left alone.
                    if attempt < 12:
                        written = self.results.stat().st_size if self.results.exists() else 0
                        self.await_growth(process, written + source.randrange(1, 60_000))
                        if attempt % 2 == 0:
                            process.send_signal(signal.SIGKILL)
                        else:
                            self.deployment.kill()
                        kills += 1
                    code = process.wait()
                if code == 0:
                    break
                if self.deployment.process.poll() is not None:
                    self.deployment.start()
            self.assertEqual(code, 0)
            self.assertGreater(kills, 6)
            lines = self.results.read_text().splitlines()[1:-1]
            self.assertEqual([int(line.split(",")[0]) for line in lines],
                             list(range(1, cards + 1)))
            self.assertEqual(self.active(), cards)
            with Client(self.deployment, "settlement") as settlement:
                for at in source.sample(range(cards), 20):
                    request = tokens.DetokenizeRequest(
                        name=f"tenants/acme/tokens/{lines[at].split(',')[1]}", profile=FORMER,
                        purpose="settlement")
                    card = settlement.tokens.Detokenize(request, timeout=SECONDS).card
                    self.assertEqual(card.pan, pans[at])

    def await_growth(self, process: subprocess.Popen, size: int) -> None:
        """Until there are so many bytes of results, or the import has ended."""
        while process.poll() is None:
            if self.results.exists() and os.stat(self.results).st_size >= size:
                return
            time.sleep(0.001)


if __name__ == "__main__":
    unittest.main()
