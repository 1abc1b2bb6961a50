#include "keysvc/rpc/reply.h"

#include <string>

#include "keysvc/rpc/call.h"
#include "keysvc/rpc/rpc_status.h"
#include "policy/name.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

bool MeansNoRecord(Reason reason) {
  switch (reason) {
    case Reason::kAuditUnavailable:
    case Reason::kOutcomeUnknown:
    case Reason::kShuttingDown:
    case Reason::kOverloaded:
    case Reason::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace

AnyReply::~AnyReply() {
  if (call_ != nullptr) Unavailable(Error(Reason::kInternal, "the call was not answered"));
}

const policy::Caller& AnyReply::caller() const { return call_->caller_; }

audit::Entry& AnyReply::record() { return call_->record_; }

std::string AnyReply::RecordedId(std::string_view request_id) const {
  return policy::IsUuid(request_id) ? call_->edge_.recorded_ids.Of(request_id)
                                    : std::string(request_id);
}

void AnyReply::Note(const absl::Status& status) {
  call_->edge_.troubles.Note(call_->record_.action, status, call_->caller_.principal);
}

void AnyReply::Refuse(audit::Receipt /*receipt*/, absl::Status why) { Take()->Refuse(why); }

void AnyReply::Unavailable(absl::Status why) {
  Take()->RefuseCounted(MeansNoRecord(WireReason(why))
                            ? std::move(why)
                            : Error(Reason::kInternal, "the call was not recorded"));
}

void AnyReply::RecordAndRefuse(absl::Status why) {
  audit::Entry entry = record();
  entry.outcome = IsDenial(WireReason(why)) ? audit::Outcome::kDenied : audit::Outcome::kFailed;
  entry.reason = std::string(InfoOf(WireReason(why)).name);
  audit::Journal& journal = call_->edge_.journal;
  journal.Submit(std::move(entry), {},
                 [reply = std::move(*this),
                  why = std::move(why)](absl::StatusOr<audit::Receipt> receipt) mutable {
                   if (!receipt.ok()) return reply.Unavailable(receipt.status());
                   reply.Refuse(*std::move(receipt), std::move(why));
                 });
}

void AnyReply::Record(absl::AnyInvocable<void(AnyReply, audit::Receipt)> send) {
  audit::Entry entry = record();
  entry.outcome = audit::Outcome::kSuccess;
  audit::Journal& journal = call_->edge_.journal;
  journal.Submit(std::move(entry), {},
                 [reply = std::move(*this),
                  send = std::move(send)](absl::StatusOr<audit::Receipt> receipt) mutable {
                   if (!receipt.ok()) return reply.Unavailable(receipt.status());
                   send(std::move(reply), *std::move(receipt));
                 });
}

void AnyReply::SendBody(audit::Receipt /*receipt*/, grpc::ByteBuffer body) { Take()->Send(body); }

void AnyReply::SendStream(audit::Receipt /*receipt*/, Source source) {
  Take()->Stream(std::move(source));
}

}  // namespace keysvc::rpc
