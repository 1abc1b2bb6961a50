#ifndef KEYSVC_KEYSVC_CLI_PARTNER_KEY_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_PARTNER_KEY_COMMANDS_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/key_service.pb.h"

namespace keysvc::cli {

struct CreatePartnerKeyOptions {
  std::string name;
  v1::KeyPurpose purpose = v1::KEY_PURPOSE_SIGN;
  v1::KeyAlgorithm algorithm = v1::KEY_ALGORITHM_UNSPECIFIED;  // what the key is
  std::string in = "-";  // PEM; a private key is refused here, before it is sent
  std::string kid;
  // Times of RFC 3339, or days of UTC, which are meant whole: from the first second of the one to
  // the last of the other. Empty: a certificate's, or from now on.
  std::string not_before;
  std::string not_after;
  std::string request_id;
};
ExitCode CreatePartnerKey(const Connection& connection, const CreatePartnerKeyOptions& options,
                          Output& output);
ExitCode GetPartnerKey(const Connection& connection, const std::string& name, Output& output);
// All partner keys of "tenants/{tenant}", page by page.
ExitCode ListPartnerKeys(const Connection& connection, const std::string& tenant, Output& output);
struct DisablePartnerKeyOptions {
  std::string name;
  std::string request_id;
};
ExitCode DisablePartnerKey(const Connection& connection, const DisablePartnerKeyOptions& options,
                           Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_PARTNER_KEY_COMMANDS_H_
