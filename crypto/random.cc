#include "crypto/random.h"

#include <openssl/rand.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "crypto/openssl_handle.h"

namespace keysvc::crypto {
namespace {

std::atomic<unsigned> forks{0};

// What a thread has drawn ahead: one call of the generator costs the same for 16 bytes as for
// hundreds.
struct Ahead {
  std::array<std::uint8_t, 4096> bytes;
  std::size_t used = sizeof(bytes);
  unsigned forks_seen = 0;
};

void Draw(std::span<std::uint8_t> out) {
  Require(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

}  // namespace

void FillRandom(std::span<std::uint8_t> out) {
  static std::once_flag watching;
  // A child must not give the bytes again that its parent has drawn ahead.
  std::call_once(watching, [] { pthread_atfork(nullptr, nullptr, [] { ++forks; }); });
  thread_local Ahead ahead;
  if (out.size() > ahead.bytes.size() / 8) return Draw(out);
  const unsigned now = forks.load(std::memory_order_relaxed);
  if (ahead.forks_seen != now || ahead.bytes.size() - ahead.used < out.size()) {
    Draw(ahead.bytes);
    ahead.used = 0;
    ahead.forks_seen = now;
  }
  std::copy_n(ahead.bytes.begin() + static_cast<std::ptrdiff_t>(ahead.used), out.size(),
              out.begin());
  ahead.used += out.size();
}

std::string RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  FillRandom({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

void FillPrivateRandom(std::span<std::uint8_t> out) {
  Require(RAND_priv_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

}  // namespace keysvc::crypto
