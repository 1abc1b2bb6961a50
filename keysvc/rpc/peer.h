#ifndef KEYSVC_KEYSVC_RPC_PEER_H_
#define KEYSVC_KEYSVC_RPC_PEER_H_

#include <string>
#include <string_view>

namespace keysvc::rpc {

// The host of gRPC's peer text ("ipv4:127.0.0.1:40322", "ipv6:%5B::1%5D:40322"), without the port,
// so that one source is one source. "unknown" for what is neither.
std::string HostOfPeer(std::string_view peer);

// The trace id of a W3C traceparent header, 32 lower-case hex digits; empty unless all of it is
// well-formed. A card number may stand in it (keysvc/rpc/recorded_id.h).
std::string TraceIdOf(std::string_view traceparent);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_PEER_H_
