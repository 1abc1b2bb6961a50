#include "crypto/locked_memory.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/secret_bytes.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

// The exit code of a child process that runs `body`.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

[[maybe_unused]] void LimitLockedMemory(rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  // Root may lock beyond the limit.
  if (geteuid() == 0 && setuid(65534) != 0) _exit(99);
}

// The lines of /proc/self/smaps of the mapping that holds `address`.
std::vector<std::string> MappingOf(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char dash = 0;
    std::istringstream header(line);
    if (header >> std::hex >> from >> dash >> to && dash == '-') {
      inside = from <= wanted && wanted < to;
    }
    if (inside) lines.push_back(line);
  }
  return lines;
}

[[maybe_unused]] std::string Flags(const void* address) {
  for (const std::string& line : MappingOf(address)) {
    if (line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST(LockedMemoryTest, ABlockIsLockedAndNeitherDumpedNorInherited) {
  std::uint8_t* block = AllocateLocked(100);
  ASSERT_NE(block, nullptr);
  const std::string flags = Flags(block);
  EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf "), std::string::npos) << flags;
  FreeLocked(block, 100);
}
#endif

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST(LockedMemoryTest, ReservingCountsAsLockedInTheProcessStatus) {
  ASSERT_OK(ReserveLockedMemory(std::size_t{3} << 20));
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmLck:")) continue;
    EXPECT_GE(std::stol(line.substr(6)), 3 << 10) << line;
    return;
  }
  FAIL() << "no VmLck";
}
#endif

TEST(LockedMemoryTest, MemoryBeyondTheBlocksOfAnArenaIsNotAccessible) {
  std::uint8_t* block = AllocateLocked(64 << 10);
  ASSERT_NE(block, nullptr);
  const std::vector<std::string> mapping = MappingOf(block);
  ASSERT_FALSE(mapping.empty());
  std::uintptr_t end = 0;
  std::istringstream(mapping[0].substr(mapping[0].find('-') + 1)) >> std::hex >> end;
  const std::vector<std::string> next = MappingOf(reinterpret_cast<void*>(end));
  ASSERT_FALSE(next.empty());
  EXPECT_NE(next[0].find("---p"), std::string::npos) << next[0];
  FreeLocked(block, 64 << 10);
}

TEST(LockedMemoryTest, SizesOutsideTheRangeAreRefused) {
  EXPECT_EQ(AllocateLocked(0), nullptr);
  EXPECT_EQ(AllocateLocked((64 << 10) + 1), nullptr);
  FreeLocked(nullptr, 0);
}

TEST(LockedMemoryTest, ABlockThatComesBackIsWipedAndHandedOutZeroed) {
  std::uint8_t* kept = AllocateLocked(200);
  std::uint8_t* block = AllocateLocked(200);
  ASSERT_NE(block, nullptr);
  std::memset(block, 0xa5, 200);
  FreeLocked(block, 200);
  // The arena may keep a pointer in the first bytes of a block that nobody has.
  for (std::size_t i = sizeof(void*); i < 256; ++i) ASSERT_EQ(block[i], 0) << i;
  std::uint8_t* again = AllocateLocked(200);
  ASSERT_EQ(again, block);
  for (std::size_t i = 0; i < 256; ++i) ASSERT_EQ(again[i], 0) << i;
  FreeLocked(again, 200);
  FreeLocked(kept, 200);
}

TEST(LockedMemoryTest, BlocksNeverOverlapUnderRandomUse) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  struct Block {
    std::uint8_t* data;
    std::size_t size;
    std::uint8_t mark;
  };
  std::vector<Block> blocks;
  for (int step = 0; step < 20000; ++step) {
    if (!blocks.empty() && (blocks.size() > 300 || random() % 2 == 0)) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Block block = blocks.back();
      blocks.pop_back();
      ASSERT_TRUE(std::all_of(block.data, block.data + block.size,
                              [&](std::uint8_t byte) { return byte == block.mark; }));
      FreeLocked(block.data, block.size);
      continue;
    }
    const std::size_t size = 1 + random() % (std::size_t{1} << (4 + random() % 8));
    std::uint8_t* data = AllocateLocked(size);
    ASSERT_NE(data, nullptr);
    ASSERT_TRUE(std::all_of(data, data + size, [](std::uint8_t byte) { return byte == 0; }));
    const auto mark = static_cast<std::uint8_t>(1 + random() % 255);
    std::fill_n(data, size, mark);
    blocks.push_back({data, size, mark});
  }
  for (const Block& block : blocks) FreeLocked(block.data, block.size);
}

TEST(LockedMemoryTest, ThreadsAllocateAndFreeAtTheSameTime) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 5000; ++i) {
        std::uint8_t* block = AllocateLocked(48);
        ASSERT_NE(block, nullptr);
        std::fill_n(block, 48, static_cast<std::uint8_t>(t + 1));
        ASSERT_TRUE(std::all_of(block, block + 48, [&](std::uint8_t b) { return b == t + 1; }));
        FreeLocked(block, 48);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST(LockedMemoryTest, SpaceOfOneSizeIsUsedAgainForAnother) {
  EXPECT_EQ(InChild([] {
              LimitLockedMemory(1 << 20);
              for (const std::size_t size : {32u, 4096u, 65536u, 512u}) {
                const std::size_t room = (std::size_t{1} << 20) / size;
                std::vector<std::uint8_t*> blocks;
                for (std::size_t i = 0; i < room; ++i) {
                  blocks.push_back(AllocateLocked(size));
                  if (blocks.back() == nullptr) return 1;
                }
                if (AllocateLocked(size) != nullptr) return 2;
                for (std::uint8_t* block : blocks) FreeLocked(block, size);
              }
              return 0;
            }),
            0);
}
#endif

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST(LockedMemoryTest, BeyondTheLimitNothingIsHandedOut) {
  EXPECT_EQ(InChild([] {
              LimitLockedMemory(0);
              if (AllocateLocked(32) != nullptr) return 1;
              if (ReasonOf(SecretBytes::Create(32).status()) != Reason::kLockedMemory) return 2;
              const absl::Status status = ReserveLockedMemory(1 << 20);
              if (ReasonOf(status) != Reason::kLockedMemory) return 3;
              return status.message().find("1048576") == absl::string_view::npos ? 4 : 0;
            }),
            0);
}
#endif

TEST(LockedMemoryTest, AChildProcessSeesNoSecretOfItsParentAndLocksItsOwn) {
  SecretBytes secret = SecretBytes::Random(64).value();
  const std::uint8_t* address = secret.Expose(SecretAccess::kGranted).data();
  EXPECT_EQ(InChild([&] {
              if (!std::all_of(address, address + 64, [](std::uint8_t b) { return b == 0; })) {
                return 1;
              }
              secret = SecretBytes();
              std::uint8_t* own = AllocateLocked(64);
              if (own == nullptr || own == address) return 2;
#ifndef __SANITIZE_ADDRESS__
              if (Flags(own).find(" lo ") == std::string::npos) return 3;
#endif
              return 0;
            }),
            0);
  EXPECT_FALSE(std::all_of(address, address + 64, [](std::uint8_t b) { return b == 0; }));
}

}  // namespace
}  // namespace keysvc::crypto
