#include "tokenizer/named_tokens.h"

#include "status/reason.h"

namespace keysvc::tokenizer {

void AddNames(const std::vector<absl::StatusOr<TokenName>>& names,
              crypto::CanonicalWriter& request) {
  for (const absl::StatusOr<TokenName>& name : names) {
    if (name.ok()) {
      request.U8(name->profile.empty() ? 1 : 2).Bytes(name->ToString());
      if (!name->profile.empty()) request.Bytes(name->profile);
    } else {
      request.U8(0);
      request.Bytes(InfoOf(ReasonOf(name.status()).value_or(Reason::kInternal)).name);
      request.Bytes(FieldOf(name.status()));
    }
  }
}

}  // namespace keysvc::tokenizer
