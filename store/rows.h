// What is stored, as plain values. Everything secret in a row was sealed before it came here, and
// every column is under the row's AEAD (immutable columns, as associated data) or its MAC (mutable
// ones), unless it says otherwise.
#ifndef KEYSVC_STORE_ROWS_H_
#define KEYSVC_STORE_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keysvc::store {

struct TokenRow {
  std::int64_t handle = 0;  // from Store::AllocateHandles; never used twice
  std::string tenant;
  std::uint16_t profile = 0;  // the profile's number
  std::uint32_t index_version = 0;
  std::string pan_index;    // HMAC of the PAN under the index key; empty when the profile is not
                            // deterministic
  std::string digits = {};  // the token itself, of profiles whose tokens do not tell; else empty
  std::uint32_t data_version = 0;
  std::string sealed;  // card data, AES-256-GCM under the data key
  std::int64_t created_ms = 0;
  // Mutable:
  std::uint8_t state = 0;
  std::uint64_t revision = 0;
  std::optional<std::int64_t> ends_ms = std::nullopt;     // none: it does not end by itself
  std::optional<std::uint32_t> uses_left = std::nullopt;  // none: any number
  std::string metadata = {};                              // a MetadataText(); empty: it has none
  std::string mac;                                        // under the tenant's row-MAC key
  // Of the record that came with the row; none for rows of schema 1. Under neither: what it leads
  // to proves it.
  std::optional<std::uint64_t> leaf_index = std::nullopt;
};

// A part of a list of tokens.
struct TokenList {
  std::vector<TokenRow> rows = {};  // in the order of their handles
  // The handle that the next part begins behind; none: there is nothing more.
  std::optional<std::int64_t> last = std::nullopt;
};

struct KeyVersionRow {
  std::string tenant;
  std::string key;
  std::uint32_t version = 0;
  std::string purpose;
  std::string algorithm;
  std::string protection;  // "hsm", "envelope" or "shared"
  std::string environment;
  std::int64_t created_ms = 0;
  std::int64_t originator_end_ms = 0;  // end of the originator-usage period (SP 800-57)
  std::int64_t recipient_end_ms = 0;
  std::string hsm_label;             // protection "hsm" and "shared"
  std::string wrapped;               // protection "envelope"
  std::string public_key;            // DER SubjectPublicKeyInfo, key pairs only
  std::string token_format = {};     // of the tokens of its profile, where the key is bound to one
  bool low_s = false;                // of the ECDSA signatures that the key makes
  std::uint64_t max_signatures = 0;  // how many it makes at most; 0: any number
  std::string origin = "generated";  // "generated" or "imported"
  std::string made_by = {};          // the principal; empty in rows of schemas that do not say
  // Mutable:
  std::string recovery;             // the key, sealed to the recovery key; empty: it is not
  std::uint64_t reserved_uses = 0;  // how often the key may have been used
  std::string certificates = {};    // DER, the key's own and then its issuers'; empty: it has none
  std::string kid = {};  // what a directory calls its public half; empty: by its thumbprint
  std::string state;
  bool primary = false;
  std::uint64_t revision = 0;  // 1 for the first write of a row, +1 for each later one
  std::string mac;
};

// A partner's public key.
struct PartnerKeyRow {
  std::string tenant;
  std::string key;
  std::string purpose;
  std::string algorithm;
  std::string kid;  // what the partner calls it; empty where that is not known
  std::int64_t not_before_ms = 0;
  std::int64_t not_after_ms = 0;
  std::string public_key;  // DER SubjectPublicKeyInfo
  std::int64_t created_ms = 0;
  std::string registered_by;  // the principal
  // Mutable:
  std::string state;
  std::uint64_t revision = 0;  // 1 for the first write of a row, +1 for each later one
  std::string mac;
};

struct IdempotencyRow {
  std::string principal;
  std::string request_id;
  std::string fingerprint;  // keyed hash of the request
  std::string answer;       // sealed
  std::int64_t expires_ms = 0;
};

struct LeafRow {
  std::uint64_t index = 0;
  std::string header;
  std::string header_salt;
  std::string body;
  std::string body_salt;
  std::string leaf_hash;
};

struct CheckpointRow {
  std::uint64_t size = 0;
  std::string note;  // C2SP signed note
};

// The compact range of the Merkle tree: its size and the roots of its perfect subtrees, largest
// first.
struct FrontierRow {
  std::uint64_t size = 0;
  std::vector<std::string> hashes = {};
};

// One atomic change. Either everything in it is written or, on a conflict, nothing. Rows that
// conflict with each other are a conflict too.
struct Mutation {
  // Inserted (revision 1): conflict when (tenant, profile, index_version, pan_index) or (tenant,
  // profile, digits) is taken. Or changed (stored revision + 1): conflict when the stored revision
  // is another, or there is none, and when the first four are another row's; handle, tenant,
  // profile, digits, creation and leaf index stay. What another row of the same mutation gives up
  // is still taken.
  std::vector<TokenRow> tokens = {};
  // Inserted (revision 1) or replaced as a whole (stored revision + 1). Conflict when the stored
  // revision is another.
  std::vector<KeyVersionRow> keys = {};
  // Likewise.
  std::vector<PartnerKeyRow> partner_keys = {};
  // Inserted, over an expired one if need be. Conflict when the (principal, request_id) is there
  // and not expired.
  std::optional<IdempotencyRow> idempotency = {};

  // How many rows of tokens are new.
  std::size_t new_tokens() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(tokens, [](const TokenRow& row) { return row.revision == 1; }));
  }
  // How many rows it writes besides an answer that is kept.
  std::size_t rows() const { return tokens.size() + keys.size() + partner_keys.size(); }
  bool empty() const { return rows() == 0 && !idempotency.has_value(); }
};

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_ROWS_H_
