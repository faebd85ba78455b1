#include "core/atomic_output.hpp"

#include <fstream>

#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

using test::communicator;

void write_on_root(const std::filesystem::path& path, const std::string& text) {
  on_root(communicator(), [&] { std::ofstream(path) << text; });
}

TEST(AtomicOutput, appears_only_when_committed) {
  const auto path = test::scratch_folder() / "result.txt";
  {
    AtomicOutput output(communicator(), path, IfExists::refuse);
    write_on_root(output.temporary_path(), "half");
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  communicator().barrier();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".partial"));
  communicator().barrier();  // every rank has looked before the next output makes that file anew
  AtomicOutput output(communicator(), path, IfExists::refuse);
  write_on_root(output.temporary_path(), "whole");
  output.commit();
  EXPECT_EQ(read_text_file(path), "whole");
}

TEST(AtomicOutput, keeps_the_old_file_until_the_new_one_is_whole) {
  const auto path = test::scratch_folder() / "result.txt";
  write_on_root(path, "old");
  EXPECT_THROW(AtomicOutput(communicator(), path, IfExists::refuse), Error);
  {
    AtomicOutput output(communicator(), path, IfExists::overwrite);
    write_on_root(output.temporary_path(), "half");
  }
  communicator().barrier();
  EXPECT_EQ(read_text_file(path), "old");
}

TEST(AtomicOutput, names_what_is_wrong_with_the_place) {
  const auto folder = test::scratch_folder();
  write_on_root(folder / "file", "");
  const auto message_of = [&](const std::filesystem::path& path) -> std::string {
    try {
      AtomicOutput output(communicator(), path, IfExists::refuse);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_TRUE(error.agreed());
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message_of(folder / "absent" / "x").find("absent is no folder"), std::string::npos);
  EXPECT_NE(message_of(folder / "file" / "x").find("is no folder"), std::string::npos);
  EXPECT_NE(message_of(folder).find("is a folder"), std::string::npos);
  EXPECT_NE(message_of("/proc/x").find("cannot be written"), std::string::npos);
  EXPECT_NE(message_of("").find("no name"), std::string::npos);
}

}  // namespace
}  // namespace mesoglass
