#include "core/option_table.hpp"

#include "core/error.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

OptionTable glass_options() {
  OptionTable table;
  table.group("Glass");
  table.list("input").positional().text("Scans.");
  table.real("temperature", 300.0).range(1.0, 5000.0).unit("K").text("Temperature.");
  table.integer("seed", 1).range(0, 1e9).text("Random seed.");
  table.text("engine", "direct").choices({"direct", "fast"}).text("Engine.");
  table.real("wall-limit").range(0.0, 1e6).unit("s").text("No default.");
  table.flag("overwrite").text("Replace.");
  return table;
}

std::string refusal(const std::vector<std::string>& arguments, const std::vector<ConfigurationText>& files = {}) {
  try {
    (void)glass_options().parse(arguments, files);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
    return error.what();
  }
  return "accepted";
}

TEST(OptionTable, defaults_and_values) {
  const auto options =
      glass_options().parse({"a.raw", "--temperature=77", "--seed", "1e3", "--overwrite", "b.raw"}, {});
  EXPECT_EQ(options.real("temperature"), 77.0);
  EXPECT_EQ(options.integer("seed"), 1000);
  EXPECT_EQ(options.text("engine"), "direct");
  EXPECT_TRUE(options.flag("overwrite"));
  EXPECT_FALSE(options.has("wall-limit"));
  EXPECT_TRUE(options.given("seed"));
  EXPECT_FALSE(options.given("engine"));
  EXPECT_EQ(options.list("input"), (std::vector<std::string>{"a.raw", "b.raw"}));
}

TEST(OptionTable, strongest_source_wins_for_single_values_and_lists) {
  const std::vector<ConfigurationText> files = {{"a.cfg", "temperature = 10\nseed = 5\ninput = x\n"},
                                                {"b.cfg", "temperature = 20\n# note\n"}};
  const auto options = glass_options().parse({"--seed", "7", "y"}, files);
  EXPECT_EQ(options.real("temperature"), 20.0);
  EXPECT_EQ(options.integer("seed"), 7);
  EXPECT_EQ(options.list("input"), (std::vector<std::string>{"y"}));
}

TEST(OptionTable, refusals_name_option_value_range_and_remedy) {
  EXPECT_NE(refusal({"--temprature", "3"}).find("perhaps 'temperature'"), std::string::npos);
  EXPECT_NE(refusal({"--temperature", "0.5"}).find("1 to 5000 in K"), std::string::npos);
  EXPECT_NE(refusal({"--temperature", "-0.5"}).find("-0.5"), std::string::npos);
  EXPECT_NE(refusal({"--temperature", "inf"}).find("finite"), std::string::npos);
  EXPECT_NE(refusal({"--seed", "2.5"}).find("whole"), std::string::npos);
  EXPECT_NE(refusal({"--engine", "fats"}).find("'fast'"), std::string::npos);
  EXPECT_NE(refusal({"--seed"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal({"-x"}).find("unknown option"), std::string::npos);
  EXPECT_NE(refusal({}, {{"c.cfg", "seed = two"}}).find("c.cfg"), std::string::npos);
  // A bad value in a file is an error even where the command line wins.
  EXPECT_NE(refusal({"--seed", "3"}, {{"c.cfg", "seed = two"}}).find("c.cfg"), std::string::npos);
}

TEST(OptionTable, required_options_must_be_given) {
  OptionTable table;
  table.text("output").required().text("Where to write.");
  EXPECT_THROW((void)table.parse({}, {}), Error);
  EXPECT_NO_THROW((void)table.parse({"--output", "x"}, {}));
}

TEST(OptionTable, the_resolved_configuration_parses_to_itself) {
  const auto options = glass_options().parse({"a.raw", "--temperature", "77.25", "--overwrite"}, {});
  const auto again = glass_options().parse({}, {{"resolved", options.resolved()}});
  EXPECT_EQ(again.resolved(), options.resolved());
}

TEST(OptionTable, every_row_stands_in_help_manual_and_configuration) {
  const auto table = glass_options();
  const ProgramInformation program{"mg-test", "tests", "Teaches.", {}};
  for (const auto& row : table.rows()) {
    EXPECT_NE(table.help(program).find("--" + row.name()), std::string::npos);
    EXPECT_NE(table.configuration(program).find(row.name() + " ="), std::string::npos);
  }
  EXPECT_NE(table.manual(program).find("\\-\\-wall\\-limit"), std::string::npos);
}

TEST(NearestName, finds_what_was_meant_and_nothing_far_off) {
  EXPECT_EQ(nearest_name("seeed", {"seed", "speed", "engine"}), "seed");
  EXPECT_EQ(nearest_name("temp", {"seed", "temperature"}), "temperature");
  EXPECT_EQ(nearest_name("zzzzzz", {"seed", "engine"}), "");
}

}  // namespace
}  // namespace mesoglass
