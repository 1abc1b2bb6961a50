#ifndef KEYSVC_KEYSVC_RPC_RECORDED_ID_H_
#define KEYSVC_KEYSVC_RPC_RECORDED_ID_H_

#include <string>
#include <string_view>

#include "crypto/mac.h"

namespace keysvc::rpc {

// What is recorded and stored of the ids that callers choose for their requests and traces. Half of
// the digits of such an id are decimal, so that a card number may stand in it, by chance in one of
// 330, or because somebody wrote it there. Thread-safe.
class RecordedIds {
 public:
  // `mac` is by a key for this alone, which stays the same for as long as records are compared and
  // answers kept. It outlives this object.
  explicit RecordedIds(const crypto::HmacSha256& mac) : mac_(mac) {}

  // `id`, a UUID or 32 hexadecimal digits, where no card number stands in it: 14 to 19 digits
  // of a known issuer, also with other digits before or behind them (tokenizer/hidden_pan.h).
  // Otherwise what stands for it, of the same form and of letters alone: of each id another one,
  // and always the same. Which id it was is found by nobody without the key, not even by trying
  // card numbers. Needs no locked memory.
  std::string Of(std::string_view id) const;

 private:
  const crypto::HmacSha256& mac_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_RECORDED_ID_H_
