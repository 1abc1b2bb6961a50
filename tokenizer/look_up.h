#ifndef KEYSVC_TOKENIZER_LOOK_UP_H_
#define KEYSVC_TOKENIZER_LOOK_UP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "policy/gate.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// What Tokenizer::LookUp answers; what became of each card is added to the entry.
absl::StatusOr<std::vector<absl::StatusOr<KnownToken>>> LookUpCards(
    const CallServices& services, const policy::Permit& permit, const Profile& profile,
    const std::vector<absl::StatusOr<CardData>>& cards, audit::Entry& entry);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_LOOK_UP_H_
