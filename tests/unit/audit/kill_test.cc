// A process that is killed at any instant loses nothing it acknowledged.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "store/sqlcipher_store.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::ExportText;
using ::keysvc::testing::NewKey;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::SomeEntry;
using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::VerifyText;

constexpr int kKills = 20;
constexpr char kChild[] = "--child";

struct Deployment {
  explicit Deployment(const std::string& folder) {
    store_options.path = folder + "/keysvc.db";
    store_options.deployment = "test";
    store_options.environment = "development";
    options.origin = "keysvc.example/test";
    options.checkpoint_directory = folder + "/outside";
    options.checkpoint_interval = absl::Milliseconds(3);
    options.answer_within = absl::Minutes(1);
  }
  std::unique_ptr<store::Store> Open() const {
    return store::OpenSqlcipherStore(store_options, key).value();
  }

  crypto::SecretKey<32> key =
      crypto::SecretKey<32>::From(
          crypto::SecretBytes::CopyOf(crypto::AsBytes(std::string(32, 'k'))))
          .value();
  store::SqlcipherOptions store_options;
  JournalOptions options;
};

// One acknowledged record, as the child reports it.
struct Acknowledged {
  std::uint64_t index = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Acknowledged) <= 512, "a pipe takes up to PIPE_BUF bytes in one piece");

std::string RequestId(int round, std::uint64_t number) {
  return std::to_string(round) + "/" + std::to_string(number);
}

// Writes records until it is killed, each with a key row, many at a time.
[[noreturn]] void RunChild(const std::string& folder, int round, int pipe_end) {
  const Deployment deployment(folder);
  const auto store = deployment.Open();
  const auto signer = SoftwareSigner::Ed25519();
  const auto journal = Journal::Start(*store, *signer, deployment.options).value();
  std::function<void(std::uint64_t)> submit = [&](std::uint64_t number) {
    const std::string id = RequestId(round, number);
    journal->Submit(SomeEntry(id), NewKey(id), [&, number](absl::StatusOr<Receipt> receipt) {
      if (!receipt.ok()) std::abort();
      const Acknowledged acknowledged{receipt->index(), number};
      if (write(pipe_end, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged))
        std::abort();
      submit(number + 16);
    });
  };
  for (std::uint64_t number = 0; number < 16; ++number) submit(number);
  while (true) pause();
}

TEST(KillTest, NoAcknowledgedRecordIsLost) {
  const std::uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const TemporaryDirectory folder;
  const Deployment deployment(folder.path());
  std::filesystem::create_directory(deployment.options.checkpoint_directory);
  ASSERT_OK(store::CreateSqlcipherStore(deployment.store_options, deployment.key));

  std::map<std::uint64_t, std::string> acknowledged;  // request id by index
  for (int round = 0; round < kKills; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      // A new image: locked memory and threads do not come along with a fork.
      const std::string round_text = std::to_string(round);
      const std::string end_text = std::to_string(ends[1]);
      execl("/proc/self/exe", "audit_kill_tests", kChild, folder.path().c_str(), round_text.c_str(),
            end_text.c_str(), nullptr);
      _exit(1);
    }
    close(ends[1]);
    // Killed once a random number of receipts was seen; what is still in the pipe counts as well.
    std::uint64_t until_kill = std::uniform_int_distribution<std::uint64_t>(1, 300)(random);
    Acknowledged one;
    while (read(ends[0], &one, sizeof(one)) == sizeof(one)) {
      acknowledged[one.index] = RequestId(round, one.number);
      if (until_kill > 0 && --until_kill == 0) kill(child, SIGKILL);
    }
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "seed " << seed;

    const auto store = deployment.Open();
    const auto signer = SoftwareSigner::Ed25519();
    const auto journal = Journal::Start(*store, *signer, deployment.options);
    ASSERT_OK(journal) << "seed " << seed << ", round " << round;
    const std::string note = (*journal)->CheckpointNow().value();
    const std::string& key = (*journal)->verifier_key();
    EXPECT_OK(VerifyText(ExportText(*store, 0, note, key).value(), key, note));
    for (const auto& [index, id] : acknowledged) {
      const auto leaves = store->ReadLeaves(index, 1).value();
      ASSERT_EQ(leaves.size(), 1U) << "seed " << seed;
      ASSERT_NE(leaves[0].body.find("\"" + id + "\""), std::string::npos) << "seed " << seed;
    }
    EXPECT_GE(store->ListKeyVersions().value().size(), acknowledged.size());
  }
  std::printf("%d kills, %zu acknowledged, none lost\n", kKills, acknowledged.size());
}

}  // namespace
}  // namespace keysvc::audit

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == keysvc::audit::kChild) {
    keysvc::audit::RunChild(argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
