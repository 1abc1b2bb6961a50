#include "crypto/locked_memory.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr std::size_t kSlabSize = std::size_t{64} << 10;
constexpr std::size_t kGrowth = std::size_t{1} << 20;
constexpr std::size_t kSmallestBlock = 32;
constexpr int kClasses = std::countr_zero(kSlabSize) - std::countr_zero(kSmallestBlock) + 1;

constexpr std::size_t BlockSize(int size_class) { return kSmallestBlock << size_class; }

int ClassOf(std::size_t size) {
  const std::size_t block = std::bit_ceil(std::max(size, kSmallestBlock));
  return std::countr_zero(block) - std::countr_zero(kSmallestBlock);
}

// 64 KiB of locked memory, cut into blocks of one size class while any of them is in use.
struct Slab {
  std::uint8_t* base = nullptr;
  int size_class = -1;
  std::size_t used = 0;
  // Blocks from `fresh` on were never handed out; earlier ones that came back form a list that runs
  // through the blocks themselves.
  std::size_t fresh = 0;
  std::uint8_t* returned = nullptr;

  bool Fits(int wanted) const {
    return used == 0 || (size_class == wanted && used < kSlabSize / BlockSize(wanted));
  }

  std::uint8_t* Take(int wanted) {
    if (size_class != wanted) {
      // Blocks in the list still hold its pointers.
      if (size_class >= 0) std::memset(base, 0, BlockSize(size_class) * fresh);
      *this = {.base = base, .size_class = wanted};
    }
    ++used;
    if (returned == nullptr) return base + BlockSize(wanted) * fresh++;
    std::uint8_t* block = returned;
    std::memcpy(&returned, block, sizeof(returned));
    std::fill_n(block, sizeof(returned), std::uint8_t{0});
    return block;
  }

  void Give(std::uint8_t* block) {
    --used;
    std::memcpy(block, &returned, sizeof(returned));
    returned = block;
  }
};

class Arena {
 public:
  static Arena& Instance() {
    // Never destroyed: secrets in static objects are given back after main.
    static Arena& arena = *new Arena;
    return arena;
  }

  bool Reserve(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t wanted = (bytes + kSlabSize - 1) / kSlabSize;
    return wanted <= slabs_.size() || Lock((wanted - slabs_.size()) * kSlabSize);
  }

  std::uint8_t* Allocate(std::size_t size) {
    if (size == 0 || size > kSlabSize) return nullptr;
    const int wanted = ClassOf(size);
    const std::lock_guard lock(mutex_);
    Slab* slab = Find(wanted);
    if (slab == nullptr && Grow()) slab = Find(wanted);
    return slab == nullptr ? nullptr : slab->Take(wanted);
  }

  void Free(std::uint8_t* block, std::size_t size) noexcept {
    const int size_class = ClassOf(size);
    OPENSSL_cleanse(block, BlockSize(size_class));
    const std::lock_guard lock(mutex_);
    // A block that a child process inherited belongs to no slab: it is not locked there.
    const auto slab = std::upper_bound(
        slabs_.begin(), slabs_.end(), block,
        [](const std::uint8_t* address, const Slab& s) { return address < s.base + kSlabSize; });
    if (slab != slabs_.end() && slab->base <= block) slab->Give(block);
  }

 private:
  Arena() {
    current_.fill(0);
    // A child has neither the locks nor, by MADV_WIPEONFORK, the content: it starts anew.
    pthread_atfork([] { Instance().mutex_.lock(); }, [] { Instance().mutex_.unlock(); },
                   [] {
                     Instance().slabs_.clear();
                     Instance().mutex_.unlock();
                   });
  }

  Slab* Find(int wanted) {
    std::size_t& current = current_[static_cast<std::size_t>(wanted)];
    if (current < slabs_.size() && slabs_[current].size_class == wanted &&
        slabs_[current].Fits(wanted)) {
      return &slabs_[current];
    }
    std::size_t empty = slabs_.size();
    for (current = 0; current < slabs_.size(); ++current) {
      Slab& slab = slabs_[current];
      if (!slab.Fits(wanted)) continue;
      if (slab.size_class == wanted) return &slab;
      if (empty == slabs_.size()) empty = current;
    }
    current = empty;
    return empty == slabs_.size() ? nullptr : &slabs_[empty];
  }

  bool Grow() {
    for (std::size_t bytes = kGrowth; bytes >= kSlabSize; bytes /= 2) {
      if (Lock(bytes)) return true;
    }
    return false;
  }

  // Adds `bytes` (whole slabs) of locked memory between two inaccessible pages or more.
  bool Lock(std::size_t bytes) {
    const std::size_t reserved = bytes + 2 * kSlabSize;
    void* map = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return false;
    const std::size_t past = reinterpret_cast<std::uintptr_t>(map) % kSlabSize;
    auto* base = static_cast<std::uint8_t*>(map) + (kSlabSize - past);
    if (mprotect(base, bytes, PROT_READ | PROT_WRITE) != 0 || mlock(base, bytes) != 0 ||
        madvise(base, bytes, MADV_DONTDUMP) != 0 || madvise(base, bytes, MADV_WIPEONFORK) != 0) {
      munmap(map, reserved);
      return false;
    }
    for (std::size_t offset = 0; offset < bytes; offset += kSlabSize) {
      slabs_.push_back({.base = base + offset});
    }
    std::sort(slabs_.begin(), slabs_.end(),
              [](const Slab& a, const Slab& b) { return a.base < b.base; });
    return true;
  }

  std::mutex mutex_;
  // In order of address.
  std::vector<Slab> slabs_;
  // Per size class, the slab that last had room.
  std::array<std::size_t, kClasses> current_;
};

}  // namespace

absl::Status ReserveLockedMemory(std::size_t bytes) {
  if (Arena::Instance().Reserve(bytes)) return absl::OkStatus();
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return Error(Reason::kLockedMemory,
               "cannot lock " + std::to_string(bytes) + " bytes for secrets: RLIMIT_MEMLOCK is " +
                   std::to_string(limit.rlim_cur) + " and must be larger than that");
}

std::uint8_t* AllocateLocked(std::size_t size) { return Arena::Instance().Allocate(size); }

void FreeLocked(std::uint8_t* block, std::size_t size) noexcept {
  if (block != nullptr) Arena::Instance().Free(block, size);
}

}  // namespace keysvc::crypto
