#ifndef KEYSVC_CRYPTO_RANDOM_H_
#define KEYSVC_CRYPTO_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace keysvc::crypto {

// Public random bytes (nonces, salts, identifiers) from the system's DRBG (SP 800-90A).
// Thread-safe. A generator that fails ends the process: no caller could go on safely.
void FillRandom(std::span<std::uint8_t> out);
std::string RandomBytes(std::size_t size);

// The same for values that must stay secret (RAND_priv_bytes).
void FillPrivateRandom(std::span<std::uint8_t> out);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_RANDOM_H_
