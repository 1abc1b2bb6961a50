#include "tests/support/openssl.h"

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keysvc::testing {

void RunOpenssl(const std::string& arguments, const std::string& log) {
  const std::string command = absl::StrCat("openssl ", arguments, " >>", log, " 2>&1");
  if (std::system(command.c_str()) != 0) ADD_FAILURE() << command << "\n" << ReadFile(log);
}

std::string EncryptFor(const std::string& spki, const std::string& message,
                       const std::string& options) {
  const TemporaryDirectory folder;
  WriteFile(folder.File("spki"), spki);
  WriteFile(folder.File("message"), message);
  RunOpenssl(
      absl::StrCat("pkeyutl -encrypt -pubin -keyform DER -inkey ", folder.File("spki"), " ",
                   options, " -in ", folder.File("message"), " -out ", folder.File("ciphertext")),
      folder.File("log"));
  return ReadFile(folder.File("ciphertext"));
}

std::string WrapByAes(const std::string& key, const std::string& message) {
  const TemporaryDirectory folder;
  WriteFile(folder.File("message"), message);
  RunOpenssl(absl::StrCat("enc -id-aes256-wrap-pad -iv A65959A6 -K ", absl::BytesToHexString(key),
                          " -in ", folder.File("message"), " -out ", folder.File("wrapped")),
             folder.File("log"));
  return ReadFile(folder.File("wrapped"));
}

OpensslKey::OpensslKey(const std::string& options) {
  Run(absl::StrCat("genpkey ", options, " -out ", key_));
}

std::string OpensslKey::private_pem() const { return ReadFile(key_); }

std::string OpensslKey::public_pem() const {
  Run(absl::StrCat("pkey -in ", key_, " -pubout -out ", folder_.File("public.pem")));
  return ReadFile(folder_.File("public.pem"));
}

std::string OpensslKey::Certificate(int days, const std::string& extensions) const {
  WriteFile(folder_.File("req.cnf"), "[req]\ndistinguished_name = name\n[name]\n");
  Run(absl::StrCat("req -x509 -config ", folder_.File("req.cnf"), " -subj /CN=partner -key ", key_,
                   " -days ", days, " ", extensions, " -out ", folder_.File("certificate.pem")));
  return ReadFile(folder_.File("certificate.pem"));
}

std::string OpensslKey::Sign(const std::string& message, const std::string& options) const {
  WriteFile(folder_.File("message"), message);
  Run(absl::StrCat("pkeyutl -sign -inkey ", key_, " ", options, " -in ", folder_.File("message"),
                   " -out ", folder_.File("signature")));
  return ReadFile(folder_.File("signature"));
}

std::string OpensslKey::Decrypt(const std::string& ciphertext, const std::string& options) const {
  WriteFile(folder_.File("ciphertext"), ciphertext);
  Run(absl::StrCat("pkeyutl -decrypt -inkey ", key_, " ", options, " -in ",
                   folder_.File("ciphertext"), " -out ", folder_.File("plaintext")));
  return ReadFile(folder_.File("plaintext"));
}

void OpensslKey::Run(const std::string& arguments) const {
  RunOpenssl(arguments, folder_.File("log"));
}

}  // namespace keysvc::testing
