#include "pkcs11/oaep.h"

#include <string>
#include <utility>

#include "pkcs11/attributes.h"
#include "pkcs11/return_code.h"
#include "status/macros.h"

namespace keysvc::pkcs11 {

CK_MECHANISM OaepBy(OaepHash hash) {
  static CK_RSA_PKCS_OAEP_PARAMS sha256 = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr,
                                           0};
  static CK_RSA_PKCS_OAEP_PARAMS sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
  return {CKM_RSA_PKCS_OAEP, hash == OaepHash::kSha256 ? &sha256 : &sha1, sizeof(sha256)};
}

bool IsRefusalOfMechanism(CK_RV code) {
  return code == CKR_ARGUMENTS_BAD || code == CKR_MECHANISM_PARAM_INVALID ||
         code == CKR_MECHANISM_INVALID;
}

absl::StatusOr<WrappedKey> WrapOaep(Session& session, CK_OBJECT_HANDLE key,
                                    const crypto::RsaNumbers& recipient) {
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE imported,
                   session.Create(WrappingKeyTemplate(recipient.modulus, recipient.exponent)));
  WrappedKey wrapped{.bytes = {}, .algorithm = std::string(NameOf(Wrapping::kRsaOaepSha256))};
  CK_RV code = session.WrapKey(imported, OaepBy(OaepHash::kSha256), key, wrapped.bytes);
  if (IsRefusalOfMechanism(code)) {
    wrapped.algorithm = NameOf(Wrapping::kRsaOaepSha1);
    code = session.WrapKey(imported, OaepBy(OaepHash::kSha1), key, wrapped.bytes);
  }
  RETURN_IF_ERROR(ToStatus(code, "C_WrapKey"));
  RETURN_IF_ERROR(session.Destroy(imported));
  return wrapped;
}

}  // namespace keysvc::pkcs11
