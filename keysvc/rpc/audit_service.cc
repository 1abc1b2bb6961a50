#include "keysvc/rpc/audit_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "audit/export.h"
#include "keysvc/rpc/access.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr char kLogResource[] = "auditLog";

}  // namespace

void AuditService::Register(MethodTable& methods, Lane& lane) {
  methods.AddStream<v1::ExportAuditRequest, v1::ExportAuditResponse>(
      "AuditService", "ExportAudit", lane,
      [this](auto& request, auto reply) { ExportAudit(request, std::move(reply)); });
  methods.AddUnary<v1::GetCheckpointRequest, v1::GetCheckpointResponse>(
      "AuditService", "GetCheckpoint", lane,
      [this](auto& request, auto reply) { GetCheckpoint(request, std::move(reply)); });
}

void AuditService::ExportAudit(v1::ExportAuditRequest& request,
                               StreamReply<v1::ExportAuditResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kExportAudit, kLogResource));
  ASSIGN_OR_REFUSE(reply, std::string note, journal_.CheckpointNow());
  ASSIGN_OR_REFUSE(reply, std::unique_ptr<audit::Exporter> exporter,
                   audit::Exporter::Create(store_, request.first_index(), std::move(note),
                                           journal_.verifier_key()));
  reply.record().details["first_index"] = absl::StrCat(request.first_index());
  reply.RecordAndStream(
      [exporter = std::move(exporter)]() -> absl::StatusOr<std::optional<v1::ExportAuditResponse>> {
        ASSIGN_OR_RETURN(std::optional<std::string> lines, exporter->Next());
        if (!lines.has_value()) return std::nullopt;
        v1::ExportAuditResponse message;
        message.set_lines(*std::move(lines));
        return message;
      });
}

void AuditService::GetCheckpoint(v1::GetCheckpointRequest& /*request*/,
                                 Reply<v1::GetCheckpointResponse> reply) {
  ASSIGN_OR_REFUSE(reply, const policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetCheckpoint, kLogResource));
  v1::GetCheckpointResponse message;
  message.set_note(journal_.LatestCheckpoint());
  message.set_verifier_key(journal_.verifier_key());
  reply.RecordAndSend(std::move(message));
}

}  // namespace keysvc::rpc
