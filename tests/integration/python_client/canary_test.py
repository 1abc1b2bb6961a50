#!/usr/bin/env python3
"""Card numbers made for the purpose go through every call, rightly and wrongly used, and through a
crash in the middle of requests. None is in clear in what the service writes, says or leaves behind;
and nobody of its own user can look into it."""

import contextlib
import ctypes
import importlib
import inspect
import itertools
import os
import pathlib
import pkgutil
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid
from types import ModuleType
from typing import Iterator

import cards
import grpc
import keysvc.v1
import leak_scan
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from deployment import Deployment
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from ledger import (FORMER_VAULT, HOST_NUMBERS, NETWORK_TOKENS, ONE_TIME, RECEIPTS,
                    TILL_NUMBERS)
from mixed_load import allow_load
from wire import CARDS, SECONDS, Client, keys, new_key, partners, refusal_of, tokens

# Who may call a service at all; another one is refused before its fields are looked at.
CALLERS = {"TokenService": ("checkout", "settlement", "fraud", "auditor", "migration"),
           "SigningService": ("settlement",), "KeyService": ("officer-1",),
           "PartnerKeyService": ("officer-1",), "AuditService": ("auditor",)}
# What is right where a field is not the one that holds the card number.
RIGHT = {"parent": "tenants/acme", "request_id": "", "purpose": "settlement", "message": b"m",
         "key_id": "canary", "partner_key_id": "canary", "target": RECEIPTS}
# Where the parent is a profile.
OF_A_PROFILE = {**dict.fromkeys(
    ("TokenizeRequest", "BatchTokenizeRequest", "LookUpTokenRequest", "BatchLookUpTokensRequest",
     "ListTokensRequest"), CARDS), "ImportTokensRequest": FORMER_VAULT}
UNPRIVILEGED = 65534


def services() -> dict[str, ModuleType]:
    """Every service that proto/ has, and the module of its messages."""
    modules = [importlib.import_module(f"keysvc.v1.{module.name}")
               for module in pkgutil.iter_modules(keysvc.v1.__path__)
               if module.name.endswith("_pb2")]
    return {name: module for module in modules for name in module.DESCRIPTOR.services_by_name}


def wrong_uses(pan: str) -> list[str]:
    """A card number where it does not belong, alone and inside something."""
    return [pan, f"card {pan}", f"tenants/acme/tokens/{pan}", f"tenants/{pan}/tokens/tok_a",
            f"tenants/acme/tokenProfiles/{pan}", f"tenants/acme/keys/{pan}",
            f"tenants/acme/keys/a/versions/{pan}", f"tok_{pan}", id_around(pan), pan * 300]


def id_around(pan: str) -> str:
    """The form of a UUID, with the card number in the first groups and of no variant that there is."""
    rest = "f" + "".join(random.choices("abcdef", k=31 - len(pan)))
    return str(uuid.UUID(pan + rest))


def texts_of(message: Descriptor) -> Iterator[list[FieldDescriptor]]:
    """Every field of text or bytes, after the fields that it is inside of."""
    for field in message.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from ([field, *inner] for inner in texts_of(field.message_type))
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            yield [field]


def fill_rightly(message, right: dict[str, str | bytes]) -> None:
    for other in message.DESCRIPTOR.fields:
        if other.name in right and other.label != FieldDescriptor.LABEL_REPEATED:
            if other.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
                as_bytes = other.type == FieldDescriptor.TYPE_BYTES
                value = right[other.name]
                setattr(message, other.name,
                        value if isinstance(value, bytes) == as_bytes else b"m")


def set_field(message, field: FieldDescriptor, value: str) -> None:
    """Sets a field of whatever type of text or bytes."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        value = value.encode()
    if field.label == FieldDescriptor.LABEL_REPEATED:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


class Canaries(unittest.TestCase):
    def setUp(self):
        self.deployment = self.enterContext(Deployment())
        self.canaries = cards.canaries(20)
        self.said: list[str] = []
        self.calls = 0
        self.clients: dict[str, Client] = {}

    def call(self, client: Client, method: str, body: bytes, metadata=()) -> None:
        """Whatever comes of it; what an error says is kept."""
        self.calls += 1
        try:
            call = client.channel.unary_unary(f"/keysvc.v1.{method}")
            call(body, timeout=SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            self.said.append(refusal_of(error).text)
            self.assertNotEqual(error.code(), grpc.StatusCode.INTERNAL, error)

    def messages(self, service: str, name: str, pan: str):
        """Requests to each method about something that there is, each with the card number in another
        of its fields."""
        module = services()[service]
        for method in module.DESCRIPTOR.services_by_name[service].methods:
            request = getattr(module, method.input_type.name)
            right = {**RIGHT, "name": name}
            right["parent"] = OF_A_PROFILE.get(method.input_type.name, right["parent"])
            for *outer, field in texts_of(method.input_type):
                for value in wrong_uses(pan):
                    message = part = request()
                    fill_rightly(message, right)
                    for holder in outer:
                        part = getattr(part, holder.name)
                        part = part.add() if hasattr(part, "add") else part
                        fill_rightly(part, right)
                        if "pan" in holder.message_type.fields_by_name:
                            part.pan = pan
                    set_field(part, field, value)
                    yield method.name, message

    def send_in_every_field(self, token: str) -> None:
        names = {"TokenService": token, "SigningService": new_key(self.clients["officer-1"],
                                                                  keys.KEY_ALGORITHM_EC_P256)}
        names["KeyService"] = names["SigningService"]
        names["PartnerKeyService"] = self.register_partner()
        for number, (service, callers) in enumerate(CALLERS.items()):
            for caller in callers:
                for method, message in self.messages(service, names.get(service, ""),
                                                     self.canaries[number]):
                    self.call(self.clients[caller], f"{service}/{method}",
                              message.SerializeToString())

    def register_partner(self) -> str:
        pem = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        request = partners.CreatePartnerKeyRequest(
            parent="tenants/acme", partner_key_id="bank", purpose=keys.KEY_PURPOSE_SIGN,
            pem=pem.decode(), not_after_time=Timestamp(seconds=int(time.time()) + 24 * 3600))
        return self.clients["officer-1"].partners.CreatePartnerKey(
            request, timeout=SECONDS).partner_key.name

    def send_outside_of_fields(self) -> None:
        pan = self.canaries[4]
        checkout = self.clients["checkout"]
        right = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan))
        body = right.SerializeToString()
        text = bytes([len(pan)]) + pan.encode()
        self.call(checkout, "TokenService/Tokenize", body + b"\xfa\x3f" + text)  # field 1023
        self.call(checkout, "TokenService/Tokenize", body + b"\xff" + text)
        self.call(checkout, "TokenService/Tokenize", pan.encode())
        self.call(checkout, "TokenService/Tokenize", pan.encode() * 20000)
        self.call(checkout, f"TokenService/{pan}", body)
        self.call(checkout, f"{pan}/Tokenize", body)
        for name, value in (("x-card", pan), ("traceparent", pan), ("tracestate", f"card={pan}"),
                            ("traceparent", f"00-{pan}{pan}-{pan}-01"), (f"x-{pan}", "1"),
                            ("traceparent", f"00-{'f' * 16}{pan}-{'b' * 16}-01")):
            self.call(checkout, "TokenService/Tokenize", body, ((name, value),))
        # A stranger who speaks neither TLS nor HTTP/2.
        with socket.create_connection(("127.0.0.1", self.deployment.port)) as stranger:
            stranger.sendall(f"GET /{pan} HTTP/1.1\r\nCookie: {pan}\r\n\r\n".encode())

    def use_rightly(self) -> str:
        """Everything that makes and opens tokens as it should be; one of the tokens."""
        checkout, settlement = self.clients["checkout"], self.clients["settlement"]
        names = []
        for pan in self.canaries:
            card = tokens.Card(pan=pan, expiry="2030-12", cardholder_name="Canary Holder")
            for profile in (CARDS, RECEIPTS):
                request = tokens.TokenizeRequest(parent=profile, card=card,
                                                 request_id=id_around(pan))
                first = checkout.tokens.Tokenize(request, timeout=SECONDS)
                self.assertEqual(checkout.tokens.Tokenize(request, timeout=SECONDS), first)
                if profile == CARDS:
                    names.append(first.name)
        batch = tokens.BatchTokenizeRequest(
            parent=CARDS, cards=[tokens.Card(pan=pan) for pan in self.canaries + ["4"]],
            request_id=str(uuid.uuid4()))
        checkout.tokens.BatchTokenize(batch, timeout=SECONDS)
        request = tokens.BatchDetokenizeRequest(parent="tenants/acme", names=names,
                                                purpose="settlement")
        results = settlement.tokens.BatchDetokenize(request, timeout=SECONDS).results
        self.assertEqual([result.card.card.pan for result in results], self.canaries)
        for name in names:
            masked = self.clients["fraud"].tokens.Detokenize(
                tokens.DetokenizeRequest(name=name, purpose="fraud-screening"), timeout=SECONDS)
            self.said += [str(masked), str(checkout.tokens.GetToken(
                tokens.GetTokenRequest(name=name), timeout=SECONDS))]
        return names[0]

    def use_other_forms(self) -> None:
        checkout, settlement, fraud, migration = (
            self.clients[name].tokens for name in ("checkout", "settlement", "fraud", "migration"))
        for pan in self.canaries:
            card = tokens.Card(pan=pan)
            for profile in (TILL_NUMBERS, HOST_NUMBERS, NETWORK_TOKENS, ONE_TIME):
                made = checkout.Tokenize(tokens.TokenizeRequest(parent=profile, card=card),
                                         timeout=SECONDS)
                opened = settlement.Detokenize(tokens.DetokenizeRequest(
                    name=made.name, profile=profile, purpose="settlement"), timeout=SECONDS)
                self.assertEqual(opened.card.pan, pan)
            kept = migration.ImportTokens(tokens.ImportTokensRequest(
                parent=FORMER_VAULT, request_id=str(uuid.uuid4()), cards=[
                    tokens.ImportedCard(card=card, token=f"former-{uuid.uuid4().hex[:8]}x"),
                    tokens.ImportedCard(card=card, token=f"former-{pan}")]), timeout=SECONDS)
            self.assertEqual([result.error.reason for result in kept.results],
                             ["", "FIELD_INVALID"])
            found = fraud.LookUpToken(tokens.LookUpTokenRequest(parent=CARDS, card=card),
                                      timeout=SECONDS)
            print_ = checkout.FingerprintCard(tokens.FingerprintCardRequest(
                parent="tenants/acme", card=card), timeout=SECONDS)
            converted = settlement.ConvertToken(tokens.ConvertTokenRequest(
                name=found.name, target=RECEIPTS), timeout=SECONDS)
            ended = [call(request(name=converted.name), timeout=SECONDS) for call, request in (
                (fraud.SuspendToken, tokens.SuspendTokenRequest),
                (fraud.ResumeToken, tokens.ResumeTokenRequest),
                (checkout.DeleteToken, tokens.DeleteTokenRequest))]
            self.said += map(str, (made, kept, found, print_, converted, *ended))
        report = self.clients["auditor"].tokens.GetRetentionReport(
            tokens.GetRetentionReportRequest(parent="tenants/acme"), timeout=SECONDS)
        self.said += map(str, report)

    def test_no_service_is_left_out(self):
        self.assertEqual(set(CALLERS), set(services()))

    def test_no_call_leaves_a_card_number_anywhere(self):
        allow_load(self.deployment)  # else wrong tokens keep calls from being looked at
        self.deployment.start()
        with contextlib.ExitStack() as connections:
            self.clients = {name: connections.enter_context(Client(self.deployment, name)) for name
                            in ("checkout", "settlement", "fraud", "migration", "officer-1",
                                     "auditor")}
            token = self.use_rightly()
            self.use_other_forms()
            self.send_in_every_field(token)
            self.send_outside_of_fields()
            # What the auditor carries away is searched as a file.
            export = self.clients["auditor"].export()
        self.assertGreater(self.calls, 2000)
        (self.deployment.folder / "export.jsonl").write_bytes(export)
        self.assertEqual(list(leak_scan.find("\n".join(self.said).encode())), [])
        self.assertEqual(self.deployment.stop(), 0)
        # With the hyphens that the card numbers had in request ids the search does not know them.
        written = b"".join(path.read_bytes() for path in self.deployment.folder.rglob("*")
                           if path.is_file())
        for pan in self.canaries:
            self.assertNotIn(id_around(pan)[:18].encode(), written)
        # The deployment's own search, of all its files, follows.

    def test_a_request_id_with_a_card_number_in_it_is_known_after_a_restart(self):
        pan, *_ = self.canaries
        request = tokens.TokenizeRequest(parent=ONE_TIME, card=tokens.Card(pan=pan),
                                         request_id=id_around(pan))
        answers = []
        for _ in range(2):
            self.deployment.start()
            with Client(self.deployment, "checkout") as client:
                answers.append(client.tokens.Tokenize(request, timeout=SECONDS))
            self.assertEqual(self.deployment.stop(), 0)
        self.assertEqual(answers[0], answers[1])

    def test_a_crash_in_the_middle_of_requests_leaves_no_core_file(self):
        folder = self.deployment.folder
        self.deployment.launcher = ["prlimit", "--core=unlimited:unlimited", "env",
                                    f"--chdir={folder}"]
        hard_limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
        self.assertTrue(os.geteuid() == 0 or hard_limit == resource.RLIM_INFINITY,
                        f"core files cannot be asked for here: the hard limit is {hard_limit}")
        # A process that is not hardened shows that a core file would be made, and what is in it.
        with subprocess.Popen([*self.deployment.launcher, "sh", "-c", "read card; echo up; read on"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as plain:
            plain.stdin.write(f"{self.canaries[0]}\n".encode())
            plain.stdin.flush()
            self.assertEqual(plain.stdout.readline(), b"up\n")
            self.assertTrue(os.WCOREDUMP(self.crash(plain)), "this system makes no core files")
        cores = list(folder.glob("core*"))
        if cores:
            self.assertTrue(leak_scan.scan(*cores))
        else:
            print("this system puts core files elsewhere: the search of one is not shown")
        for core in cores:
            core.unlink()

        self.deployment.start()
        limits = pathlib.Path(f"/proc/{self.deployment.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        cut_off, answered = [], {"checkout": threading.Event(), "settlement": threading.Event()}

        def call_on(principal: str, method: str, requests: list) -> None:
            with Client(self.deployment, principal) as client:
                for request in itertools.cycle(requests):
                    try:
                        getattr(client.tokens, method)(request, timeout=SECONDS)
                    except grpc.RpcError as error:
                        cut_off.append(error.code())
                        return
                    answered[principal].set()

        tokenizing = [tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(
            pan=pan, cardholder_name="Canary Holder")) for pan in self.canaries]
        with Client(self.deployment, "checkout") as client:
            names = [client.tokens.Tokenize(request, timeout=SECONDS).name
                     for request in tokenizing]
        opening = [tokens.DetokenizeRequest(name=name, purpose="settlement") for name in names]
        callers = [threading.Thread(target=call_on, args=(*what, requests[at::5]))
                   for what, requests in ((("checkout", "Tokenize"), tokenizing),
                                          (("settlement", "Detokenize"), opening))
                   for at in range(5)]
        for caller in callers:
            caller.start()
        for event in answered.values():
            self.assertTrue(event.wait(30))
        status = self.crash(self.deployment.process)
        for caller in callers:
            caller.join()
        self.assertEqual((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGSEGV, False))
        self.assertEqual(len(cut_off), len(callers))
        self.assertEqual(list(folder.glob("core*")), [])
        self.deployment.launcher = []
        self.deployment.start()

    def crash(self, process: subprocess.Popen) -> int:
        """Its wait status, which says whether there was a core file."""
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
        return status

    def test_nobody_of_the_same_user_looks_into_the_process(self):
        as_user: list[str] = []
        if os.geteuid() == 0:
            # Root may look into everything, so the service becomes somebody else.
            as_user = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}",
                       "--clear-groups"]
            for path in [self.deployment.folder, *self.deployment.folder.rglob("*")]:
                shutil.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        self.deployment.launcher = as_user
        self.deployment.start()

        def looks_into(pid: int) -> dict[str, bool]:
            # As text, since that user may not be let into the folder of this file.
            text = f"import ctypes, os\n{inspect.getsource(look_into)}look_into({pid})"
            program = [*as_user, sys.executable, "-B", "-c", text]
            done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=30)
            return {line.split()[0]: line.endswith("True") for line in done.stdout.splitlines()}

        self.assertEqual(looks_into(self.deployment.process.pid), {"traced": False, "read": False})
        # A process that is not hardened shows that the attempt would succeed.
        plain = subprocess.Popen([*as_user, "sleep", "60"])
        try:
            seen = looks_into(plain.pid)
            if seen != {"traced": True, "read": True}:
                print(f"this system lets nobody look into a process of the same user: {seen}")
        finally:
            plain.kill()
            plain.wait()
        self.assertEqual(self.deployment.stop(), 0)


def look_into(pid: int) -> None:
    """Tries, as whoever runs this, to trace a process and to read its memory."""
    attach, detach = 16, 17
    libc = ctypes.CDLL(None, use_errno=True)
    traced = libc.ptrace(attach, pid, None, None) == 0
    if traced:
        os.waitpid(pid, 0)
    print(f"traced {traced}")
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            print("read True")
    except PermissionError:
        print("read False")
    if traced:
        libc.ptrace(detach, pid, None, None)


if __name__ == "__main__":
    unittest.main()
