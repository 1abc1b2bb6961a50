"""A mixed load on the service, and a memory of all that the service ever told it. Whatever happens
to the service meanwhile, what it has told must be true afterwards; `Ledger` and `Auditor` say when
it is not."""

import collections
import dataclasses
import os
import random
import threading
import time
import uuid
from typing import Any, Callable, Iterable

import audit_log
import cards
import grpc
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, keys, refusal_of, signing, tokens

RECEIPTS = "tenants/acme/tokenProfiles/receipts"
SIGNING_KEY = "tenants/acme/keys/load"
# Keys that are rotated under load: data of either profile, tokens, signatures.
ROTATED = ("tenants/acme/keys/cards-data", "tenants/acme/keys/receipts-data",
           "tenants/acme/keys/token", SIGNING_KEY, SIGNING_KEY)
PRINCIPALS = ("checkout", "settlement", "fraud", "officer-1", "auditor")
WORKERS = 6
# What says that a call was cut off rather than answered.
CUT_OFF = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
# The refusals for which a record cannot be asked: there was none to be had.
AWAY = frozenset({"AUDIT_UNAVAILABLE", "OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"})


class Fault(AssertionError):
    """The service told something that is not true."""


@dataclasses.dataclass
class Work:
    """One call, sent again until it is answered."""

    principal: str
    method: str  # "TokenService.Tokenize"
    request: Any
    refused_with: str = ""  # the reason that is the right answer
    heard: Callable[[Any], None] = lambda answer: None
    changes: bool = False  # done once for its request_id, however often it is sent

    @property
    def request_id(self) -> str:
        return getattr(self.request, "request_id", "")


def allow_receipts(deployment: Deployment) -> None:
    """Lets settlement see the cards of the profile that gives a token per call, too, and name wrong
    tokens as often as it likes."""
    deployment.edit("policy.yaml", r"(id: settlement-reveals\n(?:.*\n){2} +resources: )\[.*\]",
                    r"\1[tenants/acme/tokenProfiles/cards, tenants/acme/tokenProfiles/receipts]\n"
                    r"    limits: {misses: {count: 1000000}}")


class Clients:
    """A connection for each principal."""

    def __init__(self, deployment: Deployment) -> None:
        self.of = {name: Client(deployment, name) for name in PRINCIPALS}

    def call(self, work: Work, trace: str) -> Any:
        service, method = work.method.split(".")
        stub = getattr(self.of[work.principal],
                       {"TokenService": "tokens", "SigningService": "signing",
                        "KeyService": "keys"}[service])
        return getattr(stub, method)(
            work.request, timeout=SECONDS,
            metadata=(("traceparent", f"00-{trace}-{os.urandom(8).hex()}-01"),))

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_) -> None:
        for client in self.of.values():
            client.close()


class Ledger:
    """What clients were told. Thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.card_of: dict[str, str] = {}  # by token name, of either profile
        self.token_of: dict[str, str] = {}  # by card, of the deterministic profile
        self.fresh: list[str] = []  # token names since they were last opened
        self.signatures: dict[str, tuple[bytes, bytes]] = {}  # message, signature; by key version
        self.versions: dict[str, set[str]] = collections.defaultdict(set)  # by key
        self.kept: dict[str, Any] = {}  # answers by request id
        self.repeatable: collections.deque[Work] = collections.deque(maxlen=200)
        self.unrecorded: dict[str, str] = {}  # answers whose record is still to be seen: reason
        self.done_once: set[tuple[str, str]] = set()
        self.cut_off: list[Work] = []
        self.faults: list[str] = []
        self.reasons: collections.Counter[str] = collections.Counter()
        self.answers = 0
        self.longest = 0.0  # seconds until an answer, or a refusal

    def send(self, clients: Clients, work: Work, away: Iterable[str] = ()) -> bool:
        """Whether the call was answered; otherwise it is kept to be repeated. `away` are the
        refusals that are no wrong answers, but not the one that was asked for either."""
        # Letters only: a trace id with the digits of a card number is not recorded.
        trace = "".join(random.choices("abcdef", k=32))
        began = time.monotonic()
        try:
            answer = clients.call(work, trace)
        except grpc.RpcError as error:
            refused = refusal_of(error)
            done = self.refused(work, refused, trace, error, away)
        else:
            done = self.answered(work, answer, trace)
        with self.lock:
            self.longest = max(self.longest, time.monotonic() - began)
            if not done:
                self.cut_off.append(work)
        return done

    def refused(self, work, refused, trace, error, away) -> bool:
        with self.lock:
            self.reasons[refused.reason or refused.code] += 1
            if refused.reason == "" and error.code() in CUT_OFF:
                return False
            if refused.reason not in AWAY:
                self.note(work, trace, refused.reason)
            if refused.reason in ("CONFLICT", *away):
                return False
            if refused.reason != work.refused_with:
                self.faults.append(f"{work.method} was refused: {refused.text}")
            return True

    def answered(self, work: Work, answer: Any, trace: str) -> bool:
        with self.lock:
            self.note(work, trace, "")
            if work.refused_with:
                self.faults.append(f"{work.method} was not refused with {work.refused_with}")
            try:
                if work.changes and not work.method.startswith("KeyService"):
                    if self.kept.setdefault(work.request_id, answer) != answer:
                        raise Fault(f"{work.request_id} was answered differently")
                work.heard(answer)
            except Fault as fault:
                self.faults.append(f"{work.method}: {fault}")
            return True

    def note(self, work: Work, trace: str, reason: str) -> None:
        self.answers += 1
        # Records of key changes are found by their request.
        self.unrecorded[work.request_id if work.method.startswith("KeyService") else trace] = reason

    # What answers mean.

    def token(self, profile: str, pan: str, name: str) -> None:
        if self.card_of.setdefault(name, pan) != pan:
            raise Fault(f"{name} stands for two cards")
        if profile == CARDS and self.token_of.setdefault(pan, name) != name:
            raise Fault(f"a card has two tokens, {self.token_of[pan]} and {name}")
        self.fresh.append(name)

    def card(self, name: str, pan: str) -> None:
        if self.card_of[name] != pan:
            raise Fault(f"{name} opens to another card")

    def signature(self, message: bytes, answer: Any) -> None:
        self.signatures[answer.key_version] = (message, answer.signature)

    def key(self, key: Any) -> None:
        names = {version.name for version in key.versions}
        if not self.versions[key.name] <= names:
            raise Fault(f"{key.name} lost versions {self.versions[key.name] - names}")
        self.versions[key.name] = names

    def valid(self, version: str, answer: Any) -> None:
        if not answer.valid or answer.key_version != version:
            raise Fault(f"a signature of {version} does not verify")

    # What the log must say.

    def check_records(self, records: list[audit_log.Record]) -> None:
        """Finds the record of every answer since it was last called, and that nothing which was to
        be done once was done twice."""
        with self.lock:
            unrecorded, self.unrecorded = self.unrecorded, {}
        for record in records:
            for name in (record.body.get("trace_id"), record.body.get("request_id")):
                if name not in unrecorded or record.header["outcome"] == "intent":
                    continue
                told, said = unrecorded[name], record.body.get("reason", "")
                success = record.header["outcome"] == "success"
                if told == "" and success or told and told == said:
                    del unrecorded[name]
            self.check_done_once(record)
        if unrecorded:
            raise Fault(f"{len(unrecorded)} answers without their record: {unrecorded}")

    def check_done_once(self, record: audit_log.Record) -> None:
        request_id = record.body.get("request_id")
        changes = record.header["action"] in (
            "TokenService.Tokenize", "TokenService.BatchTokenize", "SigningService.Sign",
            "KeyService.CreateKey", "KeyService.RotateKey")
        if (not request_id or not changes or record.header["outcome"] != "success"
                or "repetition" in record.body.get("details", {})):
            return
        if (record.header["action"], request_id) in self.done_once:
            raise Fault(f"{request_id} was done twice")
        self.done_once.add((record.header["action"], request_id))


class Auditor:
    """Proves the log from where it was last proven on: with a reading of its own, and with the
    command line's offline verifier against the checkpoint that was kept."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.log: audit_log.Log | None = None

    def prove(self, client: Client) -> list[audit_log.Record]:
        """The records since the last time."""
        folder = self.deployment.folder
        options: list[Any] = []
        if self.log is None:
            key = client.audit.GetCheckpoint(audit.GetCheckpointRequest(),
                                             timeout=SECONDS).verifier_key
            self.log = audit_log.Log(key)
            (folder / "verifier.key").write_text(key)
        else:
            (folder / "kept.note").write_text(self.log.checkpoint)
            options = ["--checkpoint", folder / "kept.note"]
        export = client.export(self.log.tree.size)
        records = self.log.extend(export)
        (folder / "export.jsonl").write_bytes(export)
        done = self.deployment.command(
            None, "audit", "verify", "--export", folder / "export.jsonl",
            "--verifier-key", folder / "verifier.key", *options)
        if done.returncode != 0:
            raise Fault(f"the log does not verify: {done.stderr}")
        if options and "complete and unchanged since the outside checkpoint" not in done.stdout:
            raise Fault(f"the log does not go on from the checkpoint: {done.stdout}")
        return records


class MixedLoad:
    """Tokens made, opened and described, signatures made and checked, keys created and rotated, by
    those who may and by those who may not. One object for the whole life of a deployment."""

    def __init__(self, deployment: Deployment, source: random.Random) -> None:
        self.deployment = deployment
        self.source = source
        self.ledger = Ledger()
        self.auditor = Auditor(deployment)
        self.records: list[audit_log.Record] = []  # the last that were proven
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []
        self.repeats = True
        # A few cards that several clients bring at once.
        self.racing: collections.deque[str] = collections.deque(maxlen=8)

    def prepare(self, clients: Clients) -> None:
        """Makes the signing key that the load signs with."""
        work = self.create(SIGNING_KEY.rsplit("/", maxsplit=1)[1])
        if not self.ledger.send(clients, work):
            raise Fault("no key to sign with")

    # One kind of call each.

    def tokenize(self, source: random.Random) -> Work:
        profile = source.choice((CARDS, CARDS, RECEIPTS))
        pan = cards.invented(source)
        if profile == CARDS and self.racing and source.random() < 0.4:
            pan = source.choice(list(self.racing))
        self.racing.append(pan)
        request = tokens.TokenizeRequest(parent=profile, card=tokens.Card(pan=pan),
                                         request_id=str(uuid.uuid4()))
        return Work("checkout", "TokenService.Tokenize", request, changes=True,
                    heard=lambda answer: self.ledger.token(profile, pan, answer.name))

    def batch_tokenize(self, source: random.Random) -> Work:
        profile = source.choice((CARDS, RECEIPTS))
        pans = [cards.invented(source) for _ in range(source.randint(1, 8))]
        pans += [source.choice(pans), "4111111111111112"]
        request = tokens.BatchTokenizeRequest(
            parent=profile, cards=[tokens.Card(pan=pan) for pan in pans],
            request_id=str(uuid.uuid4()))

        def heard(answer) -> None:
            for pan, result in zip(pans[:-1], answer.results):
                self.ledger.token(profile, pan, result.token.name)
            if answer.results[-1].error.reason != "PAN_INVALID":
                raise Fault("a token for what is no card")

        return Work("checkout", "TokenService.BatchTokenize", request, changes=True, heard=heard)

    def known_token(self, source: random.Random) -> str:
        with self.ledger.lock:
            names = self.ledger.fresh[-50:]
        return source.choice(names) if names else ""

    def detokenize(self, source: random.Random) -> Work:
        if not (name := self.known_token(source)):
            return self.tokenize(source)
        request = tokens.DetokenizeRequest(name=name, purpose="settlement")
        return Work("settlement", "TokenService.Detokenize", request,
                    heard=lambda answer: self.ledger.card(name, answer.card.pan))

    def describe(self, source: random.Random) -> Work:
        if not (name := self.known_token(source)):
            return self.tokenize(source)
        return Work("checkout", "TokenService.GetToken", tokens.GetTokenRequest(name=name))

    def denied(self, source: random.Random) -> Work:
        name = self.known_token(source) or "tenants/acme/tokens/tok_x"
        request = tokens.DetokenizeRequest(name=name, purpose="settlement")
        return Work("checkout", "TokenService.Detokenize", request, "POLICY_DENIED")

    def forged(self, source: random.Random) -> Work:
        if not (name := self.known_token(source)):
            return self.denied(source)
        forged = name[:-9] + ("b" if name[-9] == "a" else "a") + name[-8:]
        request = tokens.DetokenizeRequest(name=forged, purpose="settlement")
        return Work("settlement", "TokenService.Detokenize", request, "TOKEN_NOT_FOUND")

    def no_card(self, source: random.Random) -> Work:
        request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan="4111111111111112"))
        return Work("checkout", "TokenService.Tokenize", request, "PAN_INVALID")

    def sign(self, source: random.Random) -> Work:
        message = source.randbytes(source.randint(1, 200))
        keep = source.random() < 0.5
        request = signing.SignRequest(name=SIGNING_KEY, message=message,
                                      request_id=str(uuid.uuid4()) if keep else "")
        return Work("settlement", "SigningService.Sign", request, changes=keep,
                    heard=lambda answer: self.ledger.signature(message, answer))

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

    def repeat(self, source: random.Random) -> Work:
        """What was sent before, and may be on its way at this instant."""
        with self.ledger.lock:
            repeatable = list(self.ledger.repeatable) if self.repeats else []
        return source.choice(repeatable) if repeatable else self.tokenize(source)

    def create(self, key_id: str) -> Work:
        request = keys.CreateKeyRequest(
            parent="tenants/acme", key_id=key_id, purpose=keys.KEY_PURPOSE_SIGN,
            algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=365,
            request_id=str(uuid.uuid4()))
        return Work("officer-1", "KeyService.CreateKey", request, changes=True,
                    heard=lambda answer: self.ledger.key(answer.key))

    def rotate(self, key: str) -> Work:
        request = keys.RotateKeyRequest(name=key, request_id=str(uuid.uuid4()))
        return Work("officer-1", "KeyService.RotateKey", request, changes=True,
                    heard=lambda answer: self.ledger.key(answer.key))

    def change_of_a_key(self, source: random.Random) -> Work:
        if source.random() < 0.2:
            return self.create(f"k{uuid.UUID(int=source.getrandbits(128)).hex[:4]}-"
                               f"{source.choice(('orders', 'refunds'))}")
        return self.rotate(source.choice(ROTATED))

    def next_work(self, source: random.Random) -> Work:
        kinds = (self.tokenize, self.batch_tokenize, self.detokenize, self.describe, self.denied,
                 self.forged, self.no_card, self.sign, self.verify, self.repeat)
        work = source.choices(kinds, weights=(8, 2, 4, 1, 1, 1, 1, 3, 1, 3))[0](source)
        if work.changes:
            with self.ledger.lock:
                self.ledger.repeatable.append(work)
        return work

    # Many at once.

    def start(self, clients: Clients, *, away: Iterable[str] = (), until_cut_off: bool,
              key_changes: float = 0.0) -> None:
        """Starts the load. A worker ends when it is stopped or, with `until_cut_off`, when the
        service is gone. `key_changes` are the seconds between changes of keys; 0: one change."""
        self.stop.clear()

        def work_on(source: random.Random) -> None:
            while not self.stop.is_set():
                if not self.ledger.send(clients, self.next_work(source), away):
                    if until_cut_off:
                        return
                    self.stop.wait(0.01)

        def change_keys(source: random.Random) -> None:
            self.stop.wait(source.uniform(0, 0.05))
            while not self.stop.is_set():
                self.ledger.send(clients, self.change_of_a_key(source), away)
                if key_changes == 0:
                    return
                self.stop.wait(key_changes)

        self.threads = [threading.Thread(target=target, args=(random.Random(self.source.random()),))
                        for target in [work_on] * WORKERS + [change_keys]]
        for thread in self.threads:
            thread.start()

    def working(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def wait_for_answers(self, count: int, seconds: float = 30) -> None:
        """Until so many more calls were answered."""
        deadline, before = time.monotonic() + seconds, self.ledger.answers
        while self.ledger.answers < before + count and self.working():
            if time.monotonic() > deadline:
                raise Fault(f"no {count} answers within {seconds} s: {self.ledger.reasons}")
            time.sleep(0.001)

    def join(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.threads = []
        self.raise_faults()

    def raise_faults(self) -> None:
        if self.ledger.faults:
            raise Fault("\n".join(self.ledger.faults[:5]))

    # What must hold of a service that works, and of everything it said before.

    def settle(self, clients: Clients, away: Iterable[str] = (), seconds: float = 30) -> None:
        """Repeats what was cut off: each is answered now."""
        deadline = time.monotonic() + seconds
        while self.ledger.cut_off:
            repeated, self.ledger.cut_off = self.ledger.cut_off, []
            for work in repeated:
                # Another way to make the same key may have been first.
                answered = self.ledger.send(clients, work, away)
                if not answered and time.monotonic() > deadline:
                    raise Fault(f"{work.method} is not answered: {self.ledger.reasons}")
        self.raise_faults()

    def check_log(self, clients: Clients) -> None:
        self.records = self.auditor.prove(clients.of["auditor"])
        self.ledger.check_records(self.records)

    def check_tokens(self, clients: Clients, names: list[str]) -> None:
        """Every token opens to its card."""
        for start in range(0, len(names), 100):
            part = names[start:start + 100]
            request = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=part,
                                                    purpose="settlement")
            answer = clients.of["settlement"].tokens.BatchDetokenize(request, timeout=SECONDS)
            opened = [result.card.card.pan for result in answer.results]
            if opened != [self.ledger.card_of[name] for name in part]:
                raise Fault(f"acknowledged tokens do not open: {answer}")

    def check_fresh(self, clients: Clients) -> None:
        fresh, self.ledger.fresh = self.ledger.fresh, self.ledger.fresh[-50:]
        self.check_tokens(clients, sorted(set(fresh)))

    def check_keys(self, clients: Clients) -> None:
        """No version is lost, and the newest of each key is the one in use."""
        for name in list(self.ledger.versions):
            answer = clients.of["officer-1"].keys.GetKey(keys.GetKeyRequest(name=name),
                                                         timeout=SECONDS)
            self.ledger.key(answer.key)
            usable = [version for version in answer.key.versions
                      if version.state != keys.KEY_STATE_DESTROYED]
            if not usable[0].primary or usable[0].state != keys.KEY_STATE_ACTIVE:
                raise Fault(f"the newest version of {name} is not in use: {answer.key}")

    def check_everything(self, clients: Clients) -> None:
        """All that was ever told, all over again."""
        self.check_log(clients)
        self.check_tokens(clients, list(self.ledger.card_of))
        self.check_keys(clients)
        for version, (message, signature) in self.ledger.signatures.items():
            self.ledger.send(clients, self.verification(version, message, signature))
        with self.ledger.lock:
            repeatable = list(self.ledger.repeatable)
        for work in repeatable:
            self.ledger.send(clients, work)
        self.raise_faults()
        self.check_log(clients)
