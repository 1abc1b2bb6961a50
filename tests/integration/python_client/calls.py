"""Calls of every kind that there is, with what their answers must be."""

import collections
import random
import string
import time
import uuid

import cards
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from google.protobuf.timestamp_pb2 import Timestamp
from ledger import (CLOSED, DETERMINISTIC, FORMER_VAULT, HOST_NUMBERS, NETWORK_TOKENS, ONE_TIME, OPAQUE, RECEIPTS,
                    SPENT, TILL_NUMBERS, Fault, Ledger, Life, Token, Work)
from wire import CARDS, keys, new_id, partners, signing, tokens

SIGNING_KEY = "tenants/acme/keys/load"
# Keys that are rotated under load: data of profiles, tokens, signatures.
ROTATED = ("tenants/acme/keys/cards-data", "tenants/acme/keys/receipts-data",
           "tenants/acme/keys/till-numbers-data", "tenants/acme/keys/network-tokens-data",
           "tenants/acme/keys/token", SIGNING_KEY, SIGNING_KEY)
# Of which tokens live under load, and how many live at once.
CHANGING = (CARDS, RECEIPTS, TILL_NUMBERS, NETWORK_TOKENS)
LIVES = 40
DAY = 24 * 3600
NO_CARD = "4111111111111112"


def key_id(source: random.Random, kind: str) -> str:
    return "".join(source.choices(string.ascii_lowercase, k=8)) + f"-{kind}"


class Calls:
    """Each method makes one call, from what is known by then."""

    def __init__(self, *, one_time: bool) -> None:
        self.ledger = Ledger()
        self.profiles = (CARDS, CARDS, CARDS, RECEIPTS, TILL_NUMBERS, TILL_NUMBERS, HOST_NUMBERS,
                         NETWORK_TOKENS) + ((ONE_TIME,) if one_time else ())
        self.repeats = True
        # A few cards that several clients bring at once.
        self.racing: collections.deque[str] = collections.deque(maxlen=8)
        self.seen: set[str] = set()  # cards that were brought

    def new_card(self, source: random.Random) -> str:
        """One that nobody has brought."""
        while (pan := cards.invented(source)) in self.seen:
            pass
        self.seen.add(pan)
        return pan

    # Tokens that are made and opened.

    def tokenizing(self, profile: str, pan: str, heard) -> Work:
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan),
                                         request_id=new_id())
        return Work("checkout", "TokenService.Tokenize", request, changes=True,
                    heard=lambda answer: heard(profile, pan, answer))

    def tokenize(self, source: random.Random) -> Work:
        profile, pan = source.choice(self.profiles), self.new_card(source)
        if self.racing and source.random() < 0.4:
            pan = source.choice(list(self.racing))
        self.racing.append(pan)
        return self.tokenizing(profile, pan, self.ledger.made)

    def batch_tokenize(self, source: random.Random) -> Work:
        profile = source.choice(self.profiles)
        pans = [self.new_card(source) for _ in range(source.randint(1, 8))]
        pans += [source.choice(pans), NO_CARD]
        request = tokens.BatchTokenizeRequest(
            parent=profile, cards=[tokens.Card(pan=pan) for pan in pans], request_id=new_id())

        def heard(answer) -> None:
            for pan, result in zip(pans[:-1], answer.results):
                if not result.token.name:
                    raise Fault(f"a card has no token: {result.error}")
                self.ledger.made(profile, pan, result.token)
            if answer.results[-1].error.reason != "PAN_INVALID":
                raise Fault("a token for what is no card")

        return Work("checkout", "TokenService.BatchTokenize", request, changes=True, heard=heard)

    def bring(self, source: random.Random) -> Work:
        """Cards of a former vault, every other one with the token that it had there."""
        pans = [self.new_card(source) for _ in range(source.randint(2, 6))]
        had = [f"former-{uuid.uuid4().hex[:8]}x" if i % 2 == 0 else "" for i in range(len(pans))]
        request = tokens.ImportTokensRequest(
            parent=FORMER_VAULT, request_id=new_id(),
            cards=[tokens.ImportedCard(card=tokens.Card(pan=pan), token=token)
                   for pan, token in zip(pans, had)])

        def heard(answer) -> None:
            for pan, token, result in zip(pans, had, answer.results):
                if not result.token.name or (token and result.token.token != token):
                    raise Fault(f"a card was imported as {result}")
                self.ledger.made(FORMER_VAULT, pan, result.token)

        return Work("migration", "TokenService.ImportTokens", request, changes=True, heard=heard)

    def known_token(self, source: random.Random, *profiles: str) -> Token | None:
        with self.ledger.lock:
            known = [token for token in self.ledger.fresh[-50:]
                     if not profiles or token.profile in profiles]
        return source.choice(known) if known else None

    def opening(self, token: Token, principal: str = "settlement", **more) -> Work:
        request = tokens.DetokenizeRequest(**token.named, purpose="settlement")
        return Work(principal, "TokenService.Detokenize", request,
                    heard=lambda answer: self.ledger.card(token, answer.card.pan), **more)

    def detokenize(self, source: random.Random) -> Work:
        token = self.known_token(source)
        return self.opening(token) if token else self.tokenize(source)

    def use_up(self, source: random.Random) -> Work:
        """Opens a token that opens once, or one that did."""
        if token := self.ledger.unused.take():
            return self.opening(token, refused_again=SPENT,
                                over=lambda: self.ledger.used_up(token))
        spent = list(self.ledger.spent)
        return (self.opening(source.choice(spent), refused_with=SPENT) if spent
                else self.detokenize(source))

    def describe(self, source: random.Random) -> Work:
        # Tokens that are computed have nothing to describe.
        if not (token := self.known_token(source, *CHANGING)):
            return self.tokenize(source)
        return self.describing(token, tokens.TOKEN_STATE_ACTIVE)

    def describing(self, token: Token, state: int, **more) -> Work:
        def heard(answer) -> None:
            if (answer.profile, answer.state) != (token.profile, state):
                raise Fault(f"{token} is described as {answer}")

        return Work("checkout", "TokenService.GetToken", tokens.GetTokenRequest(**token.named),
                    heard=heard, **more)

    def denied(self, source: random.Random) -> Work:
        token = self.known_token(source) or Token(CARDS, "tenants/acme/tokens/tok_x")
        return self.opening(token, "checkout", refused_with=("POLICY_DENIED",))

    def forged(self, source: random.Random) -> Work:
        if not (token := self.known_token(source, *OPAQUE)):
            return self.denied(source)
        name = token.name
        forged = name[:-9] + ("b" if name[-9] == "a" else "a") + name[-8:]
        return self.opening(Token(token.profile, forged), refused_with=("TOKEN_NOT_FOUND",))

    def no_card(self, source: random.Random) -> Work:
        request = tokens.TokenizeRequest(parent=source.choice(self.profiles),
                                         card=tokens.Card(pan=NO_CARD))
        return Work("checkout", "TokenService.Tokenize", request, ("PAN_INVALID",))

    def convert(self, source: random.Random) -> Work:
        if not (token := self.known_token(source, CARDS, RECEIPTS)):
            return self.tokenize(source)
        target = RECEIPTS if token.profile == CARDS else CARDS
        request = tokens.ConvertTokenRequest(**token.named, target=target, request_id=new_id())
        pan = self.ledger.card_of[token]
        return Work("settlement", "TokenService.ConvertToken", request, changes=True,
                    heard=lambda answer: self.ledger.made(target, pan, answer))

    def look_up(self, source: random.Random) -> Work:
        if not (token := self.known_token(source, CARDS)) or source.random() < 0.2:
            return self.looking_up(self.new_card(source), "", tokens.TOKEN_STATE_DELETED)
        return self.looking_up(self.ledger.card_of[token], token.name, tokens.TOKEN_STATE_ACTIVE)

    def looking_up(self, pan: str, name: str, state: int, **more) -> Work:
        """What a card finds whose token is in a state; none and a deleted one look the same."""
        def heard(answer) -> None:
            if (answer.name, answer.state) != (name, state):
                raise Fault(f"a card finds {answer} rather than {name}")

        gone = state == tokens.TOKEN_STATE_DELETED
        request = tokens.LookUpTokenRequest(parent=CARDS, card=tokens.Card(pan=pan))
        return Work("fraud", "TokenService.LookUpToken", request,
                    ("CARD_NOT_TOKENIZED",) if gone else (), heard=heard, **more)

    def fingerprint(self, source: random.Random) -> Work:
        if not (token := self.known_token(source)):
            return self.tokenize(source)
        pan = self.ledger.card_of[token]
        request = tokens.FingerprintCardRequest(parent="tenants/acme", card=tokens.Card(pan=pan))
        return Work("checkout", "TokenService.FingerprintCard", request,
                    heard=lambda answer: self.ledger.fingerprint(pan, answer))

    # Tokens that are suspended, resumed and deleted.

    def live(self, source: random.Random) -> Work:
        life = self.ledger.lives.take() if source.random() < len(self.ledger.lives) / LIVES else None
        if life is None:
            return self.tokenizing(source.choice(CHANGING), self.new_card(source),
                                   self.ledger.born)
        steps = [self.open_life, self.describe_life]
        if life.token.profile == CARDS:
            steps.append(self.look_life_up)
        if life.state == tokens.TOKEN_STATE_DELETED:
            if life.token.profile in DETERMINISTIC:
                steps += [self.begin_again] * 2
        else:
            steps += [self.change, self.change, self.change]
            if life.token.profile in DETERMINISTIC:
                steps.append(self.tokenize_again)
        return source.choice(steps)(life, source)

    def change(self, life: Life, source: random.Random) -> Work:
        active, suspended, deleted = CLOSED
        other = suspended if life.state == active else active
        # Also into the state that it has.
        state = source.choice((other, other, other, life.state, deleted))
        principal, verb = {active: ("fraud", "Resume"), suspended: ("fraud", "Suspend"),
                           deleted: ("checkout", "Delete")}[state]
        request = getattr(tokens, f"{verb}TokenRequest")(**life.token.named, request_id=new_id())
        return Work(principal, f"TokenService.{verb}Token", request, changes=True,
                    heard=lambda answer: self.ledger.changed(life, state, answer))

    def back(self, life: Life):
        """Gives it back, unless it is at its end."""
        def over() -> None:
            if (life.state != tokens.TOKEN_STATE_DELETED or life.token.profile in DETERMINISTIC):
                self.ledger.lives.give(life)

        return over

    def open_life(self, life: Life, _: random.Random) -> Work:
        return self.opening(life.token, refused_with=CLOSED[life.state], over=self.back(life))

    def describe_life(self, life: Life, _: random.Random) -> Work:
        return self.describing(life.token, life.state, over=self.back(life))

    def look_life_up(self, life: Life, _: random.Random) -> Work:
        return self.looking_up(life.pan, life.token.name, life.state, over=self.back(life))

    def tokenize_again(self, life: Life, _: random.Random) -> Work:
        """The card keeps its token, also while that is suspended."""
        def heard(_, __, answer) -> None:
            self.ledger.lives.give(life)
            if answer.name != life.token.name:
                raise Fault(f"the card of {life.token} has another token, {answer.name}")

        return self.tokenizing(life.token.profile, life.pan, heard)

    def begin_again(self, life: Life, _: random.Random) -> Work:
        return self.tokenizing(life.token.profile, life.pan,
                               lambda _, __, answer: self.ledger.born_again(life, answer))

    # Signatures.

    def sign(self, source: random.Random) -> Work:
        message = source.randbytes(source.randint(1, 200))
        keep = source.random() < 0.5
        request = signing.SignRequest(name=SIGNING_KEY, message=message,
                                      request_id=new_id() if keep else "")
        return Work("settlement", "SigningService.Sign", request, changes=keep,
                    heard=lambda answer: self.ledger.signature(answer.key_version, message,
                                                               answer.signature))

    def batch_sign(self, source: random.Random) -> Work:
        messages = [source.randbytes(source.randint(1, 200)) for _ in range(source.randint(1, 8))]
        request = signing.BatchSignRequest(name=SIGNING_KEY, messages=messages, request_id=new_id())

        def heard(answer) -> None:
            if len(answer.results) != len(messages):
                raise Fault(f"{len(messages)} messages have {len(answer.results)} signatures")
            for message, result in zip(messages, answer.results):
                if not result.signature:
                    raise Fault(f"a message was not signed: {result.error}")
                self.ledger.signature(answer.key_version, message, result.signature)

        return Work("settlement", "SigningService.BatchSign", request, changes=True, heard=heard)

    def verify(self, source: random.Random) -> Work:
        with self.ledger.lock:
            signatures = list(self.ledger.signatures.items())
        if not signatures:
            return self.sign(source)
        version, (message, signature) = source.choice(signatures)
        return self.verification(version, message, signature)

    def verification(self, version: str, message: bytes, signature: bytes) -> Work:
        request = signing.VerifyRequest(name=SIGNING_KEY, message=message, signature=signature)
        return Work("settlement", "SigningService.Verify", request,
                    heard=lambda answer: self.ledger.valid(version, answer))

    def verify_partner(self, source: random.Random) -> Work:
        """By a key that was registered, or by one that was disabled."""
        with self.ledger.lock:
            disabled = list(self.ledger.disabled)
        if disabled and source.random() < 0.3:
            return self.partner_verification(source.choice(disabled), ("PARTNER_KEY_DISABLED",))
        if not (name := self.ledger.trusted.take()):
            return self.verify(source)
        return self.partner_verification(name, over=lambda: self.ledger.trusted.give(name))

    def partner_verification(self, name: str, refused_with: tuple[str, ...] = (), **more) -> Work:
        message = name.encode()
        request = signing.VerifyRequest(name=name, message=message,
                                        signature=self.ledger.partners[name].sign(message))

        def heard(answer) -> None:
            if not answer.valid:
                raise Fault(f"a signature by {name} does not verify")

        return Work("settlement", "SigningService.Verify", request, refused_with, heard=heard,
                    **more)

    def repeat(self, source: random.Random) -> Work:
        """What was sent before, and may be on its way at this instant."""
        with self.ledger.lock:
            repeatable = list(self.ledger.repeatable) if self.repeats else []
        return source.choice(repeatable) if repeatable else self.tokenize(source)

    # Keys.

    def of_a_key(self, verb: str, request, **more) -> Work:
        return Work("officer-1", f"KeyService.{verb}", request, changes=True,
                    heard=lambda answer: self.ledger.key(answer.key), **more)

    def create(self, name: str) -> Work:
        return self.of_a_key("CreateKey", keys.CreateKeyRequest(
            parent="tenants/acme", key_id=name, purpose=keys.KEY_PURPOSE_SIGN,
            algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=365, request_id=new_id()))

    def create_version(self) -> Work:
        request = keys.CreateKeyVersionRequest(name=SIGNING_KEY, request_id=new_id())
        # One may have been made ahead that is not in use yet.
        return self.of_a_key("CreateKeyVersion", request, or_refused_with=("KEY_EXISTS",))

    def rotate(self, key: str) -> Work:
        return self.of_a_key("RotateKey", keys.RotateKeyRequest(
            name=key, request_id=new_id(), at_once=key == SIGNING_KEY))

    def register_partner(self, source: random.Random) -> Work:
        private, now = ed25519.Ed25519PrivateKey.generate(), int(time.time())
        pem = private.public_key().public_bytes(serialization.Encoding.PEM,
                                                serialization.PublicFormat.SubjectPublicKeyInfo)
        request = partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id=key_id(source, "bank"),
            purpose=keys.KEY_PURPOSE_SIGN, pem=pem.decode(),
            not_before_time=Timestamp(seconds=now - 30 * DAY),
            not_after_time=Timestamp(seconds=now + 1000 * DAY), request_id=new_id())
        return Work("officer-1", "PartnerKeyService.CreatePartnerKey", request, changes=True,
                    heard=lambda answer: self.ledger.registered(answer.partner_key.name, private))

    def disable_partner(self, source: random.Random) -> Work:
        if not (name := self.ledger.trusted.take()):
            return self.register_partner(source)
        request = partners.DisablePartnerKeyRequest(name=name, request_id=new_id())

        def heard(answer) -> None:
            if answer.partner_key.state != partners.PARTNER_KEY_STATE_DISABLED:
                raise Fault(f"{name} is not disabled")
            if name not in self.ledger.disabled:
                self.ledger.disabled.append(name)

        return Work("officer-1", "PartnerKeyService.DisablePartnerKey", request, changes=True,
                    heard=heard)

    def change_of_a_key(self, source: random.Random) -> Work:
        kinds = {
            lambda: self.create(key_id(source, "orders")): 3, self.create_version: 3,
            lambda: self.rotate(source.choice(ROTATED)): 8,
            lambda: self.register_partner(source): 3, lambda: self.disable_partner(source): 2}
        return self.repeatable(source.choices(list(kinds), weights=list(kinds.values()))[0]())

    def next_work(self, source: random.Random) -> Work:
        kinds = {
            self.tokenize: 8, self.batch_tokenize: 2, self.bring: 1, self.detokenize: 4, self.use_up: 1,
            self.describe: 1, self.denied: 1, self.forged: 1, self.no_card: 1, self.convert: 2,
            self.look_up: 1, self.fingerprint: 1, self.live: 6, self.sign: 3, self.batch_sign: 1,
            self.verify: 1, self.verify_partner: 1, self.repeat: 4}
        return self.repeatable(source.choices(list(kinds), weights=list(kinds.values()))[0](source))

    def repeatable(self, work: Work) -> Work:
        if work.changes:
            with self.ledger.lock:
                self.ledger.repeatable.append(work)
        return work
