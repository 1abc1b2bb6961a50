#include "http/message.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::http {
namespace {

using keysvc::testing::HasReason;

Message Request() {
  Message message;
  message.method = "GET";
  message.scheme = "HTTPS";
  message.authority = "Bank.Example:443";
  message.path = "/a%2Fb";
  message.query = "x=1&y=";
  message.fields = {{"Accept", " a/b "}, {"X", "1"}, {"x", ""}, {"X", "3\t"}};
  return message;
}
std::string Component(const Message& message, const char* name) {
  const auto value = ComponentOf(message, name);
  return value.ok() ? *value : "none";
}

// RFC 9421 section 2.2.
TEST(MessageTest, DerivedComponentsAreNormalized) {
  const Message message = Request();
  ASSERT_OK(CheckMessage(message));
  EXPECT_EQ(Component(message, "@method"), "GET");
  EXPECT_EQ(Component(message, "@scheme"), "https");
  EXPECT_EQ(Component(message, "@authority"), "bank.example");
  EXPECT_EQ(Component(message, "@path"), "/a%2Fb");
  EXPECT_EQ(Component(message, "@query"), "?x=1&y=");
  EXPECT_EQ(Component(message, "@request-target"), "/a%2Fb?x=1&y=");
  EXPECT_EQ(Component(message, "@target-uri"), "https://bank.example/a%2Fb?x=1&y=");
  Message other = message;
  other.authority = "bank.example:8443";
  EXPECT_EQ(Component(other, "@authority"), "bank.example:8443");
  other.scheme = "http";
  other.authority = "bank.example:80";
  EXPECT_EQ(Component(other, "@authority"), "bank.example");
  other.path.clear();
  other.query.clear();
  EXPECT_EQ(Component(other, "@path"), "/");
  EXPECT_EQ(Component(other, "@query"), "?");
  EXPECT_EQ(Component(other, "@target-uri"), "http://bank.example/");
}

// RFC 9421 section 2.1.
TEST(MessageTest, FieldsAreStrippedAndJoinedInTheirOrder) {
  EXPECT_EQ(Component(Request(), "accept"), "a/b");
  EXPECT_EQ(Component(Request(), "x"), "1, , 3");
  EXPECT_EQ(Component(Request(), "y"), "none");
  EXPECT_EQ(Component(Request(), "X"), "none");
}

TEST(MessageTest, AMessageThatCouldHoldAnotherLineIsRefused) {
  const auto refused = [](auto change) {
    Message message = Request();
    change(message);
    EXPECT_THAT(CheckMessage(message), HasReason(Reason::kFieldInvalid));
  };
  refused([](Message& m) { m.fields[0].value = "a\n\"@method\": POST"; });
  refused([](Message& m) { m.fields[0].value = "a\r"; });
  refused([](Message& m) { m.fields[0].value = std::string("a\0b", 3); });
  refused([](Message& m) { m.fields[0].value = "\xc3\xa4"; });
  refused([](Message& m) { m.fields[0].name = "a b"; });
  refused([](Message& m) { m.fields[0].name = ""; });
  refused([](Message& m) { m.fields[0].name = "a\":"; });
  refused([](Message& m) { m.method = ""; });
  refused([](Message& m) { m.method = "GE T"; });
  refused([](Message& m) { m.path = "a"; });
  refused([](Message& m) { m.path = "/a?b"; });
  refused([](Message& m) { m.path = "/a\n"; });
  refused([](Message& m) { m.query = "a#b"; });
  refused([](Message& m) { m.query = "a b"; });
  refused([](Message& m) { m.authority = "a\nb"; });
  refused([](Message& m) { m.status = 200; });
  refused([](Message& m) {
    m = {};
    m.status = 600;
  });
}

TEST(MessageTest, AMessageHasLimits) {
  Message message = Request();
  message.fields.assign(65, {"a", "b"});
  EXPECT_THAT(CheckMessage(message), HasReason(Reason::kMessageTooLarge));
  message.fields.pop_back();
  EXPECT_OK(CheckMessage(message));
  message.body = std::string(64 * 1024, 'x');
  EXPECT_THAT(CheckMessage(message), HasReason(Reason::kMessageTooLarge));
}

}  // namespace
}  // namespace keysvc::http
