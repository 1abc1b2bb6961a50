#include "keysvc/server_files.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "crypto/certificate.h"
#include "status/macros.h"

namespace keysvc {

absl::StatusOr<rpc::CallerIdentity::Authorities> LoadAuthorities(const Config& config) {
  rpc::CallerIdentity::Authorities authorities;
  for (const TrustDomain& domain : config.trust_domains) {
    ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(domain.ca_file));
    ASSIGN_OR_RETURN(authorities[domain.name], crypto::CertificateAuthority::FromPem(pem));
  }
  return authorities;
}

absl::StatusOr<rpc::ServerOptions> LoadServerOptions(const Config& config) {
  rpc::ServerOptions options;
  options.listen = config.listen;
  ASSIGN_OR_RETURN(options.certificate_chain, ReadSmallFile(config.certificate_file));
  ASSIGN_OR_RETURN(options.private_key, ReadSmallFile(config.private_key_file));
  for (const TrustDomain& domain : config.trust_domains) {
    ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(domain.ca_file));
    absl::StrAppend(&options.authorities, pem, "\n");
  }
  return options;
}

}  // namespace keysvc
