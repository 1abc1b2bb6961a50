#ifndef KEYSVC_TESTS_UNIT_STORE_ROWS_FOR_TESTS_H_
#define KEYSVC_TESTS_UNIT_STORE_ROWS_FOR_TESTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "crypto/secret_key.h"
#include "store/rows.h"
#include "store/sqlcipher_store.h"
#include "store/store.h"

namespace keysvc::testing {

// Rows in which every column holds a value of its own, with bytes that are no text. Of tokens as
// most are, which have no digits, or of those that have.
store::TokenRow TokenRowOf(std::int64_t handle, std::string pan_index);
store::TokenRow DigitsRowOf(std::int64_t handle, std::string pan_index);
// A pan_index of the usual length that belongs to one handle.
std::string PanIndexOf(std::int64_t handle);
store::KeyVersionRow KeyRowOf(std::uint32_t version, std::uint64_t revision);
store::PartnerKeyRow PartnerKeyRowOf(std::string key, std::uint64_t revision);
store::IdempotencyRow IdempotencyRowOf(std::string request_id, std::int64_t expires_ms);
store::LeafRow LeafRowOf(std::uint64_t index);
store::FrontierRow FrontierRowOf(std::uint64_t size);

bool SameToken(const store::TokenRow& a, const store::TokenRow& b);
bool SameKey(const store::KeyVersionRow& a, const store::KeyVersionRow& b);
bool SamePartnerKey(const store::PartnerKeyRow& a, const store::PartnerKeyRow& b);
bool SameIdempotency(const store::IdempotencyRow& a, const store::IdempotencyRow& b);
bool SameLeaf(const store::LeafRow& a, const store::LeafRow& b);

// A key of 32 equal bytes.
crypto::SecretKey<32> KeyOf(std::uint8_t byte);

store::SqlcipherOptions OptionsAt(std::string path);

// Applies in a transaction of its own.
absl::StatusOr<store::WriteTransaction::Applied> ApplyAndCommit(store::Store& store,
                                                                const store::Mutation& mutation,
                                                                std::int64_t now_ms = 0);

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_STORE_ROWS_FOR_TESTS_H_
