#ifndef KEYSVC_KEYSVC_KEYS_OPEN_BANKING_HEADER_H_
#define KEYSVC_KEYSVC_KEYS_OPEN_BANKING_HEADER_H_

#include <string>

#include "absl/status/status.h"

namespace keysvc::keys {

// What UK Open Banking has in the header of a JWS besides the time (Read/Write Data API, message
// signing).
struct OpenBankingHeader {
  // Whose signature it is: "{organisation}/{software statement}" or a certificate's subject. 1 to
  // 256 of visible ASCII and space.
  std::string issuer;
  // The domain of the trust anchor that publishes the key, 1 to 253 of a-z 0-9 - .
  std::string trust_anchor;
};

// INVALID_ARGUMENT naming "open_banking.issuer" or "open_banking.trust_anchor": FIELD_REQUIRED
// where it is empty, FIELD_INVALID for another text than that and for one that may hide a card
// number (tokenizer/hidden_pan.h).
absl::Status CheckOpenBankingHeader(const OpenBankingHeader& header);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OPEN_BANKING_HEADER_H_
