#include "store/sidecar.h"

#include <algorithm>
#include <cstddef>

#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/durable_file.h"

namespace keysvc::store {
namespace {

using crypto::CanonicalReader;
using crypto::CanonicalWriter;

constexpr std::uint8_t kFormatWithoutRecovery = 1;
constexpr std::uint8_t kFormat = 2;
constexpr std::size_t kDigestSize = sizeof(crypto::Sha256Digest);
constexpr std::size_t kSizeLimit = std::size_t{64} * 1024;

bool Allowed(const SidecarSlot& slot) { return slot.cipher_parameters == kCipherParametersV1; }

absl::StatusOr<SidecarSlot> ReadSlot(CanonicalReader& reader, std::uint8_t format) {
  SidecarSlot slot;
  ASSIGN_OR_RETURN(slot.cipher_parameters, reader.U8());
  ASSIGN_OR_RETURN(slot.wrapped_key, reader.Bytes());
  if (format != kFormatWithoutRecovery) {
    ASSIGN_OR_RETURN(slot.recovery_key_id, reader.Bytes());
    ASSIGN_OR_RETURN(slot.recovery, reader.Bytes());
  }
  if (!Allowed(slot)) {
    return Error(Reason::kStoreNewer, "the sidecar asks for unknown cipher parameters");
  }
  return slot;
}

void WriteSlot(CanonicalWriter& writer, const SidecarSlot& slot) {
  writer.U8(slot.cipher_parameters)
      .Bytes(slot.wrapped_key)
      .Bytes(slot.recovery_key_id)
      .Bytes(slot.recovery);
}

}  // namespace

std::string SidecarContext(std::string_view deployment, std::string_view environment,
                           std::uint8_t cipher_parameters) {
  return CanonicalWriter()
      .Bytes("keysvc database key")
      .Bytes(deployment)
      .Bytes(environment)
      .U8(cipher_parameters)
      .Take();
}

std::string WrapContextOf(const Sidecar& sidecar, const SidecarSlot& slot) {
  const std::string context =
      SidecarContext(sidecar.deployment, sidecar.environment, slot.cipher_parameters);
  if (sidecar.format == kFormatWithoutRecovery) return context;
  const std::string copy =
      CanonicalWriter().Bytes(slot.recovery_key_id).Bytes(slot.recovery).Take();
  return context +
         CanonicalWriter().U8(sidecar.format).Bytes(crypto::AsText(crypto::Sha256(copy))).Take();
}

absl::StatusOr<Sidecar> ReadSidecar(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string file, ReadWholeFile(path, kSizeLimit));
  const std::string_view view = file;
  const std::string_view body = view.substr(0, view.size() - std::min(view.size(), kDigestSize));
  if (crypto::AsText(crypto::Sha256(body)) != view.substr(body.size())) {
    return Error(Reason::kIntegrityFailure, "the sidecar is damaged");
  }
  CanonicalReader reader(body);
  Sidecar sidecar;
  ASSIGN_OR_RETURN(sidecar.format, reader.U8());
  if (sidecar.format != kFormat && sidecar.format != kFormatWithoutRecovery) {
    return Error(Reason::kStoreNewer, "the sidecar was written by a newer keysvc");
  }
  ASSIGN_OR_RETURN(sidecar.deployment, reader.Bytes());
  ASSIGN_OR_RETURN(sidecar.environment, reader.Bytes());
  ASSIGN_OR_RETURN(sidecar.current, ReadSlot(reader, sidecar.format));
  ASSIGN_OR_RETURN(const std::uint8_t slots_after, reader.U8());
  if (slots_after > 1) return Error(Reason::kIntegrityFailure, "the sidecar is damaged");
  if (slots_after == 1) {
    ASSIGN_OR_RETURN(sidecar.next, ReadSlot(reader, sidecar.format));
  }
  RETURN_IF_ERROR(reader.Finish());
  return sidecar;
}

absl::Status WriteSidecar(const std::string& path, const Sidecar& sidecar) {
  if (!Allowed(sidecar.current) || (sidecar.next.has_value() && !Allowed(*sidecar.next))) {
    return Error(Reason::kInternal, "the sidecar's cipher parameters are not on the list");
  }
  if (sidecar.format != kFormat) {
    return Error(Reason::kInternal, "a sidecar of an old format is not written any more");
  }
  CanonicalWriter writer;
  writer.U8(kFormat).Bytes(sidecar.deployment).Bytes(sidecar.environment);
  WriteSlot(writer, sidecar.current);
  writer.U8(sidecar.next.has_value() ? 1 : 0);
  if (sidecar.next.has_value()) WriteSlot(writer, *sidecar.next);
  std::string file = writer.Take();
  file += crypto::AsText(crypto::Sha256(file));
  return ReplaceFile(path, file);
}

}  // namespace keysvc::store
