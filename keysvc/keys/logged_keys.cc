#include "keysvc/keys/logged_keys.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "audit/leaf.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/partner_key_row.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint64_t kLeavesAtOnce = 512;

// Records are canonical JSON, in which a member has one spelling and a quote inside a text is
// escaped, so that the members can be found as text.
constexpr std::string_view kHead = R"({"action":"Log.)";
struct Digested {
  std::string_view what;
  std::string_view change;  // how the header of a record begins that changes rows
  std::string_view digest;
  std::string_view before;
};
constexpr Digested kKeys{"keys", R"({"action":"KeyService.)", R"("keys":")", R"("keys_before":")"};
constexpr Digested kPartnerKeys{"partner keys", R"({"action":"PartnerKeyService.)",
                                R"("partner_keys":")", R"("partner_keys_before":")"};

std::string_view Member(std::string_view body, std::string_view member) {
  const std::size_t at = body.find(member);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + member.size());
  return body.substr(0, body.find('"'));
}

absl::StatusOr<std::optional<std::string>> LoggedDigest(store::Store& store, const Digested& of) {
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  std::optional<std::string> of_head;
  std::uint64_t floor = 0;  // what is below, the head speaks for
  std::uint64_t end = frontier.size;
  while (end > floor) {
    const std::uint64_t first = std::max(floor, end - std::min(end, kLeavesAtOnce));
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(first, static_cast<std::size_t>(end - first)));
    for (auto leaf = leaves.rbegin(); leaf != leaves.rend() && leaf->index >= floor; ++leaf) {
      const bool change = leaf->header.starts_with(of.change);
      if (!change && !(leaf->header.starts_with(kHead) && !of_head.has_value())) continue;
      const std::string digest(Member(leaf->body, of.digest));
      if (digest.empty()) continue;
      if (crypto::AsText(audit::HashOfLeaf(*leaf)) != leaf->leaf_hash) {
        return Error(Reason::kIntegrityFailure,
                     absl::StrCat("a record about ", ToAbsl(of.what), " is not what was written"));
      }
      const std::string_view before = Member(leaf->body, of.before);
      if (change || before.empty()) return digest;
      if (!absl::SimpleAtoi(ToAbsl(before), &floor)) {
        return Error(Reason::kIntegrityFailure, absl::StrCat("a head of the log speaks of ",
                                                             ToAbsl(of.what), " without a place"));
      }
      of_head = digest;
    }
    end = first;
  }
  return of_head;
}

}  // namespace

std::string KeyRowsDigest(const std::vector<store::KeyVersionRow>& stored,
                          const std::vector<store::KeyVersionRow>& changed) {
  std::map<KeyVersionName, const store::KeyVersionRow*> rows;
  for (const auto* part : {&stored, &changed}) {
    for (const store::KeyVersionRow& row : *part) {
      rows[{{row.tenant, row.key}, row.version}] = &row;
    }
  }
  crypto::CanonicalWriter text;
  text.Bytes("keysvc key rows").U8(1);
  for (const auto& [name, row] : rows) {
    text.Bytes(MacInputOf(*row));
  }
  return absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(text.Take()))));
}

absl::StatusOr<std::optional<std::string>> LoggedKeysDigest(store::Store& store) {
  return LoggedDigest(store, kKeys);
}

absl::Status CheckLoggedPartnerKeys(store::Store& store,
                                    const std::vector<store::PartnerKeyRow>& rows) {
  ASSIGN_OR_RETURN(const std::optional<std::string> logged, LoggedDigest(store, kPartnerKeys));
  // A log without a word of them is of a store without any.
  if (logged.value_or(PartnerKeyRowsDigest({})) == PartnerKeyRowsDigest(rows)) {
    return absl::OkStatus();
  }
  return Error(Reason::kIntegrityFailure,
               "the stored partner keys are not those that the log tells of");
}

}  // namespace keysvc::keys
