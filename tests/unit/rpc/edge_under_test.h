#ifndef KEYSVC_TESTS_UNIT_RPC_EDGE_UNDER_TEST_H_
#define KEYSVC_TESTS_UNIT_RPC_EDGE_UNDER_TEST_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "audit/journal.h"
#include "crypto/mac.h"
#include "crypto/secret_key.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/recorded_id.h"
#include "keysvc/rpc/refusal_counter.h"
#include "keysvc/rpc/server.h"
#include "keysvc/rpc/trouble_log.h"
#include "keysvc/v1/error_details.pb.h"
#include "policy/gate.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

// What a raw call came to.
struct RawAnswer {
  grpc::Status status;
  std::string body;

  std::string reason() const;  // of ErrorInfo; empty when there is none
  std::string field() const;   // of BadRequest
  std::optional<v1::RetryInfo> retry() const;
};

// The details of a status as a client's library would read them.
std::string ReasonOnWire(const grpc::Status& status);

// One record of the log, as canonical JSON.
struct LoggedRecord {
  std::string header;
  std::string body;

  bool Has(std::string_view text) const;  // in either
};

// A server on a free port over mutual TLS with certificates of its own, a real journal and gate,
// and a store and an HSM in memory. Tests put methods into `methods` before Start().
//
// Trust domains: home.example by home(), partner.example by partner().
class EdgeUnderTest {
 public:
  explicit EdgeUnderTest(std::string_view policy = {});
  ~EdgeUnderTest();

  void Start();
  void StopServer(absl::Duration patience = absl::Seconds(10));
  // Everything, in good order: before what the methods use goes.
  void StopAll();

  // Calls as `credential`; a new connection each time.
  std::shared_ptr<grpc::Channel> Connect(const Credential& credential) const;
  // As the principal "caller" of the policy, whose identity is spiffe://home.example/caller.
  std::shared_ptr<grpc::Channel> Connect() const { return Connect(caller_); }
  // As spiffe://home.example/{name}.
  std::shared_ptr<grpc::Channel> ConnectAs(const std::string& name);

  // The records whose header or body holds `text`.
  std::vector<LoggedRecord> Records(std::string_view text);
  // The same, once the refusal counter has written.
  std::vector<LoggedRecord> FlushedRecords(std::string_view text);
  // The records of every alarm that was raised before: nobody else waits for them to be written.
  std::vector<LoggedRecord> Alarms();

  TestAuthority& home() { return home_; }
  TestAuthority& partner() { return partner_; }
  const Credential& caller() const { return caller_; }
  int port() const { return server_->port(); }

  MemoryStore store;
  FakeHsm hsm;
  keys::Deployment deployment;
  std::unique_ptr<audit::CheckpointSigner> checkpoint_signer;
  std::unique_ptr<policy::Gate> gate;
  std::unique_ptr<audit::Journal> journal;
  rpc::MethodTable methods;
  std::unique_ptr<rpc::Lane> lane;  // one thread, one waiting call
  absl::Duration clock_advance;     // how far the identity check's clock is ahead

 private:
  TemporaryDirectory folder_;
  TestAuthority home_{"home"};
  TestAuthority partner_{"partner"};
  Credential caller_;
  std::unique_ptr<rpc::CallerIdentity> identity_;
  std::unique_ptr<rpc::RefusalCounter> refusals_;
  rpc::TroubleLog troubles_;
  const std::unique_ptr<crypto::HmacSha256> recorded_id_mac_ =
      crypto::HmacSha256::Create(*crypto::SecretKey<32>::Random()).value();
  const rpc::RecordedIds recorded_ids_{*recorded_id_mac_};
  std::unique_ptr<rpc::Server> server_;
};

struct CallOptions {
  std::optional<std::chrono::milliseconds> deadline = std::chrono::seconds(30);
  std::map<std::string, std::string> metadata;
};

// One unary call with these bytes as its message.
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                  const std::string& bytes, const CallOptions& options = {});

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_RPC_EDGE_UNDER_TEST_H_
