#include "crypto/recovery_share.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/secret_file.h"
#include "crypto/secret_sharing.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN KEYSVC RECOVERY SHARE-----\n";
constexpr std::string_view kEnd = "-----END KEYSVC RECOVERY SHARE-----\n";
constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFewestNeeded = 2;
constexpr std::size_t kDigestSize = sizeof(Sha256Digest);
constexpr std::size_t kBytesPerLine = 48;  // 64 characters
constexpr std::size_t kLongestText = std::size_t{16} * 1024;

absl::Status Invalid(std::string_view what) { return Error(Reason::kRecoveryShareInvalid, what); }
absl::Status Mismatch(std::string_view what) {
  return Error(Reason::kRecoverySharesMismatch, what);
}

// For people; what counts stands in the lines of base64 as well.
std::string HeadingOf(const RecoverySharing& of, std::uint8_t number) {
  return absl::StrCat(ToAbsl(kBegin), "Deployment: ", of.deployment,
                      "\nEnvironment: ", of.environment,
                      "\nRecovery-Key: ", absl::BytesToHexString(of.key_id), "\nShare: ", number,
                      " of ", of.shares, ", ", of.threshold, " needed\n\n");
}

// A span that is written from its start.
class Filler {
 public:
  explicit Filler(std::span<std::uint8_t> out) : out_(out) {}
  void Put(ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), out_.begin());
    Skip(bytes.size());
  }
  void Put(std::string_view text) { Put(AsBytes(text)); }
  void Skip(std::size_t count) { out_ = out_.subspan(count); }
  std::uint8_t* at() { return out_.data(); }

 private:
  std::span<std::uint8_t> out_;
};

// The payload with its checksum.
absl::StatusOr<SecretBytes> PayloadOf(const RecoveryShare& share) {
  const ByteView secret = share.secret.Expose(SecretAccess::kGranted);
  const std::string start = CanonicalWriter()
                                .U8(kFormat)
                                .Bytes(share.of.deployment)
                                .Bytes(share.of.environment)
                                .Bytes(share.of.key_id)
                                .U8(share.of.threshold)
                                .U8(share.of.shares)
                                .U8(share.number)
                                .U32(static_cast<std::uint32_t>(secret.size()))
                                .Take();
  ASSIGN_OR_RETURN(SecretBytes payload,
                   SecretBytes::Create(start.size() + secret.size() + kDigestSize));
  Filler filler(payload.ExposeMutable(SecretAccess::kGranted));
  filler.Put(start);
  filler.Put(secret);
  filler.Put(Sha256({start, AsText(secret)}));
  return payload;
}

absl::StatusOr<RecoveryShare> ReadPayload(const SecretBytes& payload) {
  const ByteView bytes = payload.Expose(SecretAccess::kGranted);
  if (bytes.size() <= kDigestSize) return Invalid("the share is damaged");
  const std::string_view body = AsText(bytes.first(bytes.size() - kDigestSize));
  if (AsText(Sha256(body)) != AsText(bytes.last(kDigestSize))) {
    return Invalid("the share is damaged: its checksum is wrong");
  }
  CanonicalReader reader(body);
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return Invalid("the share was written by a newer keysvc");
  RecoveryShare share;
  ASSIGN_OR_RETURN(share.of.deployment, reader.Bytes());
  ASSIGN_OR_RETURN(share.of.environment, reader.Bytes());
  ASSIGN_OR_RETURN(share.of.key_id, reader.Bytes());
  ASSIGN_OR_RETURN(share.of.threshold, reader.U8());
  ASSIGN_OR_RETURN(share.of.shares, reader.U8());
  ASSIGN_OR_RETURN(share.number, reader.U8());
  ASSIGN_OR_RETURN(const std::string_view secret, reader.Bytes());
  RETURN_IF_ERROR(reader.Finish());
  ASSIGN_OR_RETURN(share.secret, SecretBytes::CopyOf(AsBytes(secret)));
  return share;
}

// The checksum is no secret's: whoever changed a share could make it again. So the parts have to
// agree as well.
absl::Status CheckConsistent(const RecoveryShare& share) {
  const bool possible =
      CheckRecoverySharing(share.of).ok() && share.number >= 1 && share.number <= share.of.shares;
  if (!possible) return Invalid("the share names an impossible number of shares");
  ASSIGN_OR_RETURN(const ShareHeader header, ReadShareHeader(share.secret));
  const std::string_view identifier =
      std::string_view(share.of.key_id).substr(0, kSharingIdentifierSize);
  if (share.of.key_id.size() != kDigestSize || header.identifier != identifier ||
      header.threshold != share.of.threshold || header.number != share.number) {
    return Invalid("the share contradicts itself");
  }
  return absl::OkStatus();
}

// The text with line ends of one kind and nothing after the last.
absl::StatusOr<SecretBytes> Normalized(const SecretBytes& text) {
  ASSIGN_OR_RETURN(SecretBytes result, SecretBytes::Create(text.size() + 1));
  const std::span<std::uint8_t> out = result.ExposeMutable(SecretAccess::kGranted);
  std::size_t size = 0;
  std::size_t end = 0;  // after the last character that is no blank
  for (const std::uint8_t c : text.Expose(SecretAccess::kGranted)) {
    if (c == '\r') continue;
    out[size++] = c;
    if (c != '\n' && c != ' ') end = size;
  }
  out[end++] = '\n';
  result.Truncate(end);
  return result;
}

absl::StatusOr<SecretBytes> DecodeLines(std::string_view lines) {
  ASSIGN_OR_RETURN(SecretBytes packed, SecretBytes::Create(lines.size() + 1));
  const std::span<std::uint8_t> text = packed.ExposeMutable(SecretAccess::kGranted);
  const auto end =
      std::copy_if(lines.begin(), lines.end(), text.begin(), [](char c) { return c != '\n'; });
  const auto size = static_cast<std::size_t>(end - text.begin());
  ASSIGN_OR_RETURN(SecretBytes bytes, SecretBytes::Create(size + 1));
  const int decoded = EVP_DecodeBlock(bytes.ExposeMutable(SecretAccess::kGranted).data(),
                                      text.data(), static_cast<int>(size));
  if (size == 0 || decoded <= 0) return Invalid("the share is damaged");
  // Padding counts as zero bytes here.
  const auto padding = std::count(text.begin(), end, '=');
  if (padding > 2) return Invalid("the share is damaged");
  bytes.Truncate(static_cast<std::size_t>(decoded) - static_cast<std::size_t>(padding));
  return bytes;
}

}  // namespace

absl::Status CheckRecoverySharing(const RecoverySharing& sharing) {
  const auto invalid = [](std::string_view what) { return Error(Reason::kFieldInvalid, what); };
  if (sharing.shares > kMostRecoveryShares) return invalid("there are at most 16 shares");
  if (sharing.threshold < kFewestNeeded || sharing.threshold > sharing.shares) {
    return invalid("at least 2 shares are needed, and no more than there are");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RecoveryShare>> SplitRecoveryKey(const RecoveryKey& key,
                                                            RecoverySharing sharing) {
  RETURN_IF_ERROR(CheckRecoverySharing(sharing));
  sharing.key_id = key.key_id();
  ASSIGN_OR_RETURN(const SecretBytes private_half, key.PrivateHalf());
  ASSIGN_OR_RETURN(std::vector<SecretBytes> secrets,
                   SplitSecret(private_half, sharing.threshold, sharing.shares,
                               std::string_view(sharing.key_id).substr(0, kSharingIdentifierSize)));
  std::vector<RecoveryShare> shares;
  shares.reserve(secrets.size());
  for (SecretBytes& secret : secrets) {
    shares.push_back({sharing, static_cast<std::uint8_t>(shares.size() + 1), std::move(secret)});
  }
  return shares;
}

absl::StatusOr<SecretBytes> WriteRecoveryShare(const RecoveryShare& share) {
  ASSIGN_OR_RETURN(const SecretBytes payload, PayloadOf(share));
  const std::string heading = HeadingOf(share.of, share.number);
  const std::size_t lines = (payload.size() + kBytesPerLine - 1) / kBytesPerLine;
  const std::size_t characters = (payload.size() + 2) / 3 * 4 + lines;
  // One more: the encoder ends what it writes with a zero.
  ASSIGN_OR_RETURN(SecretBytes text,
                   SecretBytes::Create(heading.size() + characters + kEnd.size() + 1));
  Filler filler(text.ExposeMutable(SecretAccess::kGranted));
  filler.Put(heading);
  ByteView rest = payload.Expose(SecretAccess::kGranted);
  while (!rest.empty()) {
    const ByteView line = rest.first(std::min(kBytesPerLine, rest.size()));
    const int written = EVP_EncodeBlock(filler.at(), line.data(), static_cast<int>(line.size()));
    filler.Skip(static_cast<std::size_t>(written));
    filler.Put("\n");
    rest = rest.subspan(line.size());
  }
  filler.Put(kEnd);
  text.Truncate(text.size() - 1);
  return text;
}

absl::StatusOr<RecoveryShare> ReadRecoveryShare(const SecretBytes& text) {
  if (text.size() > kLongestText) return Invalid("this is no recovery share");
  ASSIGN_OR_RETURN(const SecretBytes normalized, Normalized(text));
  const std::string_view view = AsText(normalized.Expose(SecretAccess::kGranted));
  if (!view.starts_with(kBegin)) return Invalid("this is no recovery share");
  const std::size_t end = view.find(kEnd);
  if (end == view.npos) return Invalid("the share is truncated: its last line is missing");
  const std::size_t blank_line = view.find("\n\n");
  if (blank_line == view.npos || blank_line + 2 > end) return Invalid("the share is damaged");
  ASSIGN_OR_RETURN(const SecretBytes payload,
                   DecodeLines(view.substr(blank_line + 2, end - blank_line - 2)));
  ASSIGN_OR_RETURN(RecoveryShare share, ReadPayload(payload));
  RETURN_IF_ERROR(CheckConsistent(share));
  // One share has one spelling, so that the heading says what the payload says.
  ASSIGN_OR_RETURN(const SecretBytes expected, WriteRecoveryShare(share));
  if (!(expected == normalized)) return Invalid("the share's heading or layout was changed");
  return share;
}

absl::StatusOr<RecoveryShare> ReadRecoveryShareFile(const std::string& path) {
  ASSIGN_OR_RETURN(const SecretBytes text, ReadSecretFile(path, kLongestText));
  auto share = ReadRecoveryShare(text);
  if (share.ok()) return share;
  return Error(ReasonOf(share.status()).value_or(Reason::kInternal),
               path + ": " + std::string(share.status().message()));
}

absl::StatusOr<std::unique_ptr<RecoveryKey>> CombineRecoveryShares(
    std::span<const RecoveryShare> shares) {
  if (shares.empty()) return Error(Reason::kRecoverySharesTooFew, "no share was given");
  const RecoverySharing& of = shares.front().of;
  std::vector<const SecretBytes*> secrets;
  for (const RecoveryShare& share : shares) {
    if (share.of.deployment != of.deployment || share.of.environment != of.environment) {
      return Mismatch("the shares are of different deployments or environments");
    }
    if (share.of.key_id != of.key_id) return Mismatch("the shares are of different recovery keys");
    if (share.of != of) return Mismatch("the shares disagree on how many there are or are needed");
    const auto same = [&share](const RecoveryShare& other) {
      return &other != &share && other.number == share.number;
    };
    if (std::any_of(shares.begin(), shares.end(), same)) {
      return Mismatch(absl::StrCat("share ", share.number, " was given twice"));
    }
    secrets.push_back(&share.secret);
  }
  if (shares.size() < of.threshold) {
    return Error(Reason::kRecoverySharesTooFew,
                 absl::StrCat(of.threshold, " shares are needed, ", shares.size(), " were given"));
  }
  ASSIGN_OR_RETURN(const SecretBytes private_half, CombineSecret(secrets));
  ASSIGN_OR_RETURN(std::unique_ptr<RecoveryKey> key, RecoveryKey::FromPrivateHalf(private_half));
  if (key->key_id() != of.key_id) {
    return Invalid("the shares do not give the key that they name: at least one was changed");
  }
  return key;
}

}  // namespace keysvc::crypto
