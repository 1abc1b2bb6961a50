#include "keysvc/cli/retention_command.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/timestamp.h"
#include "keysvc/v1/token_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

std::int64_t Count(std::uint64_t value) { return static_cast<std::int64_t>(value); }

void ShowProgress(const v1::GetRetentionReportResponse& response) {
  if (isatty(STDERR_FILENO) == 0) return;
  if (response.has_report()) {
    std::fputs("\r\033[K", stderr);
  } else {
    std::fprintf(stderr, "\r%llu tokens read",
                 static_cast<unsigned long long>(response.rows_read()));
  }
}

absl::StatusOr<v1::RetentionReport> Fetch(const Connection& connection, const std::string& tenant) {
  v1::GetRetentionReportRequest request;
  request.set_parent(tenant);
  const auto stub = v1::TokenService::NewStub(connection.channel());
  const auto context = connection.Call(absl::Minutes(10));
  const auto reader = stub->GetRetentionReport(context.get(), request);
  v1::GetRetentionReportResponse response;
  while (reader->Read(&response)) ShowProgress(response);
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromWire(status);
  // Zeros that nobody counted would pass for a vault that keeps nothing.
  if (!response.has_report()) return absl::InternalError("the service ended without a report");
  return response.report();
}

Fields FieldsOf(const v1::ProfileRetention& kept) {
  return {{"profile", kept.profile().empty()
                          ? absl::StrCat("number ", kept.number(), ", not declared any more")
                          : kept.profile()},
          {"active", Count(kept.active())},
          {"suspended", Count(kept.suspended())},
          {"past_end", Count(kept.suspended_past_end())},
          {"ended", Count(kept.ended())},
          {"overdue", Count(kept.overdue())},
          {"without_end", Count(kept.without_end())},
          {"oldest_card",
           kept.has_oldest_card_time() ? Rfc3339(kept.oldest_card_time()) : std::string()},
          {"last_end", kept.has_last_end_time() ? Rfc3339(kept.last_end_time()) : std::string()},
          {"deleted", Count(kept.deleted())}};
}

}  // namespace

ExitCode ReportRetention(const Connection& connection, const std::string& tenant, Output& output) {
  const absl::StatusOr<v1::RetentionReport> report = Fetch(connection, tenant);
  if (!report.ok()) return Report(report.status());
  std::vector<Fields> rows;
  bool overdue = false;
  for (const v1::ProfileRetention& kept : report->profiles()) {
    rows.push_back(FieldsOf(kept));
    overdue |= kept.overdue() > 0;
  }
  output.ShowAll(rows);
  return overdue ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace keysvc::cli
