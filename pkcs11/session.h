#ifndef KEYSVC_PKCS11_SESSION_H_
#define KEYSVC_PKCS11_SESSION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "pkcs11/attributes.h"
#include "pkcs11/cryptoki.h"

namespace keysvc::pkcs11 {

// One session with a token, closed when the object goes. A session carries one operation at a time,
// so it is for one thread; after any error it must be thrown away, because an operation may have
// stayed active in it. Errors are those of ToStatus().
class Session {
 public:
  // Read-write, since generation and destruction need that.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const CK_FUNCTION_LIST& functions,
                                                       CK_SLOT_ID slot);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // C_Login as the normal user.
  CK_RV LogIn(crypto::ByteView pin);

  absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Find(Template attributes);
  absl::StatusOr<std::string> ReadBytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  absl::StatusOr<CK_ULONG> ReadNumber(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  absl::StatusOr<bool> ReadFlag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

  absl::StatusOr<CK_OBJECT_HANDLE> GenerateKey(CK_MECHANISM_TYPE mechanism, Template attributes);
  absl::Status GenerateKeyPair(CK_MECHANISM_TYPE mechanism, Template public_attributes,
                               Template private_attributes);
  absl::StatusOr<CK_OBJECT_HANDLE> Create(Template attributes);
  absl::Status ClearFlag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  absl::Status Destroy(CK_OBJECT_HANDLE object);

  absl::StatusOr<std::string> Sign(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                   std::string_view data);
  // Both fill the front of `out` and give the number of bytes written.
  absl::StatusOr<std::size_t> Encrypt(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                      crypto::ByteView plaintext, std::span<std::uint8_t> out);
  absl::StatusOr<std::size_t> Decrypt(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                      crypto::ByteView ciphertext, std::span<std::uint8_t> out);
  // C_WrapKey. Sets `wrapped` when it is CKR_OK.
  CK_RV WrapKey(CK_OBJECT_HANDLE wrapping_key, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                std::string& wrapped);
  // C_UnwrapKey. Sets `key` when it is CKR_OK.
  CK_RV UnwrapKey(CK_OBJECT_HANDLE unwrapping_key, CK_MECHANISM mechanism, std::string_view wrapped,
                  Template attributes, CK_OBJECT_HANDLE& key);

 private:
  Session(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE handle)
      : functions_(functions), handle_(handle) {}

  absl::Status ReadAttribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE& attribute);

  const CK_FUNCTION_LIST& functions_;
  CK_SESSION_HANDLE handle_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_SESSION_H_
