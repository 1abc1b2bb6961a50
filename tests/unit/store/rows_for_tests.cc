#include "tests/unit/store/rows_for_tests.h"

#include <tuple>

#include "crypto/digest.h"
#include "crypto/secret_bytes.h"
#include "status/macros.h"

namespace keysvc::testing {

using store::FrontierRow;
using store::IdempotencyRow;
using store::KeyVersionRow;
using store::LeafRow;
using store::PartnerKeyRow;
using store::TokenRow;

namespace {
const std::string kBytes("\0\xff' bytes", 9);
}  // namespace

TokenRow TokenRowOf(std::int64_t handle, std::string pan_index) {
  return {.handle = handle,
          .tenant = "acme",
          .profile = 65535,
          .index_version = 4294967295,
          .pan_index = std::move(pan_index),
          .data_version = 7,
          .sealed = "sealed" + kBytes + std::to_string(handle),
          .created_ms = 1700000000123,
          .state = 1,
          .revision = 1,
          .ends_ms = 1700000000456,
          .uses_left = 4294967295,
          .metadata = {},
          .mac = "mac" + kBytes,
          .leaf_index = 17};
}

TokenRow DigitsRowOf(std::int64_t handle, std::string pan_index) {
  TokenRow row = TokenRowOf(handle, std::move(pan_index));
  row.digits = "digits" + std::to_string(handle);
  return row;
}

std::string PanIndexOf(std::int64_t handle) {
  return std::string(crypto::AsText(crypto::Sha256(std::to_string(handle))));
}

KeyVersionRow KeyRowOf(std::uint32_t version, std::uint64_t revision) {
  return {.tenant = "acme",
          .key = "cards",
          .version = version,
          .purpose = "data",
          .algorithm = "AES_256_GCM",
          .protection = "envelope",
          .environment = "development",
          .created_ms = 11,
          .originator_end_ms = 12,
          .recipient_end_ms = 13,
          .hsm_label = "label",
          .wrapped = "wrapped" + kBytes,
          .public_key = "der" + kBytes,
          .token_format = "format",
          .low_s = true,
          .max_signatures = 10,
          .origin = "imported",
          .made_by = "officer-1",
          .recovery = "recovery" + kBytes,
          .reserved_uses = 9,
          .certificates = "certificates" + kBytes,
          .kid = "kid",
          .state = "active",
          .primary = true,
          .revision = revision,
          .mac = "mac" + kBytes};
}

PartnerKeyRow PartnerKeyRowOf(std::string key, std::uint64_t revision) {
  return {.tenant = "acme",
          .key = std::move(key),
          .purpose = "jws",
          .algorithm = "EC-P256",
          .kid = "kid",
          .not_before_ms = 21,
          .not_after_ms = 22,
          .public_key = "der" + kBytes,
          .created_ms = 23,
          .registered_by = "officer-1",
          .state = "active",
          .revision = revision,
          .mac = "mac" + kBytes};
}

IdempotencyRow IdempotencyRowOf(std::string request_id, std::int64_t expires_ms) {
  return {.principal = "spiffe://example.org/checkout",
          .request_id = std::move(request_id),
          .fingerprint = "print" + kBytes,
          .answer = "answer" + kBytes,
          .expires_ms = expires_ms};
}

LeafRow LeafRowOf(std::uint64_t index) {
  const std::string number = std::to_string(index);
  return {.index = index,
          .header = "header" + number,
          .header_salt = "hs" + kBytes,
          .body = "body" + number,
          .body_salt = "bs" + kBytes,
          .leaf_hash = "hash" + number};
}

FrontierRow FrontierRowOf(std::uint64_t size) {
  return {.size = size, .hashes = {std::string(32, 'a'), std::string(32, '\0')}};
}

bool SameToken(const TokenRow& a, const TokenRow& b) {
  const auto all = [](const TokenRow& row) {
    return std::tie(row.handle, row.tenant, row.profile, row.index_version, row.pan_index,
                    row.digits, row.data_version, row.sealed, row.created_ms, row.state,
                    row.revision, row.ends_ms, row.uses_left, row.metadata, row.mac,
                    row.leaf_index);
  };
  return all(a) == all(b);
}

bool SameKey(const KeyVersionRow& a, const KeyVersionRow& b) {
  const auto all = [](const KeyVersionRow& row) {
    return std::tie(row.tenant, row.key, row.version, row.purpose, row.algorithm, row.protection,
                    row.environment, row.created_ms, row.originator_end_ms, row.recipient_end_ms,
                    row.hsm_label, row.wrapped, row.public_key, row.recovery, row.reserved_uses,
                    row.state, row.primary, row.revision, row.mac, row.token_format, row.low_s,
                    row.certificates, row.max_signatures, row.origin, row.made_by, row.kid);
  };
  return all(a) == all(b);
}

bool SamePartnerKey(const PartnerKeyRow& a, const PartnerKeyRow& b) {
  const auto all = [](const PartnerKeyRow& row) {
    return std::tie(row.tenant, row.key, row.purpose, row.algorithm, row.kid, row.not_before_ms,
                    row.not_after_ms, row.public_key, row.created_ms, row.registered_by, row.state,
                    row.revision, row.mac);
  };
  return all(a) == all(b);
}

bool SameIdempotency(const IdempotencyRow& a, const IdempotencyRow& b) {
  const auto all = [](const IdempotencyRow& row) {
    return std::tie(row.principal, row.request_id, row.fingerprint, row.answer, row.expires_ms);
  };
  return all(a) == all(b);
}

bool SameLeaf(const LeafRow& a, const LeafRow& b) {
  const auto all = [](const LeafRow& row) {
    return std::tie(row.index, row.header, row.header_salt, row.body, row.body_salt, row.leaf_hash);
  };
  return all(a) == all(b);
}

crypto::SecretKey<32> KeyOf(std::uint8_t byte) {
  return crypto::SecretKey<32>::From(
             crypto::SecretBytes::CopyOf(crypto::AsBytes(std::string(32, static_cast<char>(byte)))))
      .value();
}

store::SqlcipherOptions OptionsAt(std::string path) {
  return {.path = std::move(path),
          .deployment = "shop",
          .environment = "development",
          .readers = 2,
          .cache_mib = 4};
}

absl::StatusOr<store::WriteTransaction::Applied> ApplyAndCommit(store::Store& store,
                                                                const store::Mutation& mutation,
                                                                std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const auto transaction, store.Begin());
  ASSIGN_OR_RETURN(const auto applied, transaction->Apply(mutation, now_ms));
  RETURN_IF_ERROR(transaction->Commit());
  return applied;
}

}  // namespace keysvc::testing
