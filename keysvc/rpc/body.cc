#include "keysvc/rpc/body.h"

#include <string.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "keysvc/v1/options.pb.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The path of a message that holds an unknown field: "" for `message` itself, "cards[3]" below.
std::optional<std::string> FindUnknownField(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return "";
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (!reflection.HasField(message, field)) continue;
      const auto inner = FindUnknownField(reflection.GetMessage(message, field));
      if (inner.has_value()) return absl::StrCat(field->name(), inner->empty() ? "" : ".", *inner);
      continue;
    }
    for (int item = 0; item < reflection.FieldSize(message, field); ++item) {
      const auto inner = FindUnknownField(reflection.GetRepeatedMessage(message, field, item));
      if (!inner.has_value()) continue;
      return absl::StrCat(field->name(), "[", item, "]", inner->empty() ? "" : ".", *inner);
    }
  }
  return std::nullopt;
}

// The fields of a type that may hold something to wipe. Kept, because asking each field for its
// options at each message was a twentieth of what a batch of Detokenize cost.
struct FieldsToWipe {
  std::vector<const FieldDescriptor*> texts;
  std::vector<const FieldDescriptor*> messages;
};

const FieldsToWipe& FieldsToWipeOf(const google::protobuf::Descriptor& type) {
  thread_local std::unordered_map<const google::protobuf::Descriptor*, FieldsToWipe> known;
  const auto [place, first] = known.try_emplace(&type);
  FieldsToWipe& fields = place->second;
  if (!first) return fields;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      fields.messages.push_back(field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
               field->options().GetExtension(v1::sensitive)) {
      fields.texts.push_back(field);
    }
  }
  return fields;
}

void Wipe(const std::string& value) {
  // Protobuf lends its strings as const; the message behind this one is ours and mutable.
  explicit_bzero(const_cast<char*>(value.data()), value.size());
}

// The bytes of one message are read by nobody else, although its slices share a larger buffer with
// others. Very short slices are held by value; their original stays out of reach.
void WipeBody(grpc::ByteBuffer& body) {
  std::vector<grpc::Slice> slices;
  if (body.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      explicit_bzero(const_cast<std::uint8_t*>(slice.begin()), slice.size());
    }
  }
  body.Clear();
}

absl::Status ParseUnwiped(grpc::ByteBuffer& body, Message& message) {
  if (body.Length() > kBodyLimit) {
    return Error(Reason::kMessageTooLarge, "the request is larger than 256 KiB");
  }
  grpc::ProtoBufferReader reader(&body);
  if (!reader.status().ok() || !message.ParseFromZeroCopyStream(&reader)) {
    return Error(Reason::kMalformedRequest, "the request is not a message of the expected type");
  }
  if (const auto place = FindUnknownField(message); place.has_value()) {
    return Error(Reason::kUnknownField, "the request has a field that is not known", *place);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseBody(grpc::ByteBuffer& body, Message& message) {
  absl::Status status = ParseUnwiped(body, message);
  WipeBody(body);
  return status;
}

grpc::ByteBuffer WriteBody(const Message& message) {
  const std::size_t size = message.ByteSizeLong();
  auto* bytes = new std::uint8_t[size];
  message.SerializeWithCachedSizesToArray(bytes);
  const grpc::Slice slice(bytes, size, [](void* begin, std::size_t length) {
    explicit_bzero(begin, length);
    delete[] static_cast<std::uint8_t*>(begin);
  });
  return grpc::ByteBuffer(&slice, 1);
}

void WipeSensitive(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const FieldsToWipe& fields = FieldsToWipeOf(*message.GetDescriptor());
  std::string scratch;
  for (const FieldDescriptor* text : fields.texts) {
    if (!text->is_repeated()) {
      if (reflection.HasField(message, text)) {
        Wipe(reflection.GetStringReference(message, text, &scratch));
      }
      continue;
    }
    for (int item = 0; item < reflection.FieldSize(message, text); ++item) {
      Wipe(reflection.GetRepeatedStringReference(message, text, item, &scratch));
    }
  }
  for (const FieldDescriptor* nested : fields.messages) {
    if (!nested->is_repeated()) {
      if (reflection.HasField(message, nested)) {
        WipeSensitive(*reflection.MutableMessage(&message, nested));
      }
      continue;
    }
    for (int item = 0; item < reflection.FieldSize(message, nested); ++item) {
      WipeSensitive(*reflection.MutableRepeatedMessage(&message, nested, item));
    }
  }
}

}  // namespace keysvc::rpc
