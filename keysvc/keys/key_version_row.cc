#include "keysvc/keys/key_version_row.h"

#include <utility>

#include "absl/time/time.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kWrapContextFormat = 1;
constexpr std::uint8_t kMacFormat = 1;
constexpr std::uint8_t kMacFormatWithRecovery = 2;
constexpr std::uint8_t kMacFormatWithTokenFormat = 3;
constexpr std::uint8_t kMacFormatWithSigningTerms = 4;
constexpr std::uint8_t kMacFormatWithOrigin = 5;
constexpr std::uint8_t kMacFormatWithKid = 6;

// Of a row that announces a version. Whatever becomes of that raises it.
constexpr std::uint64_t kAnnounced = 1;

std::uint64_t Bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

absl::Status Changed() {
  return Error(Reason::kIntegrityFailure, "a stored key version is not what was written");
}

// Whether a row in pre-activation holds all that one of a version that was made has to hold. Of
// keys that the HSM alone has, its revision says so.
bool IsMade(const store::KeyVersionRow& row, const KeyParameters& parameters) {
  if (HasPublicHalf(parameters) && row.public_key.empty()) return false;
  if (parameters.protection == Protection::kEnvelope && row.wrapped.empty()) return false;
  return row.revision > kAnnounced;
}

absl::StatusOr<KeyRecord> FromRow(const store::KeyVersionRow& row) {
  const auto purpose = PurposeNamed(row.purpose);
  const auto algorithm = AlgorithmNamed(row.algorithm);
  const auto protection = ProtectionNamed(row.protection);
  const auto state = KeyStateNamed(row.state);
  const auto origin = OriginNamed(row.origin);
  if (!purpose || !algorithm || !protection || !state || !origin) return Changed();
  KeyRecord record;
  record.wrapped = row.wrapped;
  record.recovery = row.recovery;
  record.reserved_uses = row.reserved_uses;
  record.revision = row.revision;
  KeyVersion& version = record.version;
  version.name = {{row.tenant, row.key}, row.version};
  version.created = absl::FromUnixMillis(row.created_ms);
  version.originator_end = absl::FromUnixMillis(row.originator_end_ms);
  version.recipient_end = absl::FromUnixMillis(row.recipient_end_ms);
  version.parameters = {
      *purpose,         *algorithm, *protection,       version.originator_end - version.created,
      row.token_format, row.low_s,  row.max_signatures};
  version.state = *state;
  version.primary = row.primary;
  version.made = *state != KeyState::kPreActivation || IsMade(row, version.parameters);
  version.environment = row.environment;
  version.hsm_label = row.hsm_label;
  version.public_key = row.public_key;
  version.certificates = row.certificates;
  version.kid = row.kid;
  version.origin = *origin;
  version.made_by = row.made_by;
  return record;
}

}  // namespace

bool IsPrepared(const store::KeyVersionRow& row) {
  const auto record = FromRow(row);
  return record.ok() && IsPrepared(record->version);
}

store::KeyVersionRow RowOf(const KeyRecord& record) {
  const KeyVersion& version = record.version;
  return {.tenant = version.name.key.tenant,
          .key = version.name.key.key,
          .version = version.name.version,
          .purpose = std::string(NameOf(version.parameters.purpose)),
          .algorithm = std::string(NameOf(version.parameters.algorithm)),
          .protection = std::string(NameOf(version.parameters.protection)),
          .environment = version.environment,
          .created_ms = absl::ToUnixMillis(version.created),
          .originator_end_ms = absl::ToUnixMillis(version.originator_end),
          .recipient_end_ms = absl::ToUnixMillis(version.recipient_end),
          .hsm_label = version.hsm_label,
          .wrapped = record.wrapped,
          .public_key = version.public_key,
          .token_format = version.parameters.token_format,
          .low_s = version.parameters.low_s,
          .max_signatures = version.parameters.max_signatures,
          .origin = std::string(NameOf(version.origin)),
          .made_by = version.made_by,
          .recovery = record.recovery,
          .reserved_uses = record.reserved_uses,
          .certificates = version.certificates,
          .kid = version.kid,
          .state = std::string(NameOf(version.state)),
          .primary = version.primary,
          .revision = record.revision,
          .mac = {}};
}

std::string WrapContextOf(const KeyVersion& version) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc key")
      .U8(kWrapContextFormat)
      .Bytes(version.name.key.tenant)
      .Bytes(version.name.key.key)
      .U32(version.name.version)
      .Bytes(NameOf(version.parameters.purpose))
      .Bytes(NameOf(version.parameters.algorithm))
      .Bytes(version.environment)
      .Take();
}

std::string MacInputOf(const store::KeyVersionRow& row) {
  // Rows of older schemas lack the last columns. Which format a row is under follows from all of
  // it, so that emptying columns does not make a row of one format one of another.
  const bool sixth = !row.kid.empty();
  const bool fifth = sixth || row.origin != NameOf(Origin::kGenerated) || !row.made_by.empty();
  const bool fourth = fifth || row.low_s || row.max_signatures != 0 || !row.certificates.empty();
  const bool third = fourth || !row.token_format.empty();
  const bool first = !third && row.recovery.empty() && row.reserved_uses == 0;
  crypto::CanonicalWriter input;
  input.Bytes("keysvc key row")
      .U8(sixth    ? kMacFormatWithKid
          : fifth  ? kMacFormatWithOrigin
          : fourth ? kMacFormatWithSigningTerms
          : third  ? kMacFormatWithTokenFormat
          : first  ? kMacFormat
                   : kMacFormatWithRecovery)
      .Bytes(row.tenant)
      .Bytes(row.key)
      .U32(row.version)
      .Bytes(row.purpose)
      .Bytes(row.algorithm)
      .Bytes(row.protection)
      .Bytes(row.environment)
      .U64(Bits(row.created_ms))
      .U64(Bits(row.originator_end_ms))
      .U64(Bits(row.recipient_end_ms))
      .Bytes(row.hsm_label)
      .Bytes(row.wrapped)
      .Bytes(row.public_key)
      .Bytes(row.state)
      .U8(row.primary ? 1 : 0)
      .U64(row.revision);
  if (!first) input.Bytes(row.recovery).U64(row.reserved_uses);
  if (third) input.Bytes(row.token_format);
  if (fourth) input.U8(row.low_s ? 1 : 0).U64(row.max_signatures).Bytes(row.certificates);
  if (fifth) input.Bytes(row.origin).Bytes(row.made_by);
  if (sixth) input.Bytes(row.kid);
  return input.Take();
}

KeyVersionRows::KeyVersionRows(pkcs11::Hsm& hsm, std::string label) : mac_(hsm, std::move(label)) {}

absl::StatusOr<store::KeyVersionRow> KeyVersionRows::Seal(const KeyRecord& record) const {
  store::KeyVersionRow row = RowOf(record);
  ASSIGN_OR_RETURN(row.mac, mac_.Of(MacInputOf(row)));
  return row;
}

absl::StatusOr<KeyRecord> KeyVersionRows::Open(const store::KeyVersionRow& row) const {
  ASSIGN_OR_RETURN(const bool right, mac_.IsOf(MacInputOf(row), row.mac));
  if (!right) return Changed();
  return FromRow(row);
}

absl::StatusOr<KeyRecord> KeyVersionRows::ReadUnchecked(const store::KeyVersionRow& row) {
  return FromRow(row);
}

}  // namespace keysvc::keys
