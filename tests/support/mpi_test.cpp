#include "support/mpi_test.hpp"

#include <cstdlib>
#include <iostream>
#include <memory>

#include "core/environment.hpp"

namespace mesoglass::test {

namespace {

std::unique_ptr<Communicator> world;

std::filesystem::path scratch_root() {
  const char* folder = std::getenv("MESOGLASS_SCRATCH");
  if (folder != nullptr) return folder;
  return std::filesystem::temp_directory_path() /
         ("mesoglass-test-" + std::string(std::getenv("USER") != nullptr ? std::getenv("USER") : "user"));
}

// Ranks must agree on each test's outcome: a failure on one rank alone is printed by that rank and fails all.
class RankFailurePrinter : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.passed() || result.skipped() || world->is_root()) return;
    std::cerr << "[rank " << world->rank() << "] " << (result.file_name() != nullptr ? result.file_name() : "?") << ":"
              << result.line_number() << ": " << result.message() << std::endl;
  }
};

}  // namespace

const Communicator& communicator() {
  return *world;
}

std::filesystem::path scratch_folder() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "." + info->name();
  for (char& letter : name) {
    if (letter == '/') letter = '_';
  }
  const auto folder = scratch_root() / name;
  on_root(communicator(), [&] {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  });
  return folder;
}

std::filesystem::path shared_data_folder() {
  const char* folder = std::getenv("MESOGLASS_SHARED_DATA");
  if (folder == nullptr || !std::filesystem::is_directory(folder)) return {};
  return folder;
}

std::filesystem::path source_folder() {
  const char* folder = std::getenv("MESOGLASS_SOURCE");
  return folder != nullptr ? folder : ".";
}

}  // namespace mesoglass::test

int main(int argc, char** argv) {
  using namespace mesoglass;
  ::testing::InitGoogleTest(&argc, argv);
  Environment environment(argc, argv);
  test::world = std::make_unique<Communicator>(Communicator::world());
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (!test::world->is_root()) delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new test::RankFailurePrinter);
  const int own_result = RUN_ALL_TESTS();
  const int result = test::world->max(own_result);
  test::world->barrier();
  if (test::world->is_root()) std::filesystem::remove_all(test::scratch_root());
  test::world.reset();
  return result;
}
