// Design files: groups, shared and own options, sweeps, seeds, and everything that is refused.
#include "ensemble/ensemble_design.hpp"

#include <fstream>
#include <set>

#include "core/error.hpp"
#include "ensemble/ensemble_program.hpp"
#include "ensemble/run_files.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::ensemble {
namespace {

EnsembleDesign parsed(const std::string& text, const std::vector<std::string>& replacements = {}) {
  return parse_design(text, "test.design", "/folder", replacements);
}

const char* example = R"(
seeds = 1-3, 9     # four
reference = strong
nx = 24
final-strain = 0.05
[weak]
glass = x0
[strong]
glass = x1
nx = 16            # wins over the shared one
final-strain = 0.04
[ready]
catalog-file = x.h5
)";

TEST(Design, givesEveryGroupItsOptions) {
  const auto design = parsed(example);
  ASSERT_EQ(design.groups.size(), 3U);
  EXPECT_EQ(design.seeds, (std::vector<std::int64_t>{1, 2, 3, 9}));
  EXPECT_EQ(design.reference, "strong");
  EXPECT_EQ(design.groups[0].catalog_options->text("glass"), "x0");
  EXPECT_EQ(design.groups[0].catalog_options->integer("nx"), 24);
  EXPECT_EQ(design.groups[0].deformation_options.real("final-strain"), 0.05);
  EXPECT_EQ(design.groups[1].catalog_options->integer("nx"), 16);
  EXPECT_EQ(design.groups[1].deformation_options.real("final-strain"), 0.04);
  EXPECT_EQ(design.groups[2].catalog_file->string(), "/folder/x.h5");
  EXPECT_FALSE(design.groups[2].catalog_options.has_value());
}

TEST(Design, numbersRunsSeedBySeed) {
  const auto design = parsed(example);
  EXPECT_EQ(design.run_count(), 12);
  EXPECT_EQ(design.group_of(0).name, "weak");
  EXPECT_EQ(design.group_of(2).name, "ready");
  EXPECT_EQ(design.seed_of(2), 1);
  EXPECT_EQ(design.group_of(3).name, "weak");
  EXPECT_EQ(design.seed_of(11), 9);
}

TEST(Design, isReplacedByTheCommandLine) {
  const auto design = parsed(example, {"nx = 8", "seeds=5"});
  EXPECT_EQ(design.groups[0].catalog_options->integer("nx"), 8);
  EXPECT_EQ(design.groups[1].catalog_options->integer("nx"), 8);
  EXPECT_EQ(design.seeds, (std::vector<std::int64_t>{5}));
}

TEST(Design, sweepsParameters) {
  const auto design = parsed("seeds = 1\nsweep = temperature: 250, 300\nsweep = fraction: 0.1, 0.2\n[a]\nglass = x0\n");
  ASSERT_EQ(design.groups.size(), 4U);
  EXPECT_EQ(design.groups[1].name, "a, temperature = 250, fraction = 0.2");
  EXPECT_EQ(design.groups[1].deformation_options.real("temperature"), 250);
  EXPECT_EQ(design.groups[1].catalog_options->real("fraction"), 0.2);
  EXPECT_EQ(design.groups[2].deformation_options.real("temperature"), 300);
}

TEST(Design, readsCatalogConfigurations) {
  const auto folder = test::scratch_folder();
  on_root(test::communicator(), [&] {
    std::ofstream(folder / "g.cfg") << "# a glass\nglass = x05\nnx = 99\nseed = 4\noutput = elsewhere.h5\n";
  });
  const auto design = parse_design("seeds = 1\n[a]\ncatalog-config = g.cfg\nnx = 10\n", "d", folder, {});
  EXPECT_EQ(design.groups[0].catalog_options->text("glass"), "x05");
  EXPECT_EQ(design.groups[0].catalog_options->integer("nx"), 10);
}

TEST(Design, refusesWhatCannotBe) {
  const auto refused = [](const std::string& text, const std::string& word) {
    try {
      (void)parsed(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  };
  refused("", "no group");
  refused("seeds = 1\n", "no group");
  refused("[a]\nglass = x0\n", "seeds");
  refused("seeds = 1\n[a]\nglass = x0\n[a]\nglass = x1\n", "twice");
  refused("seeds = 1\nreference = b\n[a]\nglass = x0\n", "reference");
  refused("seeds = 1\n[a]\nglas = x0\n", "glass");
  refused("seeds = 1\nseed = 3\n[a]\nglass = x0\n", "seeds");
  refused("seeds = 1\n[a]\nseeds = 2\nglass = x0\n", "before the first");
  refused("seeds = 1\n[a]\ntemperature = hot\nglass = x0\n", "hot");
  refused("seeds = 1\n[a\nglass = x0\n", "line 2");
  refused("seeds = 1\n[]\nglass = x0\n", "line 2");
  refused("seeds = 1\nnonsense\n[a]\nglass = x0\n", "nonsense");
  refused("seeds = 1\n[a]\ncatalog-file = x.h5\nglass = x0\n", "catalog-file");
  refused("seeds = 1\n[a]\ncatalog-config = /no/such.cfg\n", "/no/such.cfg");
  refused("seeds = 1\nsweep = temperature\n[a]\nglass = x0\n", "sweep");
  refused("seeds = 1\nsweep = warmth: 1, 2\n[a]\nglass = x0\n", "sweep");
  refused("seeds = 1\nconfidence = 2\n[a]\nglass = x0\n", "confidence");
}

TEST(Seeds, areNumbersAndRanges) {
  EXPECT_EQ(parse_seeds("4"), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(parse_seeds(" 1 - 3 ,7"), (std::vector<std::int64_t>{1, 2, 3, 7}));
  for (const char* bad : {"", "x", "1-", "-3", "3-1", "1,1", "1-3,2", "1.5", "1-99999999999", "0x1"}) {
    EXPECT_THROW((void)parse_seeds(bad), Error) << bad;
  }
}

TEST(Slices, arePartsOfAnArray) {
  EXPECT_EQ(parse_slice("2/5").index, 2);
  EXPECT_EQ(parse_slice("2/5").count, 5);
  EXPECT_TRUE(parse_slice("0/1").whole());
  for (const char* bad : {"", "1", "5/5", "-1/5", "1/0", "a/b", "1/5x", "/"}) {
    EXPECT_THROW((void)parse_slice(bad), Error) << bad;
  }
}

TEST(RunFiles, haveHarmlessNamesThatDiffer) {
  const auto design = parsed(
      "seeds = 7\n[x0]\nglass = x0\n[a b]\nglass = x0\n[a/b]\nglass = x0\n[$(touch x)]\nglass = x0\n"
      "[..]\nglass = x0\n");
  EXPECT_EQ(run_file("runs", design, 0).string(), "runs/x0/seed-7.h5");
  std::set<std::string> names;
  for (std::int64_t run = 0; run < 5; ++run) {
    const auto path = run_file("runs", design, run);
    names.insert(path.string());
    EXPECT_EQ(std::distance(path.begin(), path.end()), 3) << path;
    EXPECT_EQ(path.string().find_first_of(" $()'\"\\;"), std::string::npos) << path;
    EXPECT_EQ(path.lexically_normal(), path);
  }
  EXPECT_EQ(names.size(), 5U);
}

}  // namespace
}  // namespace mesoglass::ensemble
