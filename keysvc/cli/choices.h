// The words that options take, and what they stand for.
#ifndef KEYSVC_KEYSVC_CLI_CHOICES_H_
#define KEYSVC_KEYSVC_CLI_CHOICES_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "keysvc/cli/output.h"
#include "keysvc/v1/key_service.pb.h"
#include "keysvc/v1/signing_service.pb.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

inline const std::map<std::string, v1::SignatureEncoding> kEncodings = {
    {"der", v1::SIGNATURE_ENCODING_DER}, {"p1363", v1::SIGNATURE_ENCODING_P1363}};
inline const std::map<std::string, v1::RsaPadding> kPaddings = {{"pss", v1::RSA_PADDING_PSS},
                                                                {"pkcs1", v1::RSA_PADDING_PKCS1}};
inline const std::map<std::string, v1::KeyAlgorithm> kAlgorithms = {
    {"ec-p256", v1::KEY_ALGORITHM_EC_P256},
    {"rsa-2048", v1::KEY_ALGORITHM_RSA_2048},
    {"ed25519", v1::KEY_ALGORITHM_ED25519},
    {"rsa-3072", v1::KEY_ALGORITHM_RSA_3072},
    {"hmac-sha256", v1::KEY_ALGORITHM_HMAC_SHA256},
    {"ec-p384", v1::KEY_ALGORITHM_EC_P384},
    {"rsa-4096", v1::KEY_ALGORITHM_RSA_4096},
    {"rsa-2048-sha384", v1::KEY_ALGORITHM_RSA_2048_SHA384},
    {"rsa-2048-sha512", v1::KEY_ALGORITHM_RSA_2048_SHA512},
    {"rsa-3072-sha384", v1::KEY_ALGORITHM_RSA_3072_SHA384},
    {"rsa-3072-sha512", v1::KEY_ALGORITHM_RSA_3072_SHA512},
    {"rsa-4096-sha384", v1::KEY_ALGORITHM_RSA_4096_SHA384},
    {"rsa-4096-sha512", v1::KEY_ALGORITHM_RSA_4096_SHA512},
    {"hmac-sha384", v1::KEY_ALGORITHM_HMAC_SHA384},
    {"hmac-sha512", v1::KEY_ALGORITHM_HMAC_SHA512},
    {"aes-256-cmac", v1::KEY_ALGORITHM_AES_256_CMAC}};
inline const std::map<std::string, v1::KeyPurpose> kPurposes = {
    {"sign", v1::KEY_PURPOSE_SIGN},
    {"mac", v1::KEY_PURPOSE_MAC},
    {"jws", v1::KEY_PURPOSE_JWS},
    {"http", v1::KEY_PURPOSE_HTTP},
    {"webhook", v1::KEY_PURPOSE_WEBHOOK},
    {"cose", v1::KEY_PURPOSE_COSE},
    {"timestamped-webhook", v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK},
    {"secret-import", v1::KEY_PURPOSE_SECRET_IMPORT},
    {"shared-mac", v1::KEY_PURPOSE_SHARED_MAC}};
// Of keys that partners share.
inline const std::map<std::string, v1::KeyPurpose> kSharedPurposes = {
    {"webhook", v1::KEY_PURPOSE_WEBHOOK},
    {"timestamped-webhook", v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK},
    {"shared-mac", v1::KEY_PURPOSE_SHARED_MAC}};
inline const std::map<std::string, v1::KeyAlgorithm> kSharedAlgorithms = {
    {"hmac-sha256", v1::KEY_ALGORITHM_HMAC_SHA256},
    {"hmac-sha384", v1::KEY_ALGORITHM_HMAC_SHA384},
    {"hmac-sha512", v1::KEY_ALGORITHM_HMAC_SHA512},
    {"aes-256-cmac", v1::KEY_ALGORITHM_AES_256_CMAC}};
inline const std::map<std::string, v1::KeyWrapping> kWrappings = {
    {"rsa-oaep-sha256", v1::KEY_WRAPPING_RSA_OAEP_SHA256},
    {"rsa-oaep-sha1", v1::KEY_WRAPPING_RSA_OAEP_SHA1},
    {"rsa-aes-sha256", v1::KEY_WRAPPING_RSA_AES_SHA256},
    {"rsa-aes-sha1", v1::KEY_WRAPPING_RSA_AES_SHA1}};
inline const std::map<std::string, v1::KeyPurpose> kPartnerPurposes = {
    {"sign", v1::KEY_PURPOSE_SIGN}, {"jws", v1::KEY_PURPOSE_JWS},
    {"http", v1::KEY_PURPOSE_HTTP}, {"webhook", v1::KEY_PURPOSE_WEBHOOK},
    {"cose", v1::KEY_PURPOSE_COSE}, {"secret-delivery", v1::KEY_PURPOSE_SECRET_DELIVERY}};
inline const std::map<std::string, v1::TokenState> kTokenStates = {
    {"active", v1::TOKEN_STATE_ACTIVE},
    {"suspended", v1::TOKEN_STATE_SUSPENDED},
    {"deleted", v1::TOKEN_STATE_DELETED}};
inline const std::map<std::string, Format> kFormats = {{"table", Format::kTable},
                                                       {"json", Format::kJson}};
inline const std::map<std::string, bool> kKeyFormats = {{"pem", false}, {"der", true}};

// An option that takes one of `words`; the help shows them instead of what is behind them.
template <typename T>
CLI::Option* AddChoice(CLI::App& verb, const char* name, T& target,
                       const std::map<std::string, T>& words, const std::string& help) {
  std::string choices;
  for (const auto& [word, value] : words) choices += (choices.empty() ? "" : "|") + word;
  return verb
      .add_option_function<std::string>(
          name,
          [&target, &words](const std::string& word) {
            const auto found = words.find(word);
            if (found == words.end()) throw CLI::ValidationError("there is no such choice");
            target = found->second;
          },
          help)
      ->option_text(choices);
}

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_CHOICES_H_
