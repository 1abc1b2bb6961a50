#include "keysvc/rpc/caller_identity.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr std::string_view kScheme = "spiffe://";
// How long a path validation is believed; a certificate's own end is checked at every call.
constexpr absl::Duration kValidationLife = absl::Seconds(60);
constexpr std::size_t kRememberedCertificates = 1024;

std::string FirstValue(const grpc::AuthContext& peer, const char* property) {
  const std::vector<grpc::string_ref> values = peer.FindPropertyValues(property);
  return values.empty() ? std::string() : std::string(values[0].data(), values[0].size());
}

// The trust domain of a SPIFFE id; empty when `uri` is not one.
std::string_view TrustDomainOf(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return {};
  uri.remove_prefix(kScheme.size());
  const std::size_t slash = uri.find('/');
  const bool has_path = slash != std::string_view::npos && slash + 1 < uri.size();
  return has_path ? uri.substr(0, slash) : std::string_view();
}

}  // namespace

CallerIdentity::CallerIdentity(Authorities authorities, const policy::Gate& gate,
                               std::function<absl::Time()> clock)
    : authorities_(std::move(authorities)), gate_(gate), clock_(std::move(clock)) {}

absl::StatusOr<policy::Caller> CallerIdentity::Identify(const grpc::AuthContext& peer,
                                                        std::string_view origin) {
  const std::vector<grpc::string_ref> uris = peer.FindPropertyValues("peer_uri");
  if (uris.empty()) {
    return Error(Reason::kIdentityMissing, "the certificate names no identity (URI SAN)");
  }
  if (uris.size() > 1) {
    return Error(Reason::kIdentityAmbiguous, "the certificate names more than one URI SAN");
  }
  const std::string_view uri(uris[0].data(), uris[0].size());
  RETURN_IF_ERROR(CheckCertificate(uri, FirstValue(peer, "x509_pem_cert"),
                                   FirstValue(peer, "x509_pem_cert_chain")));
  return gate_.Identify(uri, origin);
}

absl::Status CallerIdentity::CheckCertificate(std::string_view uri, const std::string& leaf,
                                              const std::string& chain) {
  const absl::Time now = clock_();
  const std::string key = absl::StrCat(ToAbsl(uri), "\n", leaf, chain);
  if (RecentlyAccepted(key, now)) return absl::OkStatus();

  const auto authority = authorities_.find(TrustDomainOf(uri));
  if (authority == authorities_.end()) {
    return Error(Reason::kIdentityUnknown, "the identity is of no configured trust domain");
  }
  RETURN_IF_ERROR(authority->second->Verify(leaf, chain, now));
  ASSIGN_OR_RETURN(const absl::Time not_after, crypto::CertificateNotAfter(leaf));

  const std::lock_guard lock(mutex_);
  if (accepted_.size() >= kRememberedCertificates) accepted_.clear();
  accepted_[key] = std::min(not_after, now + kValidationLife);
  return absl::OkStatus();
}

bool CallerIdentity::RecentlyAccepted(const std::string& key, absl::Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = accepted_.find(key);
  if (found == accepted_.end()) return false;
  if (now < found->second) return true;
  accepted_.erase(found);
  return false;
}

}  // namespace keysvc::rpc
