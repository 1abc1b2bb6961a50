#ifndef KEYSVC_KEYSVC_RPC_CALLER_IDENTITY_H_
#define KEYSVC_KEYSVC_RPC_CALLER_IDENTITY_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "crypto/certificate.h"
#include "grpcpp/security/auth_context.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// Tells who calls, from the certificate of the connection and anew for every call: exactly one URI
// SAN, a SPIFFE id, whose trust domain's own authority certified it and which is still valid, and
// which the policy names. Common names are never looked at. Thread-safe.
class CallerIdentity {
 public:
  using Authorities =
      std::map<std::string, std::unique_ptr<crypto::CertificateAuthority>, std::less<>>;

  // `authorities` by trust domain. The gate must outlive this.
  CallerIdentity(Authorities authorities, const policy::Gate& gate,
                 std::function<absl::Time()> clock = absl::Now);

  // Errors are UNAUTHENTICATED: IDENTITY_MISSING, IDENTITY_AMBIGUOUS, IDENTITY_UNKNOWN,
  // CERTIFICATE_REJECTED. `origin` is the peer's address, for records.
  absl::StatusOr<policy::Caller> Identify(const grpc::AuthContext& peer, std::string_view origin);

 private:
  absl::Status CheckCertificate(std::string_view uri, const std::string& leaf,
                                const std::string& chain);
  bool RecentlyAccepted(const std::string& key, absl::Time now);

  const Authorities authorities_;
  const policy::Gate& gate_;
  const std::function<absl::Time()> clock_;
  std::mutex mutex_;
  // Until when a certificate counts as accepted without another path validation.
  std::unordered_map<std::string, absl::Time> accepted_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_CALLER_IDENTITY_H_
