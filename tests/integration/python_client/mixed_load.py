"""A mixed load on the service: calls.py by many at once, and what must hold of all that the service
ever told (ledger.py)."""

import itertools
import os
import random
import threading
import time
from typing import Any, Iterable

import audit_log
from calls import SIGNING_KEY, Calls
from deployment import Deployment
from ledger import ONE_TIME, OPAQUE, Auditor, Fault, Token, Work
from wire import SECONDS, Client, keys, partners, tokens

PRINCIPALS = ("checkout", "settlement", "fraud", "migration", "officer-1", "auditor")
STUBS = {"TokenService": "tokens", "SigningService": "signing", "KeyService": "keys",
         "PartnerKeyService": "partners"}
WORKERS = 6


def allow_load(deployment: Deployment) -> None:
    """Lets settlement see the cards of all profiles, lets callers reveal cards and name wrong ones and
    wrong tokens as often as they like, and tokens that open once wait for a day."""
    deployment.edit("policy.yaml", r"(id: settlement-reveals\n(?:.*\n){2} +resources: )\[.*\]",
                    r"\1[tenants/acme/tokenProfiles/cards, tenants/acme/tokenProfiles/receipts]")
    for rule in ("checkout-tokenizes", "settlement-reveals", "settlement-reveals-other-forms",
                 "settlement-converts", "fraud-looks-up", "fraud-suspends"):
        deployment.edit("policy.yaml",
                        rf"(id: {rule}\n(?:    (?!limits:).*\n)*)(?:    limits:\n(?:      .*\n)*)?",
                        r"\1    limits: {misses: {count: 1000000}}\n")
    deployment.edit("config.yaml", "(time_to_live_minutes: ).*", r"\g<1>1440")


class Clients:
    """A connection for each principal."""

    def __init__(self, deployment: Deployment) -> None:
        self.of = {name: Client(deployment, name) for name in PRINCIPALS}

    def call(self, work: Work, trace: str) -> Any:
        service, method = work.method.split(".")
        stub = getattr(self.of[work.principal], STUBS[service])
        return getattr(stub, method)(
            work.request, timeout=SECONDS,
            metadata=(("traceparent", f"00-{trace}-{os.urandom(8).hex()}-01"),))

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_) -> None:
        for client in self.of.values():
            client.close()


class MixedLoad(Calls):
    """Calls of all kinds, by those who may and by those who may not. One object for the whole life of
    a deployment. `one_time`: also with tokens whose time to live is over after a day."""

    def __init__(self, deployment: Deployment, source: random.Random, *,
                 one_time: bool = True) -> None:
        super().__init__(one_time=one_time)
        self.deployment = deployment
        self.source = source
        self.auditor = Auditor(deployment)
        self.records: list[audit_log.Record] = []  # the last that were proven
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def prepare(self, clients: Clients) -> None:
        """Makes the signing key that the load signs with."""
        work = self.create(SIGNING_KEY.rsplit("/", maxsplit=1)[1])
        if not self.ledger.send(clients, work):
            raise Fault("no key to sign with")

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

    def check(self, clients: Clients, away: Iterable[str] = ()) -> None:
        """Everything that can have been lost since the last time."""
        self.settle(clients, away)
        self.check_log(clients)
        self.check_fresh(clients)
        self.check_keys(clients)
        self.check_partners(clients)

    def check_log(self, clients: Clients) -> None:
        self.records = self.auditor.prove(clients.of["auditor"])
        self.ledger.check_records(self.records)

    def check_tokens(self, clients: Clients, known: Iterable[Token]) -> None:
        """Every token opens to its card, or says why it does not."""
        def profile(token: Token) -> str:
            return "" if token.profile in OPAQUE else token.profile

        for named, group in itertools.groupby(sorted(known, key=profile), profile):
            group = list(group)
            for start in range(0, len(group), 100):
                part = group[start:start + 100]
                request = tokens.BatchDetokenizeRequest(
                    parent="tenants/acme", names=[token.name for token in part], profile=named,
                    purpose="settlement")
                answer = clients.of["settlement"].tokens.BatchDetokenize(request, timeout=SECONDS)
                for token, result in zip(part, answer.results, strict=True):
                    said = result.card.card.pan or result.error.reason
                    if said not in self.ledger.opens_to(token):
                        raise Fault(f"{token} does not open as it should: {result.error}")
                    if token.profile == ONE_TIME:
                        self.ledger.used_up(token)

    def check_fresh(self, clients: Clients) -> None:
        """The tokens since the last time, and those that change."""
        fresh, self.ledger.fresh = self.ledger.fresh, self.ledger.fresh[-50:]
        self.check_tokens(clients, {*fresh, *self.ledger.spent,
                                    *(life.token for life in self.ledger.lives.things)})

    def check_keys(self, clients: Clients) -> None:
        """No version is lost, and the newest of each key is the one in use, but for one made ahead."""
        missing = set(self.ledger.versions)
        for key in listed(clients.of["officer-1"].keys.ListKeys, keys.ListKeysRequest, "keys"):
            if key.name not in missing:
                continue
            missing.remove(key.name)
            self.ledger.key(key)
            usable = [version for version in key.versions
                      if version.state != keys.KEY_STATE_DESTROYED]
            ahead = usable[0].state == keys.KEY_STATE_PRE_ACTIVATION
            newest = usable[ahead]
            if not newest.primary or newest.state != keys.KEY_STATE_ACTIVE:
                raise Fault(f"the newest version of {key.name} is not in use: {key}")
        if missing:
            raise Fault(f"keys are lost: {missing}")

    def check_partners(self, clients: Clients) -> None:
        """There are the keys that were registered, no others, and those that were disabled are."""
        found = {key.name: key.state == partners.PARTNER_KEY_STATE_DISABLED for key in listed(
            clients.of["officer-1"].partners.ListPartnerKeys, partners.ListPartnerKeysRequest,
            "partner_keys")}
        told = {name: name in self.ledger.disabled for name in self.ledger.partners}
        if found != told:
            raise Fault(f"the partners' keys are {found} rather than {told}")

    def check_everything(self, clients: Clients) -> None:
        """All that was ever told, all over again."""
        self.check(clients)
        self.check_tokens(clients, list(self.ledger.card_of))
        for version, (message, signature) in self.ledger.signatures.items():
            self.ledger.send(clients, self.verification(version, message, signature))
        for name in self.ledger.partners:
            refused_with = ("PARTNER_KEY_DISABLED",) if name in self.ledger.disabled else ()
            self.ledger.send(clients, self.partner_verification(name, refused_with))
        with self.ledger.lock:
            repeatable = list(self.ledger.repeatable)
        for work in repeatable:
            self.ledger.send(clients, work)
        self.raise_faults()
        self.check_fresh(clients)
        self.check_log(clients)


def listed(method, request, field: str) -> list[Any]:
    """All that a tenant has, page by page."""
    found, page_token = [], ""
    while True:
        page = method(request(parent="tenants/acme", page_size=200, page_token=page_token),
                      timeout=SECONDS)
        found += getattr(page, field)
        if not (page_token := page.next_page_token):
            return found
