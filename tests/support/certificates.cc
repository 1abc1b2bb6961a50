#include "tests/support/certificates.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/openssl.h"

namespace keysvc::testing {
TestAuthority::TestAuthority(const std::string& name) {
  WriteFile(folder_.File("req.cnf"), "[req]\ndistinguished_name = name\n[name]\n");
  RunOpenssl(
      absl::StrCat("req -x509 -config ", folder_.File("req.cnf"),
                   " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=", name,
                   " -addext basicConstraints=critical,CA:TRUE"
                   " -addext keyUsage=critical,keyCertSign,cRLSign -keyout ",
                   folder_.File("ca.key"), " -out ", folder_.File("ca.pem")),
      folder_.File("log"));
  own_ = Read("ca");
}

Credential TestAuthority::Issue(const std::vector<std::string>& names, int days) {
  const std::string name = absl::StrCat("leaf", ++issued_);
  std::string extensions =
      "basicConstraints=critical,CA:FALSE\n"
      "extendedKeyUsage=clientAuth,serverAuth\n";
  if (!names.empty()) absl::StrAppend(&extensions, "subjectAltName=", absl::StrJoin(names, ","));
  WriteFile(folder_.File(name + ".ext"), extensions + "\n");
  RunOpenssl(
      absl::StrCat("req -new -config ", folder_.File("req.cnf"),
                   " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=", name,
                   " -keyout ", folder_.File(name + ".key"), " -out ", folder_.File(name + ".csr")),
      folder_.File("log"));
  RunOpenssl(absl::StrCat("x509 -req -in ", folder_.File(name + ".csr"), " -CA ",
                          folder_.File("ca.pem"), " -CAkey ", folder_.File("ca.key"),
                          " -CAcreateserial -days ", days, " -extfile ",
                          folder_.File(name + ".ext"), " -out ", folder_.File(name + ".pem")),
             folder_.File("log"));
  return Read(name);
}

Credential TestAuthority::Read(const std::string& name) const {
  return {.certificate = ReadFile(folder_.File(name + ".pem")),
          .key = ReadFile(folder_.File(name + ".key"))};
}

}  // namespace keysvc::testing
