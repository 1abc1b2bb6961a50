// Keys that RFCs print with what was made with them.
#ifndef KEYSVC_TESTS_UNIT_JOSE_KNOWN_KEYS_H_
#define KEYSVC_TESTS_UNIT_JOSE_KNOWN_KEYS_H_

#include <memory>

#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"

namespace keysvc::jose {

// RFC 7515 appendix A.3.1.
inline std::unique_ptr<crypto::PublicKey> P256Key() {
  return crypto::PublicKey::FromP256Point(
             absl::StrCat("\x04",
                          *crypto::FromBase64Url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                          *crypto::FromBase64Url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")))
      .value();
}

// RFC 8037 appendix A.2.
inline std::unique_ptr<crypto::PublicKey> Ed25519Key() {
  return crypto::PublicKey::FromEd25519(
             *crypto::FromBase64Url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
      .value();
}

// RFC 7638 section 3.1.
inline constexpr char kModulus[] =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
    "BJECPebWK"
    "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
    "FDW2QvzqY368QQMic"
    "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
    "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
inline std::unique_ptr<crypto::PublicKey> RsaKey() {
  return crypto::PublicKey::FromRsa(*crypto::FromBase64Url(kModulus),
                                    *crypto::FromBase64Url("AQAB"))
      .value();
}

// RFC 7515 appendix A.2.1.
inline std::unique_ptr<crypto::PublicKey> JwsRsaKey() {
  return crypto::PublicKey::FromRsa(
             *crypto::FromBase64Url("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
                                    "wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPM"
                                    "EzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
                                    "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
                                    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
                                    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3"
                                    "qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                                    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g"
                                    "b54h4FRWyuXpoQ"),
             *crypto::FromBase64Url("AQAB"))
      .value();
}

}  // namespace keysvc::jose

#endif  // KEYSVC_TESTS_UNIT_JOSE_KNOWN_KEYS_H_
