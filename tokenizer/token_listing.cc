#include "tokenizer/token_listing.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint8_t kFormat = 1;

// What a page is bound to, so that it leads nowhere else.
std::string ContextOf(const Profile& profile, const TokenMetadata& filter,
                      const ListingQuery& query) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc token page")
      .U8(kFormat)
      .Bytes(profile.ResourceName())
      .Bytes(store::MetadataText(filter))
      .U8(query.state.has_value() ? static_cast<std::uint8_t>(*query.state) : 0)
      .Take();
}

// The handle that a page begins behind. Sealed: handles tell how many tokens there are, of all
// tenants.
absl::StatusOr<std::int64_t> StartOf(const std::string& page, std::string_view context,
                                     const AnswerKey& key) {
  if (page.empty()) return 0;
  const absl::StatusOr<crypto::SecretBytes> opened = key.Open(page, context);
  if (!opened.ok()) {
    return Error(Reason::kFieldInvalid, "the page token is not one of this list", "page_token");
  }
  crypto::CanonicalReader reader(crypto::AsText(opened->Expose(crypto::SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint64_t handle, reader.U64());
  RETURN_IF_ERROR(reader.Finish());
  return static_cast<std::int64_t>(handle);
}

// Whether a row that the store found for the filter is what was written, and has its values.
absl::Status CheckFound(const store::TokenRow& row, const TokenMetadata& values,
                        const Profile& profile, const TokenMetadata& filter,
                        const crypto::HmacSha256& row_mac) {
  RETURN_IF_ERROR(CheckRow(row, row_mac));
  const bool right =
      row.tenant == profile.tenant && row.profile == profile.number &&
      std::all_of(filter.begin(), filter.end(), [&](const store::MetadataValue& wanted) {
        return std::find(values.begin(), values.end(), wanted) != values.end();
      });
  if (right) return absl::OkStatus();
  return Error(Reason::kIntegrityFailure, "the index over metadata is not what was written");
}

absl::StatusOr<std::string> NameOf(const store::TokenRow& row, HeldKeys& keys) {
  ASSIGN_OR_RETURN(const std::uint32_t version, TokenKeyVersionOf(row));
  if (!row.digits.empty()) return TokenName{row.tenant, row.digits}.ToString();
  ASSIGN_OR_RETURN(const auto key, keys.Token(version));
  return TokenName{row.tenant,
                   EncodeOpaqueToken({row.handle, row.profile}, row.tenant, version, *key)}
      .ToString();
}

}  // namespace

absl::StatusOr<TokenPage> ListTokens(const CallServices& services, const policy::Permit& permit,
                                     const Profile& profile, const ListingQuery& query,
                                     audit::Entry& entry) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kListTokens, profile.ResourceName()));
  entry.profile = profile.ResourceName();
  ASSIGN_OR_RETURN(const TokenMetadata filter, CanonicalFilter(query.filter, profile.metadata));
  std::set<std::string> fields;
  for (const store::MetadataValue& value : filter) fields.insert(value.field);
  if (!fields.empty()) entry.details["filter"] = Listed(fields);
  if (query.state.has_value()) entry.details["state"] = NameOf(*query.state);

  ASSIGN_OR_RETURN(const RequestKeys request_keys, services.keys.RequestKeysOf(profile.tenant));
  const std::string context = ContextOf(profile, filter, query);
  ASSIGN_OR_RETURN(const std::int64_t after, StartOf(query.page, context, *request_keys.answer));
  std::optional<std::uint8_t> state;
  if (query.state.has_value()) state = static_cast<std::uint8_t>(*query.state);
  ASSIGN_OR_RETURN(store::TokenList list,
                   services.store.ListTokens(profile.tenant, profile.number, filter, state, after,
                                             std::max<std::size_t>(query.size, 1)));
  HeldKeys keys(profile, services.keys);
  TokenPage page;
  for (const store::TokenRow& row : list.rows) {
    ASSIGN_OR_RETURN(const auto row_mac, keys.RowMac());
    TokenMetadata values = store::MetadataOf(row.metadata);
    RETURN_IF_ERROR(CheckFound(row, values, profile, filter, *row_mac));
    ASSIGN_OR_RETURN(std::string name, NameOf(row, keys));
    page.tokens.push_back(
        {std::move(name), StateOf(row), absl::FromUnixMillis(row.created_ms), std::move(values)});
  }
  if (list.last.has_value()) {
    const std::string last =
        crypto::CanonicalWriter().U64(static_cast<std::uint64_t>(*list.last)).Take();
    ASSIGN_OR_RETURN(page.next, request_keys.answer->Seal(crypto::AsBytes(last), context));
  }
  entry.details["tokens"] = std::to_string(page.tokens.size());
  return page;
}

}  // namespace keysvc::tokenizer
