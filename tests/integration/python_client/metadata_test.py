#!/usr/bin/env python3
"""Metadata of tokens: kept with them, read and searched without their cards, and gone with them."""

import unittest
import uuid

import audit_log
from cards import canaries
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal, tokens

ORDERS = "tenants/acme/tokenProfiles/orders"
PROFILE = """
  - tenant: acme
    name: orders
    number: 41
    deterministic: false
    metadata:
      - {name: order, type: uuid, required: true}
      - {name: store, type: word, values: [berlin, vienna]}
      - {name: items, type: integer, min: 1, max: 500}
      - {name: day, type: date}
"""
RULE = """
  - id: checkout-lists-orders
    roles: [tokenizing]
    actions: [ListTokens]
    resources: [tenants/acme/tokenProfiles/orders]

"""
INVALID = ("INVALID_ARGUMENT", "FIELD_INVALID")


def values(**stated: str) -> list[tokens.MetadataValue]:
    return [tokens.MetadataValue(field=field, value=value) for field, value in stated.items()]


def stated_in(metadata: tokens.TokenMetadata) -> dict[str, str]:
    return {value.field: value.value for value in metadata.values}


class Metadata(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILE.lstrip("\n"))
        cls.deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
        cls.deployment.start()
        cls.checkout, cls.fraud, cls.auditor = (
            cls.enterClassContext(Client(cls.deployment, name))
            for name in ("checkout", "fraud", "auditor"))

    def tokenize(self, request_id: str = "", pan: str = "", **stated: str) -> str:
        request = tokens.TokenizeRequest(
            parent=ORDERS, card=tokens.Card(pan=pan or canaries(1)[0]), request_id=request_id,
            metadata=tokens.TokenMetadata(values=values(**stated)))
        return self.checkout.tokens.Tokenize(request, timeout=SECONDS).name

    def pages(self, size: int = 0, state=tokens.TOKEN_STATE_UNSPECIFIED, **wanted: str):
        request = tokens.ListTokensRequest(parent=ORDERS, filter=values(**wanted), page_size=size,
                                           state=state)
        while True:
            page = self.checkout.tokens.ListTokens(request, timeout=SECONDS)
            yield list(page.tokens)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def listed(self, size: int = 0, **wanted) -> list[str]:
        return [token.name for page in self.pages(size, **wanted) for token in page]

    def test_a_token_is_found_by_what_it_was_made_with_and_shown_without_its_card(self):
        order, pan = str(uuid.uuid4()), canaries(1)[0]
        name = self.tokenize(pan=pan, order=order.upper(), store="berlin", items="3")
        other = self.tokenize(order=order, store="vienna", items="3")
        self.tokenize(order=str(uuid.uuid4()), store="berlin", items="3")
        self.assertEqual(self.listed(order=order), [name, other])
        self.assertEqual(self.listed(order=order, store="berlin"), [name])
        self.assertEqual(self.listed(store="berlin", items="3", order=order.upper()), [name])
        self.assertEqual(self.listed(order=order, items="4"), [])
        (page,) = self.pages(order=order, store="berlin")
        self.assertEqual(stated_in(page[0].metadata),
                         {"order": order, "store": "berlin", "items": "3"})
        self.assertEqual(page[0].state, tokens.TOKEN_STATE_ACTIVE)
        self.assertNotIn(pan, str(page))
        self.assertNotIn("*", str(page))
        view = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=name), timeout=SECONDS)
        self.assertEqual(view.metadata, page[0].metadata)

    def test_pages_are_small_and_whole_while_tokens_are_made(self):
        order = str(uuid.uuid4())
        made = [self.tokenize(order=order, store="berlin") for _ in range(7)]
        seen = []
        for number, page in enumerate(self.pages(3, order=order, store="berlin")):
            self.assertLessEqual(len(page), 3)
            seen += [token.name for token in page]
            if number < 2:
                made.append(self.tokenize(order=order, store="berlin"))
                self.tokenize(order=order, store="vienna")
        self.assertEqual(seen, made)
        everything = self.listed(200)
        self.assertEqual(len(everything), len(set(everything)))
        self.assertLessEqual(set(made), set(everything))

    def test_a_deleted_token_has_none_and_is_found_by_none(self):
        order = str(uuid.uuid4())
        kept, gone = (self.tokenize(order=order, store="berlin") for _ in range(2))
        self.checkout.tokens.DeleteToken(tokens.DeleteTokenRequest(name=gone), timeout=SECONDS)
        self.assertEqual(self.listed(order=order), [kept])
        view = self.checkout.tokens.GetToken(tokens.GetTokenRequest(name=gone), timeout=SECONDS)
        self.assertEqual(stated_in(view.metadata), {})
        self.assertIn(gone, self.listed(state=tokens.TOKEN_STATE_DELETED))
        self.assertNotIn(kept, self.listed(state=tokens.TOKEN_STATE_DELETED))

    def test_a_card_number_hides_in_no_type_and_in_no_filter(self):
        pan, order = canaries(1)[0], str(uuid.uuid4())
        # In the form of a UUID; where the digits allow none, it is refused for that.
        disguised = f"{pan[:8]}-{pan[8:12]}-{pan[12:16]}-8abc-def012345678"
        for field in ("order", "store", "items", "day"):
            for text in (pan, f"{pan[:4]}-{pan[4:8]}-{pan[8:]}", disguised, f"card {pan}"):
                stated = {"order": order} | {field: text}
                refused = refusal(lambda s=stated: self.tokenize(**s))
                self.assertEqual(refused[:3], (*INVALID, f"metadata.{field}"))
                self.assertNotIn(pan, refused.text)
                refused = refusal(lambda f=field, t=text: self.listed(**{f: t}))
                self.assertEqual(refused[:3], (*INVALID, f"filter.{field}"))
                self.assertNotIn(pan, refused.text)
        refused = refusal(lambda: self.tokenize(order=order, **{pan: "1"}))
        self.assertEqual(refused[:3], (*INVALID, "metadata"))
        self.assertEqual(refusal(lambda: self.tokenize(store="berlin"))[:3],
                         ("INVALID_ARGUMENT", "FIELD_REQUIRED", "metadata.order"))
        self.assertEqual(self.listed(order=order), [])
        export = self.auditor.export()
        self.assertNotIn(pan.encode(), export)
        self.assertNotIn(disguised.encode(), export)

    def test_a_request_id_is_for_the_same_metadata_only(self):
        order, request_id, pan = str(uuid.uuid4()), str(uuid.uuid4()), canaries(1)[0]
        name = self.tokenize(request_id, pan, order=order, store="berlin")
        self.assertEqual(self.tokenize(request_id, pan, store="berlin", order=order), name)
        refused = refusal(lambda: self.tokenize(request_id, pan, order=order, store="vienna"))
        self.assertEqual(refused[:2], ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"))
        self.assertEqual(self.listed(order=order), [name])

    def test_listing_is_a_right_of_its_own_and_recorded_without_values(self):
        order = str(uuid.uuid4())
        self.tokenize(order=order)
        self.assertEqual(len(self.listed(order=order)), 1)
        for client, profile in ((self.fraud, ORDERS), (self.auditor, ORDERS), (self.checkout, CARDS)):
            request = tokens.ListTokensRequest(parent=profile)
            refused = refusal(lambda c=client, r=request: c.tokens.ListTokens(r, timeout=SECONDS))
            self.assertEqual(refused[:2], ("PERMISSION_DENIED", "POLICY_DENIED"))
        key = self.auditor.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                               timeout=SECONDS).verifier_key
        export = self.auditor.export()
        records = [record for record in audit_log.read(export, key)
                   if record.header["action"] == "TokenService.ListTokens"
                   and record.header["outcome"] == "success"]
        self.assertEqual(records[-1].header["profile"], ORDERS)
        self.assertEqual(records[-1].body["details"], {"filter": "order", "tokens": "1"})
        self.assertNotIn(order.encode(), export)

    def test_the_command_line_states_shows_and_lists_it(self):
        order = str(uuid.uuid4())
        command = self.deployment.command
        made = command("checkout", "tokens", "tokenize", "--profile", ORDERS, "--metadata",
                       f"order={order}", "--metadata", "store=vienna", stdin=canaries(1)[0])
        self.assertEqual(made.returncode, 0, made.stderr)
        name = made.stdout.split()[3]
        shown = command("checkout", "tokens", "get", name)
        self.assertRegex(shown.stdout, rf"METADATA +order={order},store=vienna\n")
        listed = command("checkout", "tokens", "list", ORDERS, "--where", f"order={order}",
                         "--where", "store=vienna", "--state", "active")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn(name, listed.stdout)
        self.assertIn(f"order={order},store=vienna", listed.stdout)
        none = command("checkout", "tokens", "list", ORDERS, "--where", f"order={order}",
                       "--where", "store=berlin")
        self.assertNotIn(name, none.stdout)
        unclear = command("checkout", "tokens", "list", ORDERS, "--where", "store")
        self.assertEqual(unclear.returncode, 2, unclear.stderr)

    def test_several_cards_from_a_file_have_what_the_command_line_says(self):
        order = str(uuid.uuid4())
        made = self.deployment.command("checkout", "tokens", "tokenize", "--profile", ORDERS,
                                       "--metadata", f"order={order}",
                                       stdin="\n".join(canaries(3)))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(len(self.listed(order=order)), 3)


class ChangedProfiles(unittest.TestCase):
    def test_what_was_kept_stays_readable_when_the_profile_declares_other_metadata(self):
        order = str(uuid.uuid4())
        with Deployment() as deployment:
            deployment.edit("config.yaml", r"^token_profiles:\n", r"\g<0>" + PROFILE.lstrip("\n"))
            deployment.edit("policy.yaml", r"^  - id: auditors-read-the-log\n",
                            RULE.lstrip("\n") + r"\g<0>")
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                name = checkout.tokens.Tokenize(tokens.TokenizeRequest(
                    parent=ORDERS, card=tokens.Card(pan=canaries(1)[0]),
                    metadata=tokens.TokenMetadata(values=values(order=order, items="400"))),
                    timeout=SECONDS).name
            self.assertEqual(deployment.stop(), 0)
            deployment.edit("config.yaml", r"      - \{name: order, type: uuid, required: true\}\n", "")
            deployment.edit("config.yaml", r"max: 500\}", "max: 50}")
            self.assertEqual(deployment.daemon("check-store").returncode, 0)
            deployment.start()
            with Client(deployment, "checkout") as checkout:
                view = checkout.tokens.GetToken(tokens.GetTokenRequest(name=name), timeout=SECONDS)
                self.assertEqual(stated_in(view.metadata), {"order": order, "items": "400"})
                listed = checkout.tokens.ListTokens(tokens.ListTokensRequest(parent=ORDERS),
                                                    timeout=SECONDS).tokens
                self.assertEqual([token.name for token in listed], [name])
                for wanted, field in (({"order": order}, "filter"), ({"items": "400"}, "filter.items")):
                    request = tokens.ListTokensRequest(parent=ORDERS, filter=values(**wanted))
                    refused = refusal(lambda r=request: checkout.tokens.ListTokens(r, timeout=SECONDS))
                    self.assertEqual(refused[:3], (*INVALID, field))


if __name__ == "__main__":
    unittest.main()
