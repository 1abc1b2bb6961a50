#ifndef KEYSVC_TESTS_SUPPORT_OPENSSL_H_
#define KEYSVC_TESTS_SUPPORT_OPENSSL_H_

#include <string>

#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

// Runs the openssl program. What it says is added to the file `log`; a failure fails the test.
void RunOpenssl(const std::string& arguments, const std::string& log);

// What the openssl program encrypts for an RSA key, given as DER SubjectPublicKeyInfo. `options` of
// pkeyutl: "-pkeyopt rsa_padding_mode:oaep".
std::string EncryptFor(const std::string& spki, const std::string& message,
                       const std::string& options);
// What it wraps by an AES-256 key as RFC 5649 says.
std::string WrapByAes(const std::string& key, const std::string& message);

// A key pair of somebody else, made by the openssl program; its files stay in a folder of its own.
class OpensslKey {
 public:
  // `options` of genpkey: "-algorithm ed25519", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256".
  explicit OpensslKey(const std::string& options);

  std::string private_pem() const;
  std::string public_pem() const;
  // A certificate that it signs itself, valid from now on; `extensions` are options of req:
  // "-addext keyUsage=digitalSignature".
  std::string Certificate(int days, const std::string& extensions = {}) const;
  // A bare signature; ECDSA in DER. `options` of pkeyutl: "-rawin -digest sha256".
  std::string Sign(const std::string& message, const std::string& options) const;
  // What was encrypted for it. `options` of pkeyutl: "-pkeyopt rsa_padding_mode:oaep".
  std::string Decrypt(const std::string& ciphertext, const std::string& options) const;

 private:
  void Run(const std::string& arguments) const;

  TemporaryDirectory folder_;
  const std::string key_ = folder_.File("key.pem");
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_OPENSSL_H_
