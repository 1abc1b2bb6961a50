#include "pkcs11/session.h"

#include <array>
#include <utility>

#include "pkcs11/return_code.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

// PKCS#11 takes inputs as pointers to non-const, yet only reads them.
CK_BYTE* Input(crypto::ByteView bytes) { return const_cast<CK_BYTE*>(bytes.data()); }
CK_BYTE* Input(std::string_view text) { return Input(crypto::AsBytes(text)); }

// More than the signature of any kind of key, or a key that is wrapped: RSA-4096 gives 512 bytes.
constexpr std::size_t kLargestSignature = 1024;
constexpr std::size_t kLargestWrappedKey = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const CK_FUNCTION_LIST& functions,
                                                       CK_SLOT_ID slot) {
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(ToStatus(
      functions.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle),
      "C_OpenSession"));
  return std::unique_ptr<Session>(new Session(functions, handle));
}

Session::~Session() { functions_.C_CloseSession(handle_); }

CK_RV Session::LogIn(crypto::ByteView pin) {
  return functions_.C_Login(handle_, CKU_USER, Input(pin), pin.size());
}

absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Session::Find(Template attributes) {
  RETURN_IF_ERROR(
      ToStatus(functions_.C_FindObjectsInit(handle_, attributes.data(), attributes.size()),
               "C_FindObjectsInit"));
  std::vector<CK_OBJECT_HANDLE> objects;
  std::array<CK_OBJECT_HANDLE, 64> page;
  CK_ULONG found = 0;
  do {
    RETURN_IF_ERROR(ToStatus(functions_.C_FindObjects(handle_, page.data(), page.size(), &found),
                             "C_FindObjects"));
    objects.insert(objects.end(), page.begin(), page.begin() + static_cast<std::ptrdiff_t>(found));
  } while (found > 0);
  RETURN_IF_ERROR(ToStatus(functions_.C_FindObjectsFinal(handle_), "C_FindObjectsFinal"));
  return objects;
}

absl::Status Session::ReadAttribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE& attribute) {
  const CK_RV code = functions_.C_GetAttributeValue(handle_, object, &attribute, 1);
  absl::Status status = ToStatus(code, "C_GetAttributeValue");
  // No value was given that could be invalid: SoftHSM2 says so of an object whose file goes away
  // while it is read.
  if (code == CKR_ATTRIBUTE_VALUE_INVALID) {
    return RecoverableBy(Recovery::kDiscardSession,
                         Error(Reason::kHsmUnavailable, std::string(status.message())));
  }
  return status;
}

absl::StatusOr<std::string> Session::ReadBytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  RETURN_IF_ERROR(ReadAttribute(object, attribute));
  std::string value(attribute.ulValueLen, '\0');
  attribute.pValue = value.data();
  RETURN_IF_ERROR(ReadAttribute(object, attribute));
  value.resize(attribute.ulValueLen);
  return value;
}

absl::StatusOr<CK_ULONG> Session::ReadNumber(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ULONG value = 0;
  CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
  RETURN_IF_ERROR(ReadAttribute(object, attribute));
  return value;
}

absl::StatusOr<bool> Session::ReadFlag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
  RETURN_IF_ERROR(ReadAttribute(object, attribute));
  return value == CK_TRUE;
}

absl::StatusOr<CK_OBJECT_HANDLE> Session::GenerateKey(CK_MECHANISM_TYPE mechanism,
                                                      Template attributes) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(
      ToStatus(functions_.C_GenerateKey(handle_, &how, attributes.data(), attributes.size(), &key),
               "C_GenerateKey"));
  return key;
}

absl::Status Session::GenerateKeyPair(CK_MECHANISM_TYPE mechanism, Template public_attributes,
                                      Template private_attributes) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  return ToStatus(
      functions_.C_GenerateKeyPair(handle_, &how, public_attributes.data(),
                                   public_attributes.size(), private_attributes.data(),
                                   private_attributes.size(), &public_key, &private_key),
      "C_GenerateKeyPair");
}

absl::StatusOr<CK_OBJECT_HANDLE> Session::Create(Template attributes) {
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(
      ToStatus(functions_.C_CreateObject(handle_, attributes.data(), attributes.size(), &object),
               "C_CreateObject"));
  return object;
}

absl::Status Session::ClearFlag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  Template cleared;
  cleared.No(type);
  return ToStatus(functions_.C_SetAttributeValue(handle_, object, cleared.data(), cleared.size()),
                  "C_SetAttributeValue");
}

absl::Status Session::Destroy(CK_OBJECT_HANDLE object) {
  return ToStatus(functions_.C_DestroyObject(handle_, object), "C_DestroyObject");
}

absl::StatusOr<std::string> Session::Sign(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                          std::string_view data) {
  RETURN_IF_ERROR(ToStatus(functions_.C_SignInit(handle_, &mechanism, key), "C_SignInit"));
  std::array<CK_BYTE, kLargestSignature> signature;
  CK_ULONG size = signature.size();
  RETURN_IF_ERROR(ToStatus(
      functions_.C_Sign(handle_, Input(data), data.size(), signature.data(), &size), "C_Sign"));
  return std::string(crypto::AsText(crypto::ByteView(signature.data(), size)));
}

absl::StatusOr<std::size_t> Session::Encrypt(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                             crypto::ByteView plaintext,
                                             std::span<std::uint8_t> out) {
  RETURN_IF_ERROR(ToStatus(functions_.C_EncryptInit(handle_, &mechanism, key), "C_EncryptInit"));
  CK_ULONG size = out.size();
  RETURN_IF_ERROR(
      ToStatus(functions_.C_Encrypt(handle_, Input(plaintext), plaintext.size(), out.data(), &size),
               "C_Encrypt"));
  return size;
}

absl::StatusOr<std::size_t> Session::Decrypt(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                                             crypto::ByteView ciphertext,
                                             std::span<std::uint8_t> out) {
  RETURN_IF_ERROR(ToStatus(functions_.C_DecryptInit(handle_, &mechanism, key), "C_DecryptInit"));
  CK_ULONG size = out.size();
  RETURN_IF_ERROR(ToStatus(
      functions_.C_Decrypt(handle_, Input(ciphertext), ciphertext.size(), out.data(), &size),
      "C_Decrypt"));
  return size;
}

CK_RV Session::WrapKey(CK_OBJECT_HANDLE wrapping_key, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                       std::string& wrapped) {
  std::array<CK_BYTE, kLargestWrappedKey> out;
  CK_ULONG size = out.size();
  const CK_RV code =
      functions_.C_WrapKey(handle_, &mechanism, wrapping_key, key, out.data(), &size);
  if (code == CKR_OK) wrapped = crypto::AsText(crypto::ByteView(out.data(), size));
  return code;
}

CK_RV Session::UnwrapKey(CK_OBJECT_HANDLE unwrapping_key, CK_MECHANISM mechanism,
                         std::string_view wrapped, Template attributes, CK_OBJECT_HANDLE& key) {
  CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
  const CK_RV code =
      functions_.C_UnwrapKey(handle_, &mechanism, unwrapping_key, Input(wrapped), wrapped.size(),
                             attributes.data(), attributes.size(), &unwrapped);
  if (code == CKR_OK) key = unwrapped;
  return code;
}

}  // namespace keysvc::pkcs11
