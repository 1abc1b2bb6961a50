#include "keysvc/rpc/call.h"

#include <string_view>
#include <utility>

#include "keysvc/rpc/peer.h"
#include "keysvc/rpc/rpc_status.h"
#include "status/macros.h"

namespace keysvc::rpc {

Call::Call(grpc::GenericCallbackServerContext& context, const Edge& edge)
    : context_(context),
      edge_(edge),
      origin_(HostOfPeer(context.peer())),
      deadline_(gpr_convert_clock_type(context.raw_deadline(), GPR_CLOCK_MONOTONIC)) {}

Call* Call::Begin(grpc::GenericCallbackServerContext& context, const Edge& edge) {
  auto* call = new Call(context, edge);
  absl::StatusOr<policy::Caller> caller =
      edge.identity.Identify(*context.auth_context(), call->origin_);
  if (!caller.ok()) {
    call->RefuseCounted(caller.status());
    return call;
  }
  call->caller_ = *std::move(caller);
  if (absl::Status admitted = call->Admit(); !admitted.ok()) {
    AnyReply(call).RecordAndRefuse(std::move(admitted));
    return call;
  }
  call->StartRead(&call->body_);
  return call;
}

absl::Status Call::Admit() {
  record_.actor = caller_.principal;
  record_.identity = caller_.identity;
  record_.origin = caller_.origin;
  const auto& metadata = context_.client_metadata();
  if (const auto parent = metadata.find("traceparent"); parent != metadata.end()) {
    const std::string trace = TraceIdOf({parent->second.data(), parent->second.size()});
    record_.trace_id = edge_.recorded_ids.Of(trace);
  }
  method_ = edge_.methods.Find(context_.method());
  // A path of no method is a caller's free text: it is not recorded.
  record_.action = method_ == nullptr ? "Edge.UnknownMethod" : method_->action;
  if (method_ == nullptr) return Error(Reason::kMethodUnknown, "there is no such method");
  if (gpr_time_cmp(deadline_, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) {
    return Error(Reason::kDeadlineRequired, "a deadline is required");
  }
  return absl::OkStatus();
}

void Call::OnReadDone(bool ok) {
  if (!ok) {
    AnyReply(this).RecordAndRefuse(
        Error(Reason::kMalformedRequest, "the request has no readable message"));
    return;
  }
  if (!method_->lane->Submit(caller_.principal, [this] { Serve(); })) {
    RefuseCounted(Error(Reason::kOverloaded, "too many calls are waiting"));
  }
}

void Call::Serve() {
  if (Abandoned()) {
    RefuseCounted(Error(Reason::kDeadlineExceeded, "the deadline passed before the call's turn"));
    return;
  }
  method_->serve(body_, AnyReply(this));
}

bool Call::Abandoned() const {
  return context_.IsCancelled() || gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), deadline_) >= 0;
}

void Call::RefuseCounted(const absl::Status& why) {
  edge_.refusals.Count(origin_, WireReason(why));
  Refuse(why);
}

void Call::Refuse(const absl::Status& why) {
  edge_.troubles.Note(record_.action, why, caller_.principal);
  if (WireReason(why) == Reason::kOverloaded) {
    context_.AddTrailingMetadata("grpc-retry-pushback-ms", "100");
  }
  Finish(ToWire(why));
}

void Call::Send(grpc::ByteBuffer body) {
  body_.Swap(&body);
  StartWriteAndFinish(&body_, grpc::WriteOptions(), grpc::Status::OK);
}

void Call::Stream(Source source) {
  source_ = std::move(source);
  SendNext();
}

void Call::OnWriteDone(bool ok) {
  if (!source_) return;
  if (!ok || Abandoned()) {
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away"));
    return;
  }
  SendNext();
}

void Call::SendNext() {
  const bool accepted = method_->lane->Submit(caller_.principal, [this] {
    absl::StatusOr<std::optional<grpc::ByteBuffer>> next = source_();
    if (!next.ok()) return Refuse(next.status());
    if (!next->has_value()) return Finish(grpc::Status::OK);
    body_ = **std::move(next);
    StartWrite(&body_);
  });
  if (!accepted) RefuseCounted(Error(Reason::kOverloaded, "too many calls are waiting"));
}

}  // namespace keysvc::rpc
