#ifndef KEYSVC_KEYSVC_CONFIG_H_
#define KEYSVC_KEYSVC_CONFIG_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/recovery_key.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/nonce_places.h"
#include "pkcs11/cryptoki_hsm.h"
#include "store/sqlcipher_store.h"
#include "tokenizer/profile.h"

namespace keysvc {

// A trust domain and the only authority that may certify its identities.
struct TrustDomain {
  std::string name;     // of spiffe://<name>/...
  std::string ca_file;  // PEM
};

// The configuration file (deploy/config.example.yaml), checked as a whole. Relative paths are taken
// from the file's own folder. Faults are INVALID_ARGUMENT/CONFIG_INVALID "file:line:column: what".
// A PIN in the file is one of them, and so is what production forbids: a software token, and keys
// that would be lost with the HSM.
struct Config {
  keys::Deployment deployment;
  std::string listen;  // "127.0.0.1:7443"
  std::string certificate_file, private_key_file;
  std::vector<TrustDomain> trust_domains;
  pkcs11::TokenOptions token;
  store::SqlcipherOptions store;
  std::string audit_origin;
  std::string checkpoint_directory;
  absl::Duration checkpoint_interval = absl::Seconds(10);
  std::string policy_file;
  std::string recovery_certificate_file;  // empty: keys are lost with the HSM; never in production
  std::vector<tokenizer::Profile> profiles;
  std::vector<tokenizer::Profile> retired_profiles;  // tenant, name and number
  std::size_t locked_memory_mib = 2;
  absl::Duration opened_key_lifetime = absl::Minutes(15);
  std::size_t accepted_signatures_per_key = keys::NoncePlaces::kPerKey;
};

absl::StatusOr<Config> LoadConfig(const std::string& path);
// `path` is what errors call the file and where relative paths start.
absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& path);

// The configured recovery certificate; null when there is none. CONFIG_INVALID when the file holds
// none, or one of another deployment or environment.
absl::StatusOr<std::unique_ptr<crypto::RecoveryCertificate>> LoadRecoveryCertificate(
    const Config& config);

// FAILED_PRECONDITION/OFFICER_LOGIN_REQUIRED for production: it does not start before officers can
// log in with two factors.
absl::Status CheckMayServe(const Config& config);

// The content of a configuration, certificate or key file, at most 1 MiB. CONFIG_INVALID, naming
// the file, when it cannot be read.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_CONFIG_H_
