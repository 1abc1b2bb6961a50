#include "keysvc/rpc/peer.h"

#include <algorithm>

namespace keysvc::rpc {
namespace {

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
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
  return shaped ? std::string(traceparent.substr(3, 32)) : std::string();
}

}  // namespace keysvc::rpc
