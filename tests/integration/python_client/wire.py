"""The service as a client of another language sees it: stubs, credentials, errors."""

import secrets
import uuid
from typing import NamedTuple

import grpc
from keysvc.v1 import audit_service_pb2 as audit
from keysvc.v1 import audit_service_pb2_grpc
from keysvc.v1 import error_details_pb2
from keysvc.v1 import key_service_pb2 as keys
from keysvc.v1 import key_service_pb2_grpc
from keysvc.v1 import partner_key_service_pb2 as partners
from keysvc.v1 import partner_key_service_pb2_grpc
from keysvc.v1 import signing_service_pb2 as signing
from keysvc.v1 import signing_service_pb2_grpc
from keysvc.v1 import token_service_pb2 as tokens
from keysvc.v1 import token_service_pb2_grpc

__all__ = ["Client", "Refusal", "audit", "keys", "new_id", "new_key", "partners", "refusal", "signing",
           "tokens"]

CARDS = "tenants/acme/tokenProfiles/cards"
SECONDS = 10  # the deadline of a call that is expected to be answered


class Client:
    """One principal's connection: `client.tokens.Tokenize(request, timeout=SECONDS)`."""

    def __init__(self, deployment, principal: str = "", *, certificate: bytes = b"",
                 key: bytes = b"") -> None:
        pki = deployment.folder / "pki"
        if principal:
            certificate = (pki / f"{principal}.pem").read_bytes()
            key = (pki / f"{principal}.key").read_bytes()
        credentials = grpc.ssl_channel_credentials((pki / "ca.pem").read_bytes(),
                                                   key or None, certificate or None)
        # Channels of one process share connections unless they are told not to, and a connection
        # is one identity.
        self.channel = grpc.secure_channel(deployment.server, credentials, [
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.enable_retries", 0), ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 100)])
        self.tokens = token_service_pb2_grpc.TokenServiceStub(self.channel)
        self.signing = signing_service_pb2_grpc.SigningServiceStub(self.channel)
        self.keys = key_service_pb2_grpc.KeyServiceStub(self.channel)
        self.partners = partner_key_service_pb2_grpc.PartnerKeyServiceStub(self.channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(self.channel)

    def raw(self, method: str, body: bytes, timeout: float | None = SECONDS) -> bytes:
        """Sends bytes as they are: `method` is "TokenService/Tokenize"."""
        return self.channel.unary_unary(f"/keysvc.v1.{method}")(body, timeout=timeout)

    def export(self, first_index: int = 0) -> bytes:
        request = audit.ExportAuditRequest(first_index=first_index)
        return b"".join(part.lines for part in self.audit.ExportAudit(request, timeout=60))

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def new_id() -> str:
    """A request id that records have as it is: of letters, among which no card number can be."""
    return str(uuid.UUID("".join(secrets.choice("abcdef") for _ in range(32))))


def new_key(officer: Client, algorithm, purpose=keys.KEY_PURPOSE_SIGN) -> str:
    """The name of a key that the officer makes for it."""
    return officer.keys.CreateKey(keys.CreateKeyRequest(
        parent="tenants/acme", key_id=f"k{uuid.uuid4().hex[:10]}", purpose=purpose,
        algorithm=algorithm, cryptoperiod_days=365, request_id=str(uuid.uuid4())),
        timeout=60).key.name


class Refusal(NamedTuple):
    code: str
    reason: str
    field: str
    text: str  # everything that the error says, to search for what it must not say


def refusal(call) -> Refusal:
    """What a call is refused with; fails when it is not refused."""
    try:
        call()
    except grpc.RpcError as error:
        return refusal_of(error)
    raise AssertionError("the call was not refused")


def refusal_of(error: grpc.RpcError) -> Refusal:
    status = error_details_pb2.Status()
    trailers = error.trailing_metadata() or ()
    for name, value in trailers:
        if name == "grpc-status-details-bin":
            status.ParseFromString(value)
    reason = field = ""
    for detail in status.details:
        if detail.type_url == "type.googleapis.com/google.rpc.ErrorInfo":
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            assert info.domain == "keysvc", info.domain
            reason = info.reason
        elif detail.type_url == "type.googleapis.com/google.rpc.BadRequest":
            violations = error_details_pb2.BadRequest.FromString(detail.value).field_violations
            field = violations[0].field if violations else ""
    if status.details:
        assert status.code == error.code().value[0], (status.code, error.code())
    text = " ".join([error.details() or "", str(status), repr(list(trailers))])
    return Refusal(error.code().name, reason, field, text)
