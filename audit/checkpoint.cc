#include "audit/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

using crypto::SignatureAlgorithm;

// C2SP signed-note: signature types, and what a line of the signature block begins with.
constexpr char kEd25519Type = 0x01;
constexpr char kEcdsaType = 0x02;
constexpr std::string_view kSignatureStart = "\xe2\x80\x94 ";
constexpr std::size_t kKeyIdSize = 4;
constexpr std::size_t kMaxSignatures = 100;

// DER of an Ed25519 SubjectPublicKeyInfo up to the 32 bytes of the point (RFC 8410).
constexpr std::string_view kEd25519SpkiStart("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
                                             12);
constexpr std::size_t kEd25519PointSize = 32;

absl::Status Invalid(std::string_view message) { return Error(Reason::kIntegrityFailure, message); }

// The key as it stands in a vkey: its type and the type's own encoding.
std::string TypedKey(std::string_view spki) {
  const bool ed25519 = spki.starts_with(kEd25519SpkiStart) &&
                       spki.size() == kEd25519SpkiStart.size() + kEd25519PointSize;
  std::string key(1, ed25519 ? kEd25519Type : kEcdsaType);
  key += ed25519 ? spki.substr(kEd25519SpkiStart.size()) : spki;
  return key;
}

std::string KeyId(std::string_view name, std::string_view typed_key) {
  const crypto::Sha256Digest hash = typed_key.front() == kEcdsaType
                                        ? crypto::Sha256(typed_key.substr(1))
                                        : crypto::Sha256({name, "\n", typed_key});
  return std::string(crypto::AsText(hash).substr(0, kKeyIdSize));
}

struct NoteVerifier {
  std::string name;
  std::string key_id;
  SignatureAlgorithm algorithm;
  std::unique_ptr<crypto::PublicKey> key;
};

absl::StatusOr<NoteVerifier> ParseVerifierKey(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == text.npos ? text.npos : text.find('+', first + 1);
  if (second == text.npos) return Invalid("the verifier key is not <name>+<id>+<key>");
  const std::string_view name = text.substr(0, first);
  const std::optional<std::string> typed = crypto::FromBase64(text.substr(second + 1));
  if (!IsLogName(name) || !typed.has_value() || typed->empty()) {
    return Invalid("the verifier key's name or key is malformed");
  }
  const std::string id = KeyId(name, *typed);
  if (absl::BytesToHexString(id) != text.substr(first + 1, second - first - 1)) {
    return Invalid("the verifier key's id does not fit its key");
  }
  const std::string_view bytes = std::string_view(*typed).substr(1);
  const bool ed25519 = typed->front() == kEd25519Type;
  if (!ed25519 && typed->front() != kEcdsaType) {
    return Invalid("the verifier key is of an unknown type");
  }
  auto key = ed25519 ? crypto::PublicKey::FromEd25519(bytes) : crypto::PublicKey::FromSpki(bytes);
  if (!key.ok()) return Invalid("the verifier key holds no usable key");
  return NoteVerifier{std::string(name), id,
                      ed25519 ? SignatureAlgorithm::kEd25519 : SignatureAlgorithm::kEcdsaP256Sha256,
                      *std::move(key)};
}

// Takes the text up to the next LF off the front of `rest`.
std::optional<std::string_view> TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == rest.npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

// Every signature by the known key must be right, and there must be one; others are passed over.
absl::Status CheckSignatures(std::string_view text, std::string_view block,
                             const NoteVerifier& verifier) {
  bool verified = false;
  for (std::size_t count = 0; !block.empty(); ++count) {
    const std::optional<std::string_view> line = TakeLine(block);
    if (!line.has_value() || !line->starts_with(kSignatureStart) || count == kMaxSignatures) {
      return Invalid("the checkpoint's signature block is malformed");
    }
    const std::string_view rest = line->substr(kSignatureStart.size());
    const std::size_t space = rest.find(' ');
    if (space == rest.npos || !IsLogName(rest.substr(0, space))) {
      return Invalid("a signature line of the checkpoint is malformed");
    }
    const std::optional<std::string> value = crypto::FromBase64(rest.substr(space + 1));
    if (!value.has_value() || value->size() <= kKeyIdSize) {
      return Invalid("a signature of the checkpoint is malformed");
    }
    if (rest.substr(0, space) != verifier.name || !value->starts_with(verifier.key_id)) continue;
    if (!verifier.key->Verify(verifier.algorithm, text,
                              std::string_view(*value).substr(kKeyIdSize))) {
      return Invalid("the checkpoint's signature is wrong");
    }
    verified = true;
  }
  if (!verified) return Invalid("the checkpoint has no signature by the expected key");
  return absl::OkStatus();
}

absl::StatusOr<Checkpoint> ParseText(std::string_view text) {
  const std::optional<std::string_view> origin = TakeLine(text);
  const std::optional<std::string_view> size = TakeLine(text);
  const std::optional<std::string_view> root = TakeLine(text);
  if (!origin.has_value() || !size.has_value() || !root.has_value() || !text.empty()) {
    return Invalid("the checkpoint does not have exactly three lines");
  }
  Checkpoint checkpoint;
  checkpoint.origin = *origin;
  const auto [end, error] =
      std::from_chars(size->data(), size->data() + size->size(), checkpoint.size);
  // Written again, so that a sign, leading zeros and trailing bytes are refused.
  if (error != std::errc() || std::to_string(checkpoint.size) != *size) {
    return Invalid("the checkpoint's size is malformed");
  }
  const std::optional<std::string> bytes = crypto::FromBase64(*root);
  if (!bytes.has_value() || bytes->size() != checkpoint.root.size()) {
    return Invalid("the checkpoint's root is malformed");
  }
  std::ranges::copy(crypto::AsBytes(*bytes), checkpoint.root.begin());
  return checkpoint;
}

}  // namespace

bool IsLogName(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '+'; });
}

std::string VerifierKey(std::string_view name, std::string_view spki) {
  const std::string key = TypedKey(spki);
  return std::string(name) + "+" + absl::BytesToHexString(KeyId(name, key)) + "+" +
         crypto::ToBase64(key);
}

std::string CheckpointText(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         crypto::ToBase64(crypto::AsText(checkpoint.root)) + "\n";
}

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, CheckpointSigner& signer) {
  const std::string text = CheckpointText(checkpoint);
  ASSIGN_OR_RETURN(const std::string signature, signer.Sign(text));
  const std::string id = KeyId(checkpoint.origin, TypedKey(signer.public_key()));
  std::string note = text + "\n" + std::string(kSignatureStart) + checkpoint.origin + " " +
                     crypto::ToBase64(id + signature) + "\n";
  // A signature made by failing hardware must not leave: it would break the log for every auditor.
  const absl::StatusOr<Checkpoint> opened =
      OpenCheckpoint(note, VerifierKey(checkpoint.origin, signer.public_key()));
  if (!opened.ok() || *opened != checkpoint) {
    return Error(Reason::kHsmFailure, "the signature over a checkpoint does not verify");
  }
  return note;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, std::string_view verifier_key) {
  ASSIGN_OR_RETURN(const NoteVerifier verifier, ParseVerifierKey(verifier_key));
  const std::size_t blank = note.find("\n\n");
  if (blank == note.npos) return Invalid("the checkpoint has no signature block");
  const std::string_view text = note.substr(0, blank + 1);
  RETURN_IF_ERROR(CheckSignatures(text, note.substr(blank + 2), verifier));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseText(text));
  if (checkpoint.origin != verifier.name) return Invalid("the checkpoint is of another log");
  return checkpoint;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, const LogKeys& keys) {
  auto opened = OpenCheckpoint(note, std::string_view(keys.current));
  for (const LogKeys::Earlier& earlier : keys.earlier) {
    if (opened.ok()) return opened;
    opened = OpenCheckpoint(note, std::string_view(earlier.key));
    if (opened.ok() && opened->size > earlier.restored_at) {
      return Invalid("a checkpoint by a lost key reaches beyond the restoration");
    }
  }
  return opened;
}

}  // namespace keysvc::audit
