#include "keysvc/cli/recovery_commands.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/recovery_key.h"
#include "crypto/recovery_share.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_file.h"
#include "keysvc/cli/file.h"
#include "policy/name.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

using crypto::RecoveryCertificate;
using crypto::RecoveryKey;
using crypto::RecoveryShare;
using crypto::RecoverySharing;
using crypto::SecretBytes;

constexpr std::size_t kFileLimit = 16 << 10;

absl::Status CheckOptions(const RecoveryInitOptions& options) {
  if (!policy::IsName(options.deployment)) {
    return Error(Reason::kFieldInvalid,
                 "a name of [a-z][a-z0-9-]{0,62} with at most 11 digits is expected",
                 "--deployment");
  }
  if (options.environment != "development" && options.environment != "test" &&
      options.environment != "production") {
    return Error(Reason::kFieldInvalid, "the environment is development, test or production",
                 "--environment");
  }
  return absl::OkStatus();
}

// Seals something to the certificate and opens it with every window of just enough neighbouring
// shares, so that each share has been used before anybody relies on it.
absl::Status TryOut(const RecoveryCertificate& certificate, const std::vector<SecretBytes>& texts) {
  ASSIGN_OR_RETURN(const SecretBytes secret, SecretBytes::Random(32));
  ASSIGN_OR_RETURN(const std::string sealed, certificate.Seal(secret, "trial"));
  for (std::size_t first = 0; first < texts.size(); ++first) {
    std::vector<RecoveryShare> shares;
    do {
      ASSIGN_OR_RETURN(RecoveryShare share,
                       crypto::ReadRecoveryShare(texts[(first + shares.size()) % texts.size()]));
      shares.push_back(std::move(share));
    } while (shares.size() < shares.front().of.threshold);
    ASSIGN_OR_RETURN(const auto key, crypto::CombineRecoveryShares(shares));
    ASSIGN_OR_RETURN(const SecretBytes opened, key->Open(sealed, "trial"));
    if (!(opened == secret)) return Error(Reason::kInternal, "a share does not work");
  }
  return absl::OkStatus();
}

// Files that go again unless Keep() was called.
class NewFiles {
 public:
  NewFiles() = default;
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  ~NewFiles() {
    for (const std::string& path : paths_) unlink(path.c_str());
  }
  absl::Status Write(const std::string& path, const SecretBytes& content) {
    RETURN_IF_ERROR(crypto::WriteSecretFile(path, content));
    paths_.push_back(path);
    return absl::OkStatus();
  }
  void Keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

// An empty folder that nobody else can look into: a new one, or one that was there. What is refused
// stays as it is.
absl::Status MakePrivateFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return FileError("cannot make the folder", path);
  }
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return FileError("not a folder that can be opened", path);
  const absl::Cleanup close_folder = [folder] { close(folder); };
  struct stat found {};
  // Its owner could open it to others again.
  if (fstat(folder, &found) != 0 || found.st_uid != geteuid()) {
    return FileError("not a folder of this user", path);
  }
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return FileError("cannot read", path);
  if (!empty) {
    return Error(Reason::kKeyExists, "the folder is not empty: name a new one", "--out");
  }
  if (fchmod(folder, 0700) != 0) return FileError("cannot close to others", path);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakeRecovery(const RecoveryInitOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const RecoverySharing sharing{.deployment = options.deployment,
                                .environment = options.environment,
                                .key_id = {},
                                .threshold = options.threshold,
                                .shares = options.shares};
  ASSIGN_OR_RETURN(const std::unique_ptr<RecoveryKey> key, RecoveryKey::Generate());
  ASSIGN_OR_RETURN(const std::vector<RecoveryShare> shares,
                   crypto::SplitRecoveryKey(*key, sharing));
  ASSIGN_OR_RETURN(const std::string pem,
                   key->MakeCertificate(options.deployment, options.environment));
  ASSIGN_OR_RETURN(const auto certificate, RecoveryCertificate::FromPem(pem));
  std::vector<SecretBytes> texts;
  for (const RecoveryShare& share : shares) {
    ASSIGN_OR_RETURN(SecretBytes text, crypto::WriteRecoveryShare(share));
    texts.push_back(std::move(text));
  }
  RETURN_IF_ERROR(TryOut(*certificate, texts));

  RETURN_IF_ERROR(MakePrivateFolder(options.out));
  NewFiles files;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    RETURN_IF_ERROR(files.Write(absl::StrCat(options.out, "/share-", i + 1), texts[i]));
  }
  ASSIGN_OR_RETURN(const SecretBytes text, SecretBytes::CopyOf(crypto::AsBytes(pem)));
  const std::string certificate_file = options.out + "/recovery.pem";
  RETURN_IF_ERROR(files.Write(certificate_file, text));
  // Public, and the service that seals to it is another user.
  if (chmod(certificate_file.c_str(), 0644) != 0) {
    return FileError("cannot make readable", certificate_file);
  }
  files.Keep();
  return key->key_id();
}

absl::StatusOr<std::vector<RecoveryShare>> ReadShares(const std::vector<std::string>& files) {
  std::vector<RecoveryShare> shares;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(RecoveryShare share, crypto::ReadRecoveryShareFile(file));
    shares.push_back(std::move(share));
  }
  return shares;
}

Fields FieldsOf(const RecoveryShare& share) {
  return {{"share", std::int64_t{share.number}},
          {"of", std::int64_t{share.of.shares}},
          {"needed", std::int64_t{share.of.threshold}},
          {"deployment", share.of.deployment},
          {"environment", share.of.environment},
          {"recovery_key", absl::BytesToHexString(share.of.key_id).substr(0, 16)}};
}

absl::Status CheckShares(const std::vector<RecoveryShare>& shares,
                         const std::string& certificate_file) {
  ASSIGN_OR_RETURN(const auto key, crypto::CombineRecoveryShares(shares));
  if (certificate_file.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string pem, ReadFile(certificate_file, kFileLimit));
  ASSIGN_OR_RETURN(const auto certificate, RecoveryCertificate::FromPem(pem));
  if (certificate->key_id() != key->key_id()) {
    return Error(Reason::kRecoveryKeyMismatch, "the shares are not of this certificate's key");
  }
  return absl::OkStatus();
}

}  // namespace

ExitCode InitRecovery(const RecoveryInitOptions& options, Output& output) {
  const absl::StatusOr<std::string> key_id = MakeRecovery(options);
  if (!key_id.ok()) return Report(key_id.status());
  output.Show({{"recovery_key", absl::BytesToHexString(*key_id)},
               {"certificate", options.out + "/recovery.pem"},
               {"shares", absl::StrCat(options.out, "/share-1 to share-", options.shares)},
               {"needed", std::int64_t{options.threshold}}});
  return ExitCode::kOk;
}

ExitCode RestoreRecovery(const RecoveryRestoreOptions& options) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Report(FileError("cannot read", "/proc/self/exe"));
  const std::string daemon = (self.parent_path() / "keysvcd").string();
  std::vector<std::string> words = {daemon,    "--config",       options.config_file,
                                    "restore", "--verifier-key", options.verifier_key_file};
  for (const std::string& file : options.share_files) {
    words.emplace_back("--share");
    words.push_back(file);
  }
  if (options.accept_older_store) words.emplace_back("--accept-older-store");
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(daemon.c_str(), arguments.data());
  return Report(FileError("cannot run", daemon));
}

ExitCode ShowRecovery(const RecoveryShowOptions& options, Output& output) {
  const absl::StatusOr<std::vector<RecoveryShare>> shares = ReadShares(options.share_files);
  if (!shares.ok()) return Report(shares.status());
  std::vector<Fields> rows;
  for (const RecoveryShare& share : *shares) rows.push_back(FieldsOf(share));
  output.ShowAll(rows);
  const absl::Status checked = CheckShares(*shares, options.certificate_file);
  if (!checked.ok()) return Report(checked);
  output.Show({{"sufficient", true}});
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
