"""All that clients were told by the service. Whatever happens to the service meanwhile, what it has
told must be true afterwards; `Ledger` and `Auditor` say when it is not."""

import collections
import dataclasses
import random
import threading
import time
from typing import Any, Callable, Generic, Iterable, NamedTuple, TypeVar

import audit_log
import grpc
from deployment import Deployment
from wire import CARDS, SECONDS, Client, audit, refusal_of, tokens

RECEIPTS = "tenants/acme/tokenProfiles/receipts"
TILL_NUMBERS = "tenants/acme/tokenProfiles/till-numbers"
HOST_NUMBERS = "tenants/acme/tokenProfiles/host-numbers"
NETWORK_TOKENS = "tenants/acme/tokenProfiles/network-tokens"
ONE_TIME = "tenants/acme/tokenProfiles/one-time"
FORMER_VAULT = "tenants/acme/tokenProfiles/former-vault"
# Where a card always gets the same token.
DETERMINISTIC = (CARDS, TILL_NUMBERS, HOST_NUMBERS, FORMER_VAULT)
# Whose tokens name their profile.
OPAQUE = (CARDS, RECEIPTS, ONE_TIME)

# What says that a call was cut off rather than answered.
CUT_OFF = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
# The refusals for which a record cannot be asked: there was none to be had.
AWAY = frozenset({"AUDIT_UNAVAILABLE", "OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"})
# Seconds until a caller hears at the latest what became of a call: two, after which a service that
# cannot write gives up, and what a busy machine takes to say so.
ANSWERED_WITHIN = 2.5
# What a token says that was used up, before and after its card was erased.
SPENT = ("TOKEN_EXHAUSTED", "TOKEN_DELETED")
# What a token says in each state, when it does not open.
CLOSED = {tokens.TOKEN_STATE_ACTIVE: (), tokens.TOKEN_STATE_SUSPENDED: ("TOKEN_SUSPENDED",),
          tokens.TOKEN_STATE_DELETED: ("TOKEN_DELETED",)}
# What is done once for a request id, however often it is sent.
DONE_ONCE = frozenset({
    "TokenService.Tokenize", "TokenService.BatchTokenize", "TokenService.ConvertToken",
    "TokenService.ImportTokens",
    "TokenService.SuspendToken", "TokenService.ResumeToken", "TokenService.DeleteToken",
    "SigningService.Sign", "SigningService.BatchSign", "KeyService.CreateKey",
    "KeyService.CreateKeyVersion", "KeyService.RotateKey", "PartnerKeyService.CreatePartnerKey",
    "PartnerKeyService.DisablePartnerKey"})


class Fault(AssertionError):
    """The service told something that is not true."""


@dataclasses.dataclass
class Work:
    """One call, sent again until it is answered."""

    principal: str
    method: str  # "TokenService.Tokenize"
    request: Any
    refused_with: tuple[str, ...] = ()  # the reasons that are the right answer
    or_refused_with: tuple[str, ...] = ()  # the reasons that are as right as an answer
    # The same, once it was cut off and is sent again.
    refused_again: tuple[str, ...] = ()
    heard: Callable[[Any], None] = lambda answer: None
    over: Callable[[], None] = lambda: None  # once it is answered, or refused as it should be
    changes: bool = False  # done once for its request_id, however often it is sent
    was_cut_off: bool = False
    was_answered: bool = False

    @property
    def request_id(self) -> str:
        return getattr(self.request, "request_id", "")

    @property
    def of_keys(self) -> bool:
        """Whether it is answered with a key as it is then, the same or not."""
        return self.method.startswith(("KeyService", "PartnerKeyService"))


class Token(NamedTuple):
    """Tokens of digits do not say whose they are."""

    profile: str
    name: str

    @property
    def named(self) -> dict[str, str]:
        """As a request names it."""
        return self._asdict()


@dataclasses.dataclass
class Life:
    """A token that is suspended, resumed and deleted, and the state last acknowledged."""

    token: Token
    pan: str
    state: int = tokens.TOKEN_STATE_ACTIVE


Thing = TypeVar("Thing")


class Pool(Generic[Thing]):
    """Things that are in the hands of one call at a time, so that it is known what comes of it: a
    call that is cut off keeps what it has until it was answered. Thread-safe."""

    def __init__(self) -> None:
        self.things: collections.deque[Thing] = collections.deque()

    def take(self) -> Thing | None:
        try:
            return self.things.popleft()
        except IndexError:
            return None

    def give(self, thing: Thing) -> None:
        self.things.append(thing)

    def __len__(self) -> int:
        return len(self.things)


class Ledger:
    """What clients were told. Thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.card_of: dict[Token, str] = {}
        self.token_of: dict[tuple[str, str], str] = {}  # by profile, where there is one, and card
        self.closed: dict[Token, tuple[str, ...]] = {}  # what tokens say that do not open
        self.fresh: list[Token] = []  # since they were last opened
        self.lives: Pool[Life] = Pool()
        self.unused: Pool[Token] = Pool()  # which open once
        self.spent: collections.deque[Token] = collections.deque(maxlen=50)
        self.references: dict[str, str] = {}  # of accounts, by card
        self.fingerprints: dict[tuple[str, int], str] = {}  # by card and version of the key
        self.signatures: dict[str, tuple[bytes, bytes]] = {}  # message, signature; by key version
        self.versions: dict[str, set[str]] = collections.defaultdict(set)  # by key
        self.partners: dict[str, Any] = {}  # their own keys, by name
        self.trusted: Pool[str] = Pool()  # names of those that verify
        self.disabled: list[str] = []
        self.kept: dict[str, Any] = {}  # answers by request id
        self.repeatable: collections.deque[Work] = collections.deque(maxlen=200)
        # Answers whose record is still to be seen: method, reason.
        self.unrecorded: dict[str, tuple[str, str]] = {}
        self.done_once: set[tuple[str, str]] = set()
        self.cut_off: list[Work] = []
        self.faults: list[str] = []
        self.reasons: collections.Counter[str] = collections.Counter()
        self.calls: collections.Counter[str] = collections.Counter()  # answered, by method
        self.longest = 0.0  # seconds until an answer, or a refusal

    @property
    def answers(self) -> int:
        return self.calls.total()

    def send(self, clients, work: Work, away: Iterable[str] = ()) -> bool:
        """Whether the call was answered; otherwise, if it never was, it is kept to be repeated. `away`
        are the refusals that are no wrong answers, but not the one that was asked for either."""
        # Letters only: a trace id with the digits of a card number is not recorded as it is.
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
            if done:
                work.over()
                work.was_answered = True
            elif not work.was_answered:
                work.was_cut_off = True
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
            again = work.refused_again if work.was_cut_off else ()
            if refused.reason not in (*work.refused_with, *work.or_refused_with, *again):
                self.faults.append(f"{work.method} was refused: {refused.text}")
            return True

    def answered(self, work: Work, answer: Any, trace: str) -> bool:
        with self.lock:
            self.note(work, trace, "")
            if work.refused_with:
                self.faults.append(f"{work.method} was not refused with {work.refused_with}")
            try:
                if work.changes and not work.of_keys:
                    # Repeated, it means nothing new.
                    if work.request_id in self.kept:
                        if self.kept[work.request_id] != answer:
                            raise Fault(f"{work.request_id} was answered differently")
                        return True
                    self.kept[work.request_id] = answer
                work.heard(answer)
            except Fault as fault:
                self.faults.append(f"{work.method}: {fault}")
            return True

    def note(self, work: Work, trace: str, reason: str) -> None:
        self.calls[work.method] += 1
        # Records of key changes are found by their request.
        found_by = work.request_id if work.of_keys else trace
        self.unrecorded[found_by] = (work.method, reason)

    # What answers mean.

    def token(self, profile: str, pan: str, answer: Any) -> Token:
        """A token that was made for a card."""
        token = Token(profile, answer.name)
        if self.card_of.setdefault(token, pan) != pan:
            raise Fault(f"{token} stands for two cards")
        if profile in DETERMINISTIC and self.token_of.setdefault((profile, pan),
                                                                 token.name) != token.name:
            raise Fault(f"a card has two tokens, {self.token_of[profile, pan]} and {token}")
        if token in self.closed:
            raise Fault(f"{token} was closed and is given again")
        reference = answer.account_reference
        if (profile == NETWORK_TOKENS) != bool(reference):
            raise Fault(f"{token} has the account reference {reference!r}")
        if reference and self.references.setdefault(pan, reference) != reference:
            raise Fault(f"{token} has another account reference than its card")
        return token

    def made(self, profile: str, pan: str, answer: Any) -> None:
        token = self.token(profile, pan, answer)
        if profile == ONE_TIME:
            self.unused.give(token)
        else:
            self.fresh.append(token)

    def born(self, profile: str, pan: str, answer: Any) -> None:
        self.lives.give(Life(self.token(profile, pan, answer), pan))

    def born_again(self, life: Life, answer: Any) -> None:
        """The card of a token that was deleted came again."""
        if Token(life.token.profile, answer.name) in self.card_of:
            raise Fault(f"{life.token} was deleted and its card got a token that there was")
        del self.token_of[life.token.profile, life.pan]
        self.born(life.token.profile, life.pan, answer)

    def changed(self, life: Life, state: int, answer: Any) -> None:
        if answer.state != state:
            raise Fault(f"{life.token} was changed into {answer.state} rather than {state}")
        life.state = state
        self.closed[life.token] = CLOSED[state]
        self.lives.give(life)

    def used_up(self, token: Token) -> None:
        self.closed[token] = SPENT
        self.spent.append(token)

    def card(self, token: Token, pan: str) -> None:
        if self.card_of[token] != pan:
            raise Fault(f"{token} opens to another card")

    def opens_to(self, token: Token) -> tuple[str, ...]:
        """The card that it opens to, or the reasons that it may be refused with."""
        return self.closed.get(token) or (self.card_of[token],)

    def fingerprint(self, pan: str, answer: Any) -> None:
        made = self.fingerprints.setdefault((pan, answer.key_version), answer.fingerprint)
        if made != answer.fingerprint:
            raise Fault("a card has two fingerprints")

    def signature(self, version: str, message: bytes, signature: bytes) -> None:
        self.signatures[version] = (message, signature)

    def key(self, key: Any) -> None:
        names = {version.name for version in key.versions}
        if not self.versions[key.name] <= names:
            raise Fault(f"{key.name} lost versions {self.versions[key.name] - names}")
        self.versions[key.name] = names

    def registered(self, name: str, private: Any) -> None:
        if name not in self.partners:
            self.partners[name] = private
            self.trusted.give(name)
        elif self.partners[name] is not private:
            raise Fault(f"{name} was registered twice")

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
                (_, told), said = unrecorded[name], record.body.get("reason", "")
                success = record.header["outcome"] == "success"
                if told == "" and success or told and told == said:
                    del unrecorded[name]
            self.check_done_once(record)
        if unrecorded:
            raise Fault(f"{len(unrecorded)} answers without their record: {unrecorded}")

    def check_done_once(self, record: audit_log.Record) -> None:
        request_id, action = record.body.get("request_id"), record.header["action"]
        if (not request_id or action not in DONE_ONCE or record.header["outcome"] != "success"
                or "repetition" in record.body.get("details", {})):
            return
        if (action, request_id) in self.done_once:
            raise Fault(f"{action} of {request_id} was done twice: {record}")
        self.done_once.add((action, request_id))


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
