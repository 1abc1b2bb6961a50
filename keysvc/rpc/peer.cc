#include "keysvc/rpc/peer.h"

#include <algorithm>

#include "crypto/bytes.h"
#include "tokenizer/pan.h"

namespace keysvc::rpc {
namespace {

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Whether any of the digits in a row may be a card number.
bool HoldsCardNumber(std::string_view digits) {
  constexpr std::size_t kShortest = 12;
  constexpr std::size_t kLongest = 19;
  for (; digits.size() >= kShortest; digits.remove_prefix(1)) {
    for (std::size_t length = kShortest; length <= std::min(kLongest, digits.size()); ++length) {
      if (tokenizer::Pan::Parse(crypto::AsBytes(digits.substr(0, length))).ok()) return true;
    }
  }
  return false;
}

// Whether a card number stands in the text, also with other digits before or behind it. Of random
// trace ids that is one in a hundred.
bool MayHoldCardNumber(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
    if (HoldsCardNumber(text.substr(0, length))) return true;
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return false;
}

}  // namespace

std::string HostOfPeer(std::string_view peer) {
  if (!peer.starts_with("ipv4:") && !peer.starts_with("ipv6:")) return "unknown";
  const bool v6 = peer.starts_with("ipv6:");
  peer.remove_prefix(5);
  peer = peer.substr(0, peer.rfind(':'));
  if (!v6) return std::string(peer);
  for (const std::string_view bracket : {"%5B", "["}) {
    if (peer.starts_with(bracket)) peer.remove_prefix(bracket.size());
  }
  for (const std::string_view bracket : {"%5D", "]"}) {
    if (peer.ends_with(bracket)) peer.remove_suffix(bracket.size());
  }
  return std::string(peer);
}

std::string TraceIdOf(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags, version 00 (W3C Trace Context 3.2)
  const bool shaped =
      traceparent.size() == 55 && traceparent.starts_with("00-") && traceparent[35] == '-' &&
      traceparent[52] == '-' && IsLowerHex(traceparent.substr(3, 32)) &&
      IsLowerHex(traceparent.substr(36, 16)) && IsLowerHex(traceparent.substr(53, 2));
  const std::string_view trace = shaped ? traceparent.substr(3, 32) : std::string_view();
  return MayHoldCardNumber(trace) ? std::string() : std::string(trace);
}

}  // namespace keysvc::rpc
