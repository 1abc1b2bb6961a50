#!/usr/bin/env python3
"""Tokens that may be used only where and for what they were made: refused everywhere else, before anything of the
card is shown, and written down both ways."""

import unittest
import uuid

import audit_log
from cards import canaries
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

SHOPS = "tenants/acme/tokenProfiles/merchant-tokens"
ONCE = "tenants/acme/tokenProfiles/shop-once"
DIGITS = "tenants/acme/tokenProfiles/shop-digits"
NETWORK = "tenants/acme/tokenProfiles/shop-network"
FF1 = "tenants/acme/tokenProfiles/web-legacy"
PROFILES = """
  - tenant: acme
    name: shop-once
    number: 32
    deterministic: false
    uses: 1
    domain: {channels: [web], merchant: required}
  - tenant: acme
    name: shop-digits
    number: 33
    deterministic: false
    family: numeric
    domain: {channels: [web], merchant: required}
  - tenant: acme
    name: shop-network
    number: 34
    deterministic: false
    family: emv
    emv:
      issued_range: {prefix: "99990012", length: 16}
      attestation: "Ours by the letter of the scheme; no cards in it"
      token_requestor_id: "40010030273"
      months_valid: 12
    domain: {channels: [web], merchant: required}
  - tenant: acme
    name: web-legacy
    number: 31
    deterministic: true
    family: ff1
    ff1: {shortest_card: 13, longest_card: 19, keep_first: 6, keep_last: 0, luhn_offset: 3}
    domain: {channels: [web], amounts: [{currency: EUR, max: 5000}]}
"""
RULE = """
  - id: settlement-sees-shops
    roles: [settling]
    actions: [Detokenize, ConvertToken]
    resources: ["tenants/acme/tokenProfiles/*"]
    reveal: full

"""
MISMATCH = ("FAILED_PRECONDITION", "DOMAIN_MISMATCH")


def euros(cents: int) -> tokens.Amount:
    return tokens.Amount(currency_code="EUR", minor_units=cents)


def shop(merchant: str, channel: str = "web") -> tokens.TokenDomain:
    return tokens.TokenDomain(channel=channel, merchant_id=merchant)


def at(merchant: str, channel: str = "web", cents: int | None = 1250) -> tokens.TokenUse:
    return tokens.TokenUse(channel=channel, merchant_id=merchant,
                           amount=None if cents is None else euros(cents))


class Domains(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILES.lstrip("\n"))
        cls.deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
        cls.deployment.start()
        cls.checkout, cls.settlement, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "settlement", "auditor"))

    def tokenize(self, pan: str, domain: tokens.TokenDomain | None, profile: str = SHOPS,
                 request_id: str = "") -> str:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan), domain=domain,
                                         request_id=request_id)
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def pan(self, name: str, use: tokens.TokenUse | None, profile: str = "") -> str:
        request = tokens.DetokenizeRequest(name=name, profile=profile, use=use)
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS).card.pan

    def last(self, action: str) -> audit_log.Record:
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        return [record for record in audit_log.read(self.auditor.export(), key)
                if record.header["action"] == f"TokenService.{action}"][-1]

    def test_every_stored_family_opens_for_its_merchant_alone(self):
        for pan, profile in zip(canaries(4), (SHOPS, ONCE, DIGITS, NETWORK)):
            name = self.tokenize(pan, shop("m-17"), profile)
            for use, field in ((at("m-18"), "use.merchant_id"), (at("m-17", "app"), "use.channel"),
                               (None, "use.channel")):
                refused = refusal(lambda u=use: self.pan(name, u, profile))
                self.assertEqual(refused[:3], (*MISMATCH, field))
                self.assertNotIn(pan, refused.text)
            # What was refused took no use.
            self.assertEqual(self.pan(name, at("m-17"), profile), pan)

    def test_amounts_are_those_of_the_token_or_of_its_profile(self):
        pan = canaries(1)[0]
        whole = self.tokenize(pan, shop("m-17"))
        less = shop("m-17")
        less.amounts.CopyFrom(tokens.AmountBand(currency_code="EUR", min=100, max=200))
        part = self.tokenize(pan, less)
        for name, low, high in ((whole, 0, 50000), (part, 100, 200)):
            for cents in (low, high):
                self.assertEqual(self.pan(name, at("m-17", cents=cents)), pan)
            for cents in ([low - 1] if low else []) + [high + 1, None]:
                refused = refusal(lambda n=name, c=cents: self.pan(n, at("m-17", cents=c)))
                self.assertEqual(refused[:3], (*MISMATCH, "use.amount"))
        view = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=part), timeout=SECONDS)
        self.assertEqual(view.domain, less)

    def test_what_is_computed_goes_by_its_profile(self):
        pan = canaries(1)[0]
        refused = refusal(lambda: self.tokenize(pan, shop("m-17"), FF1))
        self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "domain.channel"))
        name = self.tokenize(pan, None, FF1)
        self.assertEqual(self.pan(name, at("", cents=5000), FF1), pan)
        for use in (at("", cents=5001), at("", "app"), None):
            self.assertEqual(refusal(lambda u=use: self.pan(name, u, FF1))[:2], MISMATCH)

    def test_a_card_hides_in_nothing_that_is_stated(self):
        pan = canaries(1)[0]
        name = self.tokenize(pan, shop("m-17"))
        split = f"{pan[:8]}-{pan[8:]}"
        for field, use in (("use.merchant_id", at(pan)), ("use.merchant_id", at(split)),
                           ("use.channel", at("m-17", f"c{pan}")),
                           ("use.amount", at("m-17", cents=int(pan)))):
            refused = refusal(lambda u=use: self.pan(name, u))
            self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", field))
            self.assertNotIn(pan, refused.text)
        for merchant in (pan, split):
            refused = refusal(lambda m=merchant: self.tokenize(pan, shop(m)))
            self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "domain.merchant_id"))
        export = self.auditor.export()
        self.assertNotIn(pan.encode(), export)
        self.assertNotIn(split.encode(), export)

    def test_batches_state_one_for_all_or_one_for_each_and_records_have_them(self):
        pans = canaries(2)
        request = tokens.BatchTokenizeRequest(
            parent=SHOPS, cards=[tokens.Card(pan=pan) for pan in pans],
            domains=[shop("m-17"), shop("m-18", "app")])
        made = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS).results
        names = [result.token.name for result in made]
        self.assertEqual([item["domain"] for item in self.last("Tokenize").body["items"]],
                         ["channel=web,merchant=m-17", "channel=app,merchant=m-18"])

        def opened(uses: list[tokens.TokenUse]):
            batch = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names, uses=uses)
            results = self.settlement.tokens.BatchDetokenize(batch, timeout=SECONDS).results
            return [result.error.reason or result.card.card.pan for result in results]

        self.assertEqual(opened([at("m-17"), at("m-18", "app")]), pans)
        self.assertEqual(opened([at("m-17")]), [pans[0], "DOMAIN_MISMATCH"])
        items = self.last("Detokenize").body["items"]
        self.assertEqual({item["use"] for item in items},
                         {"amount=EUR:1250,channel=web,merchant=m-17"})
        self.assertEqual([item["resource"] for item in items], names)
        self.assertEqual(items[1]["reason"], "DOMAIN_MISMATCH")
        refused = refusal(lambda: opened([at("m-17")] * 3))
        self.assertEqual(refused[:3], ("INVALID_ARGUMENT", "FIELD_INVALID", "uses"))

    def test_converting_states_both(self):
        pan = canaries(1)[0]
        plain = self.tokenize(pan, None, CARDS)
        request_id = str(uuid.uuid4())

        def convert(name: str, target: str, **more) -> str:
            request = tokens.ConvertTokenRequest(name=name, target=target, **more)
            return self.settlement.tokens.ConvertToken(request, timeout=SECONDS).name

        name = convert(plain, SHOPS, domain=shop("m-17"), request_id=request_id)
        self.assertEqual(convert(plain, SHOPS, domain=shop("m-17"), request_id=request_id), name)
        refused = refusal(lambda: convert(plain, SHOPS, domain=shop("m-18"), request_id=request_id))
        self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))
        self.assertEqual(refusal(lambda: convert(plain, SHOPS))[:3],
                         ("INVALID_ARGUMENT", "FIELD_REQUIRED", "domain.channel"))
        self.assertEqual(refusal(lambda: convert(name, CARDS, use=at("m-18")))[:2], MISMATCH)
        self.assertEqual(convert(name, CARDS, use=at("m-17")), plain)

    def test_the_command_line_states_them(self):
        pan = canaries(1)[0]
        command = self.deployment.command
        made = command("checkout", "tokens", "tokenize", "--profile", SHOPS, "--channel", "web",
                       "--merchant", "m-17", "--amounts", "EUR:100..200", stdin=pan)
        self.assertEqual(made.returncode, 0, made.stderr)
        name = made.stdout.split()[3]
        shown = command("checkout", "tokens", "get", name)
        self.assertRegex(shown.stdout, r"CHANNEL +web\nMERCHANT ID +m-17\nAMOUNTS +EUR:100..200\n")
        use = ("--channel", "web", "--merchant", "m-17", "--amount")
        opened = command("settlement", "tokens", "detokenize", name, *use, "EUR:150", "--reveal")
        self.assertIn(pan, opened.stdout, opened.stderr)
        refused = command("settlement", "tokens", "detokenize", name, *use, "EUR:201")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("DOMAIN_MISMATCH", refused.stderr)
        unclear = command("settlement", "tokens", "detokenize", name, *use, "EUR")
        self.assertEqual(unclear.returncode, 2, unclear.stderr)


class ChangedProfiles(unittest.TestCase):
    def test_merchants_come_with_the_first_token_or_never(self):
        with Deployment() as deployment:
            deployment.start()
            self.assertEqual(deployment.stop(), 0)
            deployment.edit("config.yaml", r"^ +merchant: required\n", "")
            self.assertIn("PROFILE_CHANGED", deployment.refused_start())
            deployment.edit("config.yaml", r"^ +channels: \[web, app\]\n",
                            r"\g<0>      merchant: required\n")
            deployment.start()

    def test_a_token_stays_readable_for_what_it_was_made_for(self):
        pan = canaries(1)[0]
        with Deployment() as deployment:
            deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                request = tokens.TokenizeRequest(parent=SHOPS, card=tokens.Card(pan=pan),
                                                 domain=shop("m-17", "app"))
                name = checkout.tokens.Tokenize(request, timeout=SECONDS).name
            self.assertEqual(deployment.stop(), 0)
            deployment.edit("config.yaml", r"channels: \[web, app\]", "channels: [web]")
            deployment.edit("config.yaml", r"max: 50000", "max: 1000")
            deployment.start()
            with Client(deployment, "settlement") as settlement:
                def opened(use: tokens.TokenUse) -> str:
                    request = tokens.DetokenizeRequest(name=name, use=use)
                    return settlement.tokens.Detokenize(request, timeout=SECONDS).card.pan
                self.assertEqual(opened(at("m-17", "app", 1000)), pan)
                self.assertEqual(refusal(lambda: opened(at("m-17", "app", 1001)))[:3],
                                 (*MISMATCH, "use.amount"))
                self.assertEqual(refusal(lambda: opened(at("m-17", "web", 1000)))[:3],
                                 (*MISMATCH, "use.channel"))


if __name__ == "__main__":
    unittest.main()
