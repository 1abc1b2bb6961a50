// PKCS#11 (Cryptoki) v2.40, and the names of v3.0 that keysvc meets.
#ifndef KEYSVC_PKCS11_CRYPTOKI_H_
#define KEYSVC_PKCS11_CRYPTOKI_H_

#include <p11-kit/pkcs11.h>

#ifndef CKR_AEAD_DECRYPT_FAILED
#define CKR_AEAD_DECRYPT_FAILED 0x42UL
#endif
#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210bUL
#endif

#endif  // KEYSVC_PKCS11_CRYPTOKI_H_
