#ifndef KEYSVC_KEYSVC_KEYS_KEY_RINGS_H_
#define KEYSVC_KEYSVC_KEYS_KEY_RINGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/keys/key_version_row.h"

namespace keysvc::keys {

// Every key with its versions, as of one moment. A value.
class KeyRings {
 public:
  // Versions in order: number n is at n - 1, since numbers are never left out or used twice.
  using Ring = std::vector<KeyRecord>;

  // DATA_LOSS/INTEGRITY_FAILURE when a version is missing or a key in use has not exactly one
  // primary version.
  static absl::StatusOr<KeyRings> Create(std::vector<KeyRecord> records);

  // nullptr where there is none; valid until the next Put.
  const Ring* Find(const KeyName& name) const;
  const KeyRecord* FindVersion(const KeyVersionName& name) const;
  const KeyRecord* FindPrimary(const KeyName& name) const;

  // The version that the next rotation makes primary (IsPrepared), if there is one.
  const KeyRecord* FindPrepared(const KeyName& name) const;

  // The number that the next version of a key gets.
  std::uint32_t NextVersion(const KeyName& name) const;
  // Versions that were announced and neither made nor given up.
  std::vector<KeyRecord> Unfinished() const;
  const std::map<KeyName, Ring>& all() const { return rings_; }
  // SHA-256, in hexadecimal, over every column of every version (docs/formats.md): what records say
  // of the key rows as a whole.
  std::string Digest() const;
  // Whether no version of `earlier` is missing here or is of an older revision.
  bool Continues(const KeyRings& earlier) const;

  // Replaces a version or adds the next one.
  void Put(KeyRecord record);

 private:
  std::map<KeyName, Ring> rings_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_RINGS_H_
