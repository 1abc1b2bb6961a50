// The messages, keys and signatures of RFC 9421 appendix B.
#ifndef KEYSVC_TESTS_UNIT_HTTP_RFC9421_H_
#define KEYSVC_TESTS_UNIT_HTTP_RFC9421_H_

#include <memory>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "http/message.h"

namespace keysvc::http {

// RFC 9421 appendix B.2.
inline Message TheRequest() {
  Message message;
  message.method = "POST";
  message.scheme = "https";
  message.authority = "example.com";
  message.path = "/foo";
  message.query = "param=Value&Pet=dog";
  message.fields = {
      {"Host", "example.com"},
      {"Date", "Tue, 20 Apr 2021 02:07:55 GMT"},
      {"Content-Type", "application/json"},
      {"Content-Digest",
       "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXv"
       "Jwew==:"},
      {"Content-Length", "18"}};
  message.body = R"({"hello": "world"})";
  return message;
}
inline Message TheResponse() {
  Message message;
  message.status = 200;
  message.fields = {
      {"Date", "Tue, 20 Apr 2021 02:07:56 GMT"},
      {"Content-Type", "application/json"},
      {"Content-Digest",
       "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aG"
       "gfLQ==:"},
      {"Content-Length", "23"}};
  message.body = R"({"message": "good dog"})";
  return message;
}

// RFC 9421 appendix B.1.3 and B.1.4.
inline std::unique_ptr<crypto::PublicKey> P256Key() {
  return crypto::PublicKey::FromP256Point(
             absl::StrCat("\x04",
                          *crypto::FromBase64Url("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"),
                          *crypto::FromBase64Url("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0")))
      .value();
}
inline std::unique_ptr<crypto::PublicKey> Ed25519Key() {
  return crypto::PublicKey::FromEd25519(
             *crypto::FromBase64Url("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"))
      .value();
}

// RFC 9421 appendix B.1.2.
inline std::unique_ptr<crypto::PublicKey> RsaPssKey() {
  return crypto::PublicKey::FromSpki(
             *crypto::FromBase64("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2"
                                 "+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+"
                                 "oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq"
                                 "gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W"
                                 "Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4"
                                 "aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI"
                                 "2wIDAQAB"))
      .value();
}

// Appendix B.2.2.
inline constexpr char kInputB22[] =
    R"(("@authority" "content-digest" )"
    R"("@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-e)"
    R"(xample")";
inline constexpr char kSignatureB22[] =
    ":LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5"
    "qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARY"
    "hpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rS"
    "V2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:";
// Appendix B.2.3.
inline constexpr char kInputB23[] =
    R"(("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" )"
    R"("content-length");created=1618884473;keyid="test-key-rsa-pss")";
inline constexpr char kSignatureB23[] =
    ":bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpR"
    "RU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pF"
    "kh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8L"
    "ZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:";
// Appendix B.2.4.
inline constexpr char kInputB24[] =
    R"(("@status" "content-type" "content-digest" )"
    R"("content-length");created=1618884473;keyid="test-key-ecc-p256")";
inline constexpr char kSignatureB24[] =
    ":wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:";
// Appendix B.2.6.
inline constexpr char kInputB26[] =
    R"(("date" "@method" "@path" "@authority" "content-type" )"
    R"("content-length");created=1618884473;keyid="test-key-ed25519")";
inline constexpr char kSignatureB26[] =
    ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

}  // namespace keysvc::http

#endif  // KEYSVC_TESTS_UNIT_HTTP_RFC9421_H_
