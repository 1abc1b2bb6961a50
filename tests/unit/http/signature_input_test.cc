#include "http/signature_input.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::http {
namespace {

using keysvc::testing::HasReason;
using ::testing::ElementsAre;

TEST(SignatureInputTest, IsReadAsItWasWritten) {
  const std::string text =
      R"(("@method" "date");created=1618884473;expires=1618884533;nonce="a\"b\\c";alg="ed25519")"
      R"(;keyid="k";tag="app")";
  const auto input = ParseSignatureInput(text);
  ASSERT_OK(input);
  EXPECT_THAT(input->components, ElementsAre("@method", "date"));
  EXPECT_EQ(input->Integer("created"), 1618884473);
  EXPECT_EQ(input->Integer("expires"), 1618884533);
  EXPECT_EQ(input->Text("nonce"), "a\"b\\c");
  EXPECT_EQ(input->Text("keyid"), "k");
  EXPECT_EQ(input->Integer("keyid"), std::nullopt);
  EXPECT_EQ(input->Text("created"), std::nullopt);
  EXPECT_EQ(ToText(*input), text);
  EXPECT_OK(ParseSignatureInput("()"));
}

TEST(SignatureInputTest, EverythingElseIsRefused) {
  for (const char* text : {"",
                           "(",
                           ")",
                           "()x",
                           "(\"@method\"",
                           "(@method)",
                           "(\"@method\" \"@method\")",
                           "(\"@method\"  \"date\")",
                           "( \"date\")",
                           "(\"date\" )",
                           "(\"Date\")",
                           "(\"@target\")",
                           "(\"date\";sf)",
                           "(\"date\";req)",
                           "(\"@query-param\")",
                           "(\"@query-param\";name=\"\")",
                           "(\"@query-param\";name=\"a b\")",
                           "(\"@query-param\";name=a)",
                           "(\"@query-param\";name=\"a\";req)",
                           "(\"@query-param\";name=\"a\" \"@query-param\";name=\"a\")",
                           "(\"@query-param;name=\"a\"\")",
                           "(\"date\";name=\"a\")",
                           "(\"da te\")",
                           "();created",
                           "();created=",
                           "();created=x",
                           "();created=\"1\"",
                           "();created=-1",
                           "();created=01",
                           "();created=+1",
                           "();created=1.0",
                           "();created=1000000000000000",
                           "();created=1;created=2",
                           "();keyid=k",
                           "();keyid=1",
                           "();keyid=\"a",
                           "();keyid=\"a\\b\"",
                           "();keyid=\"\n\"",
                           "();other=1",
                           "(); created=1",
                           "();created=1;",
                           "();created=1 "}) {
    EXPECT_THAT(ParseSignatureInput(text), HasReason(Reason::kFieldInvalid)) << text;
  }
  std::string many = "(";
  for (int i = 0; i < 33; ++i) many += (i == 0 ? "\"a" : " \"a") + std::to_string(i) + "\"";
  EXPECT_THAT(ParseSignatureInput(many + ")"), HasReason(Reason::kFieldInvalid));
}

TEST(DictionaryTest, HasLabelsAndValues) {
  const auto members = ParseDictionary(R"(sig1=("a" "b");keyid="x,y=z", sig2=:YQ==:,*a=())");
  ASSERT_OK(members);
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ((*members)[0].label, "sig1");
  EXPECT_EQ((*members)[0].value, R"(("a" "b");keyid="x,y=z")");
  EXPECT_EQ((*members)[1].value, ":YQ==:");
  EXPECT_EQ((*members)[2].label, "*a");
  for (const char* text :
       {"", "a", "=b", "a=b,", ",a=b", "a=b,,c=d", "a=b,a=c", "A=b", "a=\"b", "1a=b", "a b=c"}) {
    EXPECT_THAT(ParseDictionary(text), HasReason(Reason::kFieldInvalid)) << text;
  }
}

TEST(DictionaryTest, ByteSequencesHaveOneForm) {
  EXPECT_EQ(ByteSequence("a"), ":YQ==:");
  EXPECT_EQ(FromByteSequence(":YQ==:"), "a");
  for (const char* text : {"", ":", "YQ==", ":YQ:", ":YQ==", ":YR==:", ": YQ==:"}) {
    EXPECT_EQ(FromByteSequence(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keysvc::http
