#include "pkcs11/key_cache.h"

namespace keysvc::pkcs11 {

std::optional<KeyObjects> KeyCache::Get(std::string_view label, std::uint64_t epoch) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(label);
  if (found == entries_.end()) return {};
  const Entry& entry = found->second;
  if (entry.expired || entry.seen.epoch != epoch) return {};
  return entry.key;
}

void KeyCache::Put(std::string_view label, const KeyObjects& key, Sighting seen) {
  const std::lock_guard lock(mutex_);
  entries_.insert_or_assign(std::string(label), Entry{key, seen, false});
}

void KeyCache::Expire(std::string_view label) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(label);
  if (found != entries_.end()) found->second.expired = true;
}

void KeyCache::Erase(std::string_view label) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(label);
  if (found != entries_.end()) entries_.erase(found);
}

std::vector<std::string> KeyCache::Labels() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> labels;
  for (const auto& [label, entry] : entries_) labels.push_back(label);
  return labels;
}

bool KeyCache::SeenIn(std::string_view label, std::uint64_t initialization) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(label);
  return found != entries_.end() && found->second.seen.initialization == initialization;
}

}  // namespace keysvc::pkcs11
