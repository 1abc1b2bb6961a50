#ifndef KEYSVC_KEYSVC_RPC_CALL_H_
#define KEYSVC_KEYSVC_RPC_CALL_H_

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "grpc/support/time.h"
#include "grpcpp/generic/async_generic_service.h"
#include "keysvc/rpc/caller_identity.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/recorded_id.h"
#include "keysvc/rpc/refusal_counter.h"
#include "keysvc/rpc/trouble_log.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// What every call passes on its way in. All outlive the server.
struct Edge {
  const MethodTable& methods;
  CallerIdentity& identity;
  audit::Journal& journal;
  RefusalCounter& refusals;
  TroubleLog& troubles;
  const RecordedIds& recorded_ids;
};

// One call of any method, from its first byte to its last: identity, known method, deadline, body,
// admission to the method's lane, handler, answer. gRPC keeps it alive until it is finished, which
// only its one reply does, so a reply may hold a plain pointer.
class Call final : public grpc::ServerGenericBidiReactor {
 public:
  static Call* Begin(grpc::GenericCallbackServerContext& context, const Edge& edge);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  friend class AnyReply;
  using Source = absl::AnyInvocable<absl::StatusOr<std::optional<grpc::ByteBuffer>>()>;

  Call(grpc::GenericCallbackServerContext& context, const Edge& edge);

  absl::Status Admit();
  void Serve();
  // Whether nobody waits for the answer any more.
  bool Abandoned() const;
  // Answers without a record of its own, but counts it.
  void RefuseCounted(const absl::Status& why);

  void Send(grpc::ByteBuffer body);
  void Stream(Source source);
  void SendNext();
  void Refuse(const absl::Status& why);

  grpc::GenericCallbackServerContext& context_;
  const Edge& edge_;
  const std::string origin_;
  const gpr_timespec deadline_;  // of the clock that nobody sets: a step of the other ends no call
  policy::Caller caller_;
  audit::Entry record_;
  const Method* method_ = nullptr;
  grpc::ByteBuffer body_;
  Source source_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_CALL_H_
