#include "pkcs11/oaep.h"

#include <string>
#include <string_view>
#include <utility>

#include "pkcs11/attributes.h"
#include "pkcs11/return_code.h"
#include "status/macros.h"

namespace keysvc::pkcs11 {
namespace {

struct Oaep {
  std::string_view name;  // RFC 7518 section 4.3
  CK_MECHANISM_TYPE hash;
  CK_RSA_PKCS_MGF_TYPE mgf;
};
constexpr Oaep kSha256{"RSA-OAEP-256", CKM_SHA256, CKG_MGF1_SHA256};
constexpr Oaep kSha1{"RSA-OAEP", CKM_SHA_1, CKG_MGF1_SHA1};

// Whether the token says that it cannot do it this way.
bool IsRefusalOfHash(CK_RV code) {
  return code == CKR_ARGUMENTS_BAD || code == CKR_MECHANISM_PARAM_INVALID ||
         code == CKR_MECHANISM_INVALID;
}

CK_RV WrapWith(Session& session, const Oaep& oaep, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE recipient,
               std::string& wrapped) {
  CK_RSA_PKCS_OAEP_PARAMS parameters = {oaep.hash, oaep.mgf, CKZ_DATA_SPECIFIED, nullptr, 0};
  return session.WrapKey(recipient, {CKM_RSA_PKCS_OAEP, &parameters, sizeof(parameters)}, key,
                         wrapped);
}

}  // namespace

absl::StatusOr<WrappedKey> WrapOaep(Session& session, CK_OBJECT_HANDLE key,
                                    const crypto::RsaNumbers& recipient) {
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE imported,
                   session.Create(WrappingKeyTemplate(recipient.modulus, recipient.exponent)));
  WrappedKey wrapped{.bytes = {}, .algorithm = std::string(kSha256.name)};
  CK_RV code = WrapWith(session, kSha256, key, imported, wrapped.bytes);
  if (IsRefusalOfHash(code)) {
    wrapped.algorithm = kSha1.name;
    code = WrapWith(session, kSha1, key, imported, wrapped.bytes);
  }
  RETURN_IF_ERROR(ToStatus(code, "C_WrapKey"));
  RETURN_IF_ERROR(session.Destroy(imported));
  return wrapped;
}

}  // namespace keysvc::pkcs11
