#ifndef KEYSVC_KEYSVC_CLI_KEY_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_KEY_COMMANDS_H_

#include <cstdint>
#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/key_service.pb.h"

namespace keysvc::cli {

struct CreateKeyOptions {
  std::string name;
  v1::KeyAlgorithm algorithm = v1::KEY_ALGORITHM_UNSPECIFIED;  // as the purpose says
  v1::KeyPurpose purpose = v1::KEY_PURPOSE_UNSPECIFIED;        // as the algorithm says: sign or mac
  std::uint32_t cryptoperiod_days = 0;  // 365, and 30 of a key that takes in secrets
  bool low_s = false;
  std::uint64_t max_signatures = 0;  // any number
  std::string request_id;
};
ExitCode CreateKey(const Connection& connection, const CreateKeyOptions& options, Output& output);

struct ChangeKeyOptions {
  std::string name;
  bool at_once = false;  // RotateKey only
  std::string request_id;
};
ExitCode CreateKeyVersion(const Connection& connection, const ChangeKeyOptions& options,
                          Output& output);
struct AttachCertificateOptions {
  std::string name;
  std::string in = "-";
  std::string kid;  // empty: as it is called already
  std::string request_id;
};
// Reads the certificates from a file; a private key in it does not leave the machine.
ExitCode AttachCertificate(const Connection& connection, const AttachCertificateOptions& options,
                           Output& output);
ExitCode RotateKey(const Connection& connection, const ChangeKeyOptions& options, Output& output);
ExitCode GetKey(const Connection& connection, const std::string& name, Output& output);
// All keys of "tenants/{tenant}", page by page.
ExitCode ListKeys(const Connection& connection, const std::string& tenant, Output& output);

struct DeliverKeyOptions {
  std::string name;
  std::string partner_key;
  std::string out;
  std::string request_id;
};
// Writes what only the partner can open, and shows which version it is and how to open it.
ExitCode DeliverKey(const Connection& connection, const DeliverKeyOptions& options, Output& output);

struct ImportKeyOptions {
  std::string name;
  v1::KeyPurpose purpose = v1::KEY_PURPOSE_WEBHOOK;
  v1::KeyAlgorithm algorithm = v1::KEY_ALGORITHM_HMAC_SHA256;
  std::uint32_t cryptoperiod_days = 365;
  std::string import_key;
  v1::KeyWrapping wrapping = v1::KEY_WRAPPING_RSA_OAEP_SHA256;
  std::string in = "-";
  std::string request_id;
};
// Reads what a partner has wrapped from a file.
ExitCode ImportKey(const Connection& connection, const ImportKeyOptions& options, Output& output);

// Makes the service drop every key it holds open.
ExitCode LockKeys(const Connection& connection, Output& output);

enum class PublicKeyFormat { kPem, kDer, kJwk };
struct PublicKeyOptions {
  std::string name;
  std::string out = "-";
  PublicKeyFormat format = PublicKeyFormat::kPem;
  bool certificate = false;  // instead of the key
};
ExitCode GetPublicKey(const Connection& connection, const PublicKeyOptions& options,
                      Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_KEY_COMMANDS_H_
