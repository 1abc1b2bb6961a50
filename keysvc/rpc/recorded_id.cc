#include "keysvc/rpc/recorded_id.h"

#include <cstddef>

#include "crypto/digest.h"
#include "tokenizer/hidden_pan.h"

namespace keysvc::rpc {

std::string RecordedIds::Of(std::string_view id) const {
  std::string recorded(id);
  if (!tokenizer::MayHidePan(id, tokenizer::kShortestPanInId)) return recorded;
  constexpr std::string_view kLetters = "abcdef";
  const crypto::Sha256Digest digest = mac_.Compute(id);
  std::size_t next = 0;
  for (char& c : recorded) {
    if (c != '-') c = kLetters[digest[next++ % digest.size()] % kLetters.size()];
  }
  return recorded;
}

}  // namespace keysvc::rpc
