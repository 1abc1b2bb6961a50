#include "keysvc/keys/partner_key_row.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormat = 1;

absl::Status Changed() {
  return Error(Reason::kIntegrityFailure, "a stored partner key is not what was written");
}

void AddColumns(const store::PartnerKeyRow& row, crypto::CanonicalWriter& text) {
  const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  text.Bytes(row.tenant)
      .Bytes(row.key)
      .Bytes(row.purpose)
      .Bytes(row.algorithm)
      .Bytes(row.kid)
      .U64(bits(row.not_before_ms))
      .U64(bits(row.not_after_ms))
      .Bytes(row.public_key)
      .U64(bits(row.created_ms))
      .Bytes(row.registered_by)
      .Bytes(row.state)
      .U64(row.revision);
}

}  // namespace

PartnerKeyRows::PartnerKeyRows(pkcs11::Hsm& hsm, std::string label, std::string environment)
    : mac_(hsm, std::move(label)), environment_(std::move(environment)) {}

absl::StatusOr<store::PartnerKeyRow> PartnerKeyRows::Authenticate(const PartnerKey& key,
                                                                  std::uint64_t revision) const {
  const PartnerKeyTerms& terms = key.terms;
  store::PartnerKeyRow row{.tenant = key.name.tenant,
                           .key = key.name.key,
                           .purpose = std::string(NameOf(terms.purpose)),
                           .algorithm = std::string(NameOf(terms.algorithm)),
                           .kid = terms.kid,
                           .not_before_ms = absl::ToUnixMillis(terms.not_before),
                           .not_after_ms = absl::ToUnixMillis(terms.not_after),
                           .public_key = terms.public_key,
                           .created_ms = absl::ToUnixMillis(key.created),
                           .registered_by = key.registered_by,
                           .state = std::string(NameOf(key.state)),
                           .revision = revision,
                           .mac = {}};
  ASSIGN_OR_RETURN(row.mac, mac_.Of(MacInputOf(row)));
  return row;
}

absl::StatusOr<PartnerKey> PartnerKeyRows::Open(const store::PartnerKeyRow& row) const {
  ASSIGN_OR_RETURN(const bool right, mac_.IsOf(MacInputOf(row), row.mac));
  const auto purpose = PurposeNamed(row.purpose);
  const auto algorithm = AlgorithmNamed(row.algorithm);
  const auto state = PartnerKeyStateNamed(row.state);
  if (!right || !purpose || !algorithm || !state) return Changed();
  ASSIGN_OR_RETURN(auto half, ReadPublicHalf(row.public_key));
  return PartnerKey{.name = {row.tenant, row.key},
                    .terms = {.purpose = *purpose,
                              .algorithm = *algorithm,
                              .kid = row.kid,
                              .not_before = absl::FromUnixMillis(row.not_before_ms),
                              .not_after = absl::FromUnixMillis(row.not_after_ms),
                              .public_key = row.public_key},
                    .half = std::move(half),
                    .created = absl::FromUnixMillis(row.created_ms),
                    .registered_by = row.registered_by,
                    .state = *state};
}

absl::StatusOr<store::PartnerKeyRow> PartnerKeyRows::Reauthenticate(
    store::PartnerKeyRow row) const {
  ++row.revision;
  ASSIGN_OR_RETURN(row.mac, mac_.Of(MacInputOf(row)));
  return row;
}

std::string PartnerKeyRows::MacInputOf(const store::PartnerKeyRow& row) const {
  crypto::CanonicalWriter input;
  input.Bytes("keysvc partner key row").U8(kFormat).Bytes(environment_);
  AddColumns(row, input);
  return input.Take();
}

std::string PartnerKeyRowsDigest(const std::vector<store::PartnerKeyRow>& rows) {
  crypto::CanonicalWriter text;
  text.Bytes("keysvc partner key rows").U8(kFormat);
  for (const store::PartnerKeyRow& row : rows) AddColumns(row, text);
  return absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(text.Take()))));
}

}  // namespace keysvc::keys
