#ifndef KEYSVC_PKCS11_KEY_CACHE_H_
#define KEYSVC_PKCS11_KEY_CACHE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkcs11/key_objects.h"

namespace keysvc::pkcs11 {

// When a key was found: handles are good within one log-in, and what a library claims about the
// keys of a token is consistent within one initialisation at best.
struct Sighting {
  std::uint64_t epoch;
  std::uint64_t initialization;
};

// The handles of the keys that have been found. Thread-safe.
class KeyCache {
 public:
  std::optional<KeyObjects> Get(std::string_view label, std::uint64_t epoch) const;
  void Put(std::string_view label, const KeyObjects& key, Sighting seen);
  // Makes the next Get() miss, yet remembers that the key was seen.
  void Expire(std::string_view label);
  void Erase(std::string_view label);
  // The labels of all keys that have been seen and not erased.
  std::vector<std::string> Labels() const;
  // Whether the key has been seen since the library was initialised for the `initialization`th
  // time: if the library does not find it now, the token is more likely to be away than the key.
  bool SeenIn(std::string_view label, std::uint64_t initialization) const;

 private:
  struct Entry {
    KeyObjects key;
    Sighting seen;
    bool expired;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_KEY_CACHE_H_
