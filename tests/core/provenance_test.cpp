#include "core/provenance.hpp"

#include <fstream>

#include "core/build_information.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

using test::communicator;

// FIPS 180-2, appendix B.1: SHA-256 of "abc".
constexpr const char* sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Provenance, hashes_as_the_standard_says) {
  const auto path = test::scratch_folder() / "abc";
  on_root(communicator(), [&] { std::ofstream(path) << "abc"; });
  EXPECT_EQ(sha256_of_file(path), sha256_of_abc);
}

TEST(Provenance, stands_in_the_file_with_inputs_and_seed) {
  const auto folder = test::scratch_folder();
  on_root(communicator(), [&] { std::ofstream(folder / "abc") << "abc"; });
  Provenance provenance("mg-test", "mg-test --seed 5", "seed = 5\n", communicator().size());
  if (communicator().is_root()) provenance.add_input(folder / "abc");
  provenance.set_seed(18446744073709551615ULL);
  auto file = Hdf5File::create(communicator(), folder / "out.h5");
  provenance.write(file);
  EXPECT_EQ(file.attribute_text("/provenance", "program"), "mg-test");
  EXPECT_EQ(file.attribute_text("/provenance", "git_revision"), git_revision);
  EXPECT_EQ(file.attribute_text("/provenance", "seed"), "18446744073709551615");
  EXPECT_EQ(file.attribute_integer("/provenance", "ranks"), communicator().size());
  EXPECT_EQ(file.read_text("/provenance/configuration"), "seed = 5\n");
  EXPECT_NE(file.read_text("/provenance/inputs").find(sha256_of_abc), std::string::npos);
  EXPECT_EQ(file.read_texts("/provenance/libraries"), library_versions());
}

}  // namespace
}  // namespace mesoglass
