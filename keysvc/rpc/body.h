// The bodies of calls: bytes to messages and back. gRPC hands bodies over raw, so that a malformed
// one is refused and recorded like everything else instead of never reaching us.
#ifndef KEYSVC_KEYSVC_RPC_BODY_H_
#define KEYSVC_KEYSVC_RPC_BODY_H_

#include <cstddef>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"

namespace keysvc::rpc {

// The largest request, in bytes. gRPC's own limit is four times as high, so that what lies between
// gets an answer of ours.
inline constexpr std::size_t kBodyLimit = std::size_t{256} * 1024;

// Parses `body`, then wipes and empties it. Errors: MESSAGE_TOO_LARGE, MALFORMED_REQUEST (not of
// the type, or text that is not UTF-8), UNKNOWN_FIELD naming the message that holds it.
absl::Status ParseBody(grpc::ByteBuffer& body, google::protobuf::Message& message);

// The bytes of `message`, in memory that is wiped once they are sent.
grpc::ByteBuffer WriteBody(const google::protobuf::Message& message);

// Overwrites every field marked (keysvc.v1.sensitive), also in nested messages.
void WipeSensitive(google::protobuf::Message& message);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_BODY_H_
