#ifndef KEYSVC_KEYSVC_RPC_METHOD_TABLE_H_
#define KEYSVC_KEYSVC_RPC_METHOD_TABLE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/support/byte_buffer.h"
#include "keysvc/rpc/body.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/reply.h"
#include "status/abseil.h"

namespace keysvc::rpc {

// How one method is served: in which lane, and by what.
struct Method {
  std::string action;  // what records call it, "TokenService.Tokenize"
  Lane* lane;
  std::function<void(grpc::ByteBuffer& body, AnyReply reply)> serve;
};

// Every method of the service by its path. Filled once, before serving; then thread-safe.
class MethodTable {
 public:
  // Handlers run on `lane`'s threads and may block. A request id is given to them as it may be
  // recorded (keysvc/rpc/recorded_id.h). What they are given of the request is wiped when they
  // return. `service` and `method` are names of keysvc.v1.
  template <typename Request, typename Response>
  void AddUnary(std::string_view service, std::string_view method, Lane& lane,
                std::function<void(Request&, Reply<Response>)> handler) {
    Add<Request, Reply<Response>>(service, method, lane, std::move(handler));
  }
  template <typename Request, typename Response>
  void AddStream(std::string_view service, std::string_view method, Lane& lane,
                 std::function<void(Request&, StreamReply<Response>)> handler) {
    Add<Request, StreamReply<Response>>(service, method, lane, std::move(handler));
  }

  // By path, "/keysvc.v1.TokenService/Tokenize"; nullptr when there is none.
  const Method* Find(std::string_view path) const {
    const auto found = methods_.find(path);
    return found == methods_.end() ? nullptr : &found->second;
  }

 private:
  template <typename Request, typename TypedReply>
  void Add(std::string_view service, std::string_view method, Lane& lane,
           std::function<void(Request&, TypedReply)> handler) {
    auto serve = [handler = std::move(handler)](grpc::ByteBuffer& body, AnyReply reply) {
      Request request;
      const absl::Status parsed = ParseBody(body, request);
      if (parsed.ok()) {
        // Here, so that no handler can forget it.
        if constexpr (requires { request.set_request_id(std::string()); }) {
          request.set_request_id(reply.RecordedId(request.request_id()));
        }
        handler(request, TypedReply(std::move(reply)));
      } else {
        reply.RecordAndRefuse(parsed);
      }
      WipeSensitive(request);
    };
    methods_[absl::StrCat("/keysvc.v1.", ToAbsl(service), "/", ToAbsl(method))] =
        Method{absl::StrCat(ToAbsl(service), ".", ToAbsl(method)), &lane, std::move(serve)};
  }

  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_METHOD_TABLE_H_
