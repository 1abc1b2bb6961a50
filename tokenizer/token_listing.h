#ifndef KEYSVC_TOKENIZER_TOKEN_LISTING_H_
#define KEYSVC_TOKENIZER_TOKEN_LISTING_H_

#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "policy/gate.h"
#include "tokenizer/call_services.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// What Tokenizer::List answers. How many tokens it is, and by which fields, is added to the entry;
// neither names nor values, which are erased with their tokens.
absl::StatusOr<TokenPage> ListTokens(const CallServices& services, const policy::Permit& permit,
                                     const Profile& profile, const ListingQuery& query,
                                     audit::Entry& entry);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_LISTING_H_
