#include <sstream>
#include <string>

#include "audit/verifier.h"
#include "gtest/gtest.h"
#include "keysvc/v1/audit_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/edge_under_test.h"
#include "tests/unit/rpc/services_fixture.h"

namespace keysvc::testing {
namespace {

TEST_F(ServicesTest, ExportALogThatVerifies) {
  TokenFor(kPan);
  v1::GetCheckpointResponse before;
  {
    Deadline context;
    ASSERT_TRUE(log->GetCheckpoint(&context, v1::GetCheckpointRequest(), &before).ok());
  }
  std::string lines;
  ASSERT_TRUE(Export(0, &lines).ok());
  std::istringstream in(lines);
  const auto verified = audit::VerifyExport(in, before.verifier_key(), before.note());
  ASSERT_OK(verified);
  EXPECT_TRUE(verified->against_outside_checkpoint);
  EXPECT_NE(lines.find("TokenService.Tokenize"), std::string::npos);
  EXPECT_EQ(lines.find(kPan), std::string::npos);
  EXPECT_EQ(edge.Records("AuditService.ExportAudit").size(), 1U);
}

TEST_F(ServicesTest, RefuseAnExportFromBeyondTheEnd) {
  std::string lines;
  EXPECT_EQ(ReasonOnWire(Export(1'000'000, &lines)), "FIELD_INVALID");
  EXPECT_EQ(lines, "");
}

TEST_F(ServicesTest, EndAnExportWhoseReaderGoesAway) {
  v1::ExportAuditRequest request;
  {
    Deadline context;
    const auto reader = log->ExportAudit(&context, request);
    v1::ExportAuditResponse part;
    EXPECT_TRUE(reader->Read(&part));
    context.TryCancel();
  }
  std::string lines;
  EXPECT_TRUE(Export(0, &lines).ok());
}

}  // namespace
}  // namespace keysvc::testing
