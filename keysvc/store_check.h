#ifndef KEYSVC_KEYSVC_STORE_CHECK_H_
#define KEYSVC_KEYSVC_STORE_CHECK_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/partner_keys.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/stored_tokens.h"

namespace keysvc {

enum class CheckDepth { kSample, kEveryRow };

// Compares keys, tokens and log before anything is served (docs/integrity.md), says on `say` what
// was looked at, and records it as Store.Checked, or as a failure. Returns what it found of tokens.
// DATA_LOSS/INTEGRITY_FAILURE when they disagree. Nobody may write meanwhile.
absl::StatusOr<tokenizer::StoredTokens> CheckStore(
    store::Store& store, audit::Journal& journal, keys::KeyRegistry& registry,
    const tokenizer::Profiles& profiles, tokenizer::KeySource& keys, CheckDepth depth,
    const std::function<void(const std::string&)>& say);

// Whether a profile is gone of whose tokens nothing is kept (tokenizer::LookForComputed), recorded
// as a failed Store.Checked. Before keys are made for profiles.
absl::Status CheckFormerProfiles(audit::Journal& journal, const keys::KeyRegistry& registry,
                                 const tokenizer::Profiles& profiles);

// What a head of the log says of a store that was found sound with these tokens.
std::map<std::string, std::string> StoreFacts(keys::KeyRegistry& registry,
                                              keys::PartnerKeys& partner_keys,
                                              const audit::Journal& journal,
                                              const tokenizer::StoredTokens& tokens);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_STORE_CHECK_H_
