// Who counts as a caller, over real TLS with real certificates.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "keysvc/v1/token_service.pb.h"
#include "policy/policy.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/rpc/edge_under_test.h"

namespace keysvc::testing {
namespace {

constexpr char kPing[] = "/keysvc.v1.TestService/Ping";

class CallerIdentityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    edge.methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>(
        "TestService", "Ping", *edge.lane,
        [](auto& /*request*/, auto reply) { reply.RecordAndSend(v1::GetTokenResponse()); });
    edge.Start();
  }

  RawAnswer PingAs(const Credential& credential) {
    return CallRaw(edge.Connect(credential), kPing, "");
  }

  void ExpectUnauthenticated(const RawAnswer& answer, const std::string& reason) {
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(answer.reason(), reason);
    EXPECT_EQ(edge.Records("TestService.Ping").size(), 0U);
    EXPECT_EQ(edge.FlushedRecords(absl::StrCat("127.0.0.1 ", reason)).size(), 1U);
  }

  // gRPC tells a client whose handshake failed no more than this.
  void ExpectNoHandshake(const RawAnswer& answer) {
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(edge.Records("TestService.Ping").size(), 0U);
    EXPECT_EQ(edge.FlushedRecords("TLS_HANDSHAKE").size(), 1U);
  }

  // Whether openssl's own client gets a handshake with this option.
  bool ShakesHandsWith(const std::string& option) {
    TemporaryDirectory folder;
    WriteFile(folder.File("caller.pem"), edge.caller().certificate);
    WriteFile(folder.File("caller.key"), edge.caller().key);
    const std::string command =
        absl::StrCat("openssl s_client -connect 127.0.0.1:", edge.port(), " ", option,
                     " -alpn h2 -verify_quiet -cert ", folder.File("caller.pem"), " -key ",
                     folder.File("caller.key"), " </dev/null >", folder.File("log"), " 2>&1");
    return std::system(command.c_str()) == 0;
  }

  EdgeUnderTest edge;
};

TEST_F(CallerIdentityTest, IsTheSpiffeIdOfTheCertificate) {
  EXPECT_TRUE(PingAs(edge.caller()).status.ok());
  EXPECT_EQ(edge.Records("spiffe://home.example/caller").size(), 1U);
}

TEST_F(CallerIdentityTest, MayStandBesideOtherKindsOfNames) {
  const auto credential =
      edge.home().Issue({"URI:spiffe://home.example/caller", "DNS:caller.home.example"});
  EXPECT_TRUE(PingAs(credential).status.ok());
}

TEST_F(CallerIdentityTest, IsMissingWithoutAUri) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({"DNS:caller"})), "IDENTITY_MISSING");
}

TEST_F(CallerIdentityTest, IsMissingWithoutAnyName) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({})), "IDENTITY_MISSING");
}

TEST_F(CallerIdentityTest, IsAmbiguousWithTwoUris) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({"URI:spiffe://home.example/caller",
                                                  "URI:spiffe://home.example/officer"})),
                        "IDENTITY_AMBIGUOUS");
}

TEST_F(CallerIdentityTest, IsUnknownWhenItIsNoSpiffeId) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({"URI:https://home.example/caller"})),
                        "IDENTITY_UNKNOWN");
}

TEST_F(CallerIdentityTest, IsUnknownWhenThePolicyNamesNobodySo) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({"URI:spiffe://home.example/nobody"})),
                        "IDENTITY_UNKNOWN");
}

TEST_F(CallerIdentityTest, IsUnknownInATrustDomainThatIsNotConfigured) {
  ExpectUnauthenticated(PingAs(edge.home().Issue({"URI:spiffe://elsewhere.example/caller"})),
                        "IDENTITY_UNKNOWN");
}

TEST_F(CallerIdentityTest, CountsFromTheOwnAuthorityOfItsTrustDomain) {
  EXPECT_TRUE(PingAs(edge.partner().Issue({"URI:spiffe://partner.example/caller"})).status.ok());
}

TEST_F(CallerIdentityTest, DoesNotCountFromAnotherTrustDomainsAuthority) {
  ExpectUnauthenticated(PingAs(edge.partner().Issue({"URI:spiffe://home.example/caller"})),
                        "CERTIFICATE_REJECTED");
}

TEST_F(CallerIdentityTest, NeedsACertificateOfAConfiguredAuthority) {
  TestAuthority foreign("foreign");
  ExpectNoHandshake(PingAs(foreign.Issue({"URI:spiffe://home.example/caller"})));
}

TEST_F(CallerIdentityTest, NeedsACertificateThatHasNotExpired) {
  ExpectNoHandshake(PingAs(edge.home().Issue({"URI:spiffe://home.example/caller"}, -1)));
}

TEST_F(CallerIdentityTest, NeedsACertificate) { ExpectNoHandshake(PingAs({})); }

TEST_F(CallerIdentityTest, EndsWithItsCertificateOnALiveConnection) {
  const auto channel = edge.Connect();
  EXPECT_TRUE(CallRaw(channel, kPing, "").status.ok());
  edge.clock_advance = absl::Hours(25);
  EXPECT_EQ(CallRaw(channel, kPing, "").reason(), "CERTIFICATE_REJECTED");
}

TEST_F(CallerIdentityTest, EndsWithThePolicyOnALiveConnection) {
  const auto channel = edge.Connect();
  EXPECT_TRUE(CallRaw(channel, kPing, "").status.ok());
  edge.gate->Replace(std::make_shared<const policy::Policy>());
  EXPECT_EQ(CallRaw(channel, kPing, "").reason(), "IDENTITY_UNKNOWN");
}

TEST_F(CallerIdentityTest, IsAskedForUnderTls13Only) {
  EXPECT_TRUE(ShakesHandsWith("-tls1_3"));
  EXPECT_FALSE(ShakesHandsWith("-tls1_2"));
}

}  // namespace
}  // namespace keysvc::testing
