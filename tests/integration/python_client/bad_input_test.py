#!/usr/bin/env python3
"""Every kind of bad input, sent over the wire: the right error, nothing stored, nothing echoed, and
the attempt in the log."""

import re
import unittest
import uuid

import audit_log
import cards
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, keys, partners, refusal, signing, tokens

GOOD = cards.invented()
# What is not a card number, and by what it differs from one.
NOT_CARDS = {
    "letters": "four thousand and one",
    "wrong check digit": GOOD[:-1] + str((int(GOOD[-1]) + 1) % 10),
    "spaces": " ".join(re.findall("....", GOOD)),
    "hyphens": "-".join(re.findall("....", GOOD)),
    "surrounded by spaces": f" {GOOD} ",
    "11 digits": "41111111116",
    "20 digits": GOOD + "1115",
    "all zeros": "0000000000000000",
    "full-width digits": chr(0xff14) + GOOD[1:],
    "a NUL inside": f"{GOOD[:7]}\0{GOOD[8:]}",
    "a sign": f"+{GOOD}",
}
# An unknown field: number 1023, varint 1.
UNKNOWN_FIELD = b"\xf8\x3f\x01"


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.add_tenant("globex")
        cls.deployment.start()
        for principal in ("checkout", "settlement", "officer-1", "auditor"):
            client = cls.enterClassContext(Client(cls.deployment, principal))
            setattr(cls, principal.split("-")[0], client)

    def records(self) -> list[audit_log.Record]:
        request = audit.GetCheckpointRequest()
        key = self.auditor.audit.GetCheckpoint(request, timeout=SECONDS).verifier_key
        return [record for record in audit_log.read(self.auditor.export(), key)
                if not record.header["action"].startswith(("AuditService.", "Log."))]

    def refused(self, call, code: str, reason: str, field: str | None = None,
                secret: str = "") -> None:
        """The call is refused so, leaves one record of it and nothing else, and nowhere a trace of
        `secret`."""
        before = len(self.records())
        error = refusal(call)
        self.assertEqual((error.code, error.reason), (code, reason), error.text)
        if field is not None:
            self.assertEqual(error.field, field)
        new = self.records()[before:]
        self.assertEqual([record.body.get("reason") for record in new], [reason], new)
        self.assertIn(new[0].header["outcome"], ("denied", "failed"))
        self.assertNotIn("tok_", str(new[0].body.get("items", "")))
        if len(secret) > 4:
            self.assertNotIn(secret, error.text)
            self.assertNotIn(secret, str(new))
            self.assertNotIn(secret, self.deployment.log.read_text(errors="replace"))

    def tokenize_request(self, pan: str = GOOD, **card) -> tokens.TokenizeRequest:
        return tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan, **card))

    def tokenize(self, request, **options):
        return self.checkout.tokens.Tokenize(request, **{"timeout": SECONDS, **options})

    def detokenize(self, name: str):
        request = tokens.DetokenizeRequest(name=name, purpose="settlement")
        return self.settlement.tokens.Detokenize(request, timeout=SECONDS)

    def test_what_is_no_card_number(self):
        for what, pan in NOT_CARDS.items():
            with self.subTest(what):
                self.refused(lambda p=pan: self.tokenize(self.tokenize_request(p)),
                             "INVALID_ARGUMENT", "PAN_INVALID", "card.pan", secret=pan)

    def test_bad_items_of_a_batch_store_nothing(self):
        cards = [tokens.Card(pan=pan) for pan in NOT_CARDS.values()]
        request = tokens.BatchTokenizeRequest(parent=CARDS, cards=cards)
        before = len(self.records())
        answer = self.checkout.tokens.BatchTokenize(request, timeout=SECONDS)
        self.assertEqual({result.WhichOneof("result") for result in answer.results}, {"error"})
        for pan, result in zip(NOT_CARDS.values(), answer.results):
            self.assertEqual(result.error.reason, "PAN_INVALID")
            if len(pan) > 4:
                self.assertNotIn(pan, str(answer))
        new = self.records()[before:]
        self.assertEqual(len(new), 1)
        self.assertNotIn("tok_", str(new))

    def test_a_card_or_its_number_that_is_missing(self):
        self.refused(lambda: self.tokenize(tokens.TokenizeRequest(parent=CARDS)),
                     "INVALID_ARGUMENT", "FIELD_REQUIRED", "card")
        self.refused(lambda: self.tokenize(self.tokenize_request("")),
                     "INVALID_ARGUMENT", "FIELD_REQUIRED", "card.pan")

    def test_an_expiry_that_is_no_month(self):
        for expiry in ("12/30", "2030-13", "2030-1", "203012"):
            with self.subTest(expiry):
                self.refused(lambda e=expiry: self.tokenize(self.tokenize_request(expiry=e)),
                             "INVALID_ARGUMENT", "EXPIRY_INVALID", "card.expiry", secret=expiry)

    def test_a_name_that_is_too_long(self):
        self.refused(lambda: self.tokenize(self.tokenize_request(cardholder_name="Q" * 129)),
                     "INVALID_ARGUMENT", "FIELD_INVALID", "card.cardholder_name", secret="QQQQQ")

    def test_a_name_that_may_be_a_verification_code_or_a_pin_block(self):
        for name in ("CVV 123", "Ada 4321", "041226CBA98FEDCB", "a1b2c3d4e5f6a1b2"):
            with self.subTest(name):
                self.refused(
                    lambda n=name: self.tokenize(self.tokenize_request(cardholder_name=n)),
                    "INVALID_ARGUMENT", "FIELD_INVALID", "card.cardholder_name", secret=name)

    def test_no_field_of_the_api_is_for_what_must_not_be_kept(self):
        """PCI DSS 3.3.1: verification codes, track data and PINs have no place to be sent to."""
        forbidden = {"cvv", "cvv2", "cvc", "cvc2", "cav", "cid", "csc", "track", "track1", "track2",
                     "pin", "pinblock"}
        fields = []

        def visit(message):
            fields.extend(field.full_name for field in message.fields)
            for nested in message.nested_types:
                visit(nested)

        for module in (audit, keys, partners, signing, tokens):
            for message in module.DESCRIPTOR.message_types_by_name.values():
                visit(message)
        self.assertIn("keysvc.v1.Card.pan", fields)
        for field in fields:
            self.assertFalse(forbidden & set(field.rsplit(".", 1)[1].split("_")), field)

    def test_unknown_fields(self):
        request = self.tokenize_request().SerializeToString()
        card = tokens.Card(pan=GOOD).SerializeToString() + UNKNOWN_FIELD
        nested = (tokens.TokenizeRequest(parent=CARDS).SerializeToString() +
                  b"\x12" + bytes([len(card)]) + card)
        for body in (request + UNKNOWN_FIELD, nested):
            self.refused(lambda b=body: self.checkout.raw("TokenService/Tokenize", b),
                         "INVALID_ARGUMENT", "UNKNOWN_FIELD", secret=GOOD)

    def test_a_body_that_is_no_message(self):
        for body in (b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x02\xff\xfe"):
            with self.subTest(body):
                self.refused(lambda b=body: self.checkout.raw("TokenService/Tokenize", b),
                             "INVALID_ARGUMENT", "MALFORMED_REQUEST")

    def test_a_missing_deadline(self):
        self.refused(lambda: self.tokenize(self.tokenize_request(), timeout=None),
                     "INVALID_ARGUMENT", "DEADLINE_REQUIRED", secret=GOOD)

    def test_a_request_id_that_is_no_uuid(self):
        request = self.tokenize_request()
        request.request_id = "order-4711"
        self.refused(lambda: self.tokenize(request), "INVALID_ARGUMENT", "FIELD_INVALID",
                     "request_id", secret="order-4711")

    def test_a_profile_that_is_not_there(self):
        # A profile outside the rules is denied, so as not to tell which exist; one inside is named.
        request = self.tokenize_request()
        request.parent = "tenants/acme/tokenProfiles/gifts"
        self.refused(lambda: self.tokenize(request), "NOT_FOUND", "PROFILE_NOT_FOUND")
        request.parent = "tenants/globex/tokenProfiles/cards"
        self.refused(lambda: self.tokenize(request), "PERMISSION_DENIED", "POLICY_DENIED")

    def test_batches_of_the_wrong_size(self):
        for count in (0, 101):
            request = tokens.BatchTokenizeRequest(parent=CARDS,
                                                  cards=[tokens.Card(pan=GOOD)] * count)
            self.refused(
                lambda r=request: self.checkout.tokens.BatchTokenize(r, timeout=SECONDS),
                "INVALID_ARGUMENT", "BATCH_SIZE", secret=GOOD)
            request = tokens.BatchDetokenizeRequest(
                parent="tenants/acme", purpose="settlement",
                names=["tenants/acme/tokens/tok_nothing"] * count)
            self.refused(
                lambda r=request: self.settlement.tokens.BatchDetokenize(r, timeout=SECONDS),
                "INVALID_ARGUMENT", "BATCH_SIZE")
            request = tokens.BatchGetTokensRequest(
                parent="tenants/acme", names=["tenants/acme/tokens/tok_nothing"] * count)
            self.refused(
                lambda r=request: self.checkout.tokens.BatchGetTokens(r, timeout=SECONDS),
                "INVALID_ARGUMENT", "BATCH_SIZE")

    def test_a_message_that_is_too_large_to_sign(self):
        request = keys.CreateKeyRequest(parent="tenants/acme", key_id="too-large",
                                        purpose=keys.KEY_PURPOSE_SIGN, cryptoperiod_days=30,
                                        algorithm=keys.KEY_ALGORITHM_EC_P256)
        name = self.officer.keys.CreateKey(request, timeout=60).key.name
        request = signing.SignRequest(name=name, message=b"x" * (64 * 1024 + 1))
        self.refused(lambda: self.settlement.signing.Sign(request, timeout=SECONDS),
                     "INVALID_ARGUMENT", "MESSAGE_TOO_LARGE", "message")

    def test_a_body_that_is_too_large(self):
        self.refused(lambda: self.checkout.raw("TokenService/Tokenize", b"\0" * (1 << 20)),
                     "INVALID_ARGUMENT", "MESSAGE_TOO_LARGE")

    def test_an_oversized_body_never_reaches_the_service(self):
        error = refusal(lambda: self.checkout.raw("TokenService/Tokenize", b"\0" * (32 << 20)))
        self.assertEqual(error.code, "RESOURCE_EXHAUSTED")

    def test_a_token_with_one_character_changed(self):
        name = self.tokenize(self.tokenize_request()).name
        at = name.index("tok_") + 4
        for place in (at, (at + len(name)) // 2, len(name) - 1):
            other = "b" if name[place] != "b" else "c"
            forged = name[:place] + other + name[place + 1:]
            with self.subTest(place=place):
                self.refused(lambda n=forged: self.detokenize(n), "NOT_FOUND", "TOKEN_NOT_FOUND",
                             secret=forged[at:])

    def test_a_token_of_another_tenant(self):
        name = self.tokenize(self.tokenize_request()).name
        foreign = name.replace("tenants/acme", "tenants/globex")
        with Client(self.deployment, "globex-settlement") as globex:
            request = tokens.DetokenizeRequest(name=foreign, purpose="settlement")
            self.refused(lambda: globex.tokens.Detokenize(request, timeout=SECONDS),
                         "NOT_FOUND", "TOKEN_NOT_FOUND")
            request.name = name
            self.refused(lambda: globex.tokens.Detokenize(request, timeout=SECONDS),
                         "PERMISSION_DENIED", "POLICY_DENIED")

    def test_what_is_no_token_name(self):
        for name in ("tok_x", "tenants/acme/tokens/", "tenants/acme/tokens/tok_x/y", "x" * 5000):
            with self.subTest(name[:40]):
                error = refusal(lambda n=name: self.detokenize(n))
                self.assertIn(error.reason, ("FIELD_INVALID", "TOKEN_NOT_FOUND"))

    def test_keys_that_cannot_be(self):
        for field, values in {"key_id": ("", "UPPER", "a/b", "x" * 64), "purpose": (0, 3, 99),
                              "algorithm": (0, 5, 99), "cryptoperiod_days": (0, 1096)}.items():
            for value in values:
                request = keys.CreateKeyRequest(
                    parent="tenants/acme", key_id=f"k{uuid.uuid4().hex[:8]}",
                    purpose=keys.KEY_PURPOSE_SIGN, algorithm=keys.KEY_ALGORITHM_EC_P256,
                    cryptoperiod_days=30)
                setattr(request, field, value)
                with self.subTest(field=field, value=value):
                    error = refusal(lambda r=request: self.officer.keys.CreateKey(r,
                                                                                  timeout=SECONDS))
                    self.assertIn(error.reason, ("FIELD_REQUIRED", "FIELD_INVALID"))
                    self.assertEqual((error.code, error.field), ("INVALID_ARGUMENT", field))

    def test_a_method_that_does_not_exist(self):
        self.refused(lambda: self.checkout.raw("TokenService/Untokenize", b""),
                     "UNIMPLEMENTED", "METHOD_UNKNOWN")


if __name__ == "__main__":
    unittest.main()
