#include "ensemble/run_files.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

#include "catalog/catalog_program.hpp"
#include "core/atomic_output.hpp"
#include "core/error.hpp"
#include "core/hdf5_file.hpp"
#include "core/provenance.hpp"

namespace mesoglass::ensemble {

namespace {

// Fowler, Noll and Vo's hash, variant 1a, 64 bit.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
  return hash;
}

// A file of a group by its content.
std::string content_of(const EnsembleGroup& group, const std::string& option) {
  const auto found = group.inputs.find(option);
  return found == group.inputs.end() ? "not identified" : "sha256 " + found->second;
}

std::string folder_name(const std::string& group) {
  std::string name = group;
  for (char& letter : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_' ||
                       letter == '.' || letter == '=';
    if (!plain) letter = '_';
  }
  // "." and ".." are plain letters, but no folders of ours.
  if (name != group || name.front() == '.') name = fmt::format("_{}-{:016x}", name, hash_of(group));
  return name;
}

std::filesystem::path failure_file(const std::filesystem::path& file) {
  auto path = file;
  path.replace_extension(".failed.txt");
  return path;
}

std::filesystem::path start_file(const std::filesystem::path& file) {
  auto path = file;
  path.replace_extension(".started.txt");
  return path;
}

}  // namespace

const char* status_name(RunStatus status) noexcept {
  switch (status) {
    case RunStatus::complete:
      return "complete";
    case RunStatus::failed:
      return "failed";
    case RunStatus::missing:
      return "missing";
  }
  return "";
}

std::filesystem::path run_file(const std::filesystem::path& runs_folder, const EnsembleDesign& design,
                               std::int64_t run) {
  return runs_folder / folder_name(design.group_of(run).name) / fmt::format("seed-{}.h5", design.seed_of(run));
}

RunStatus run_status(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_regular_file(file, error)) return RunStatus::complete;
  if (std::filesystem::is_regular_file(failure_file(file), error)) return RunStatus::failed;
  return RunStatus::missing;
}

void write_failure(const std::filesystem::path& file, const FailureRecord& record) {
  write_text_file(failure_file(file), fmt::format("# run {}\n{}\n", record.identity, record.reason));
}

void remove_failure(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(failure_file(file), error);
}

FailureRecord read_failure(const std::filesystem::path& file) {
  FailureRecord record;
  record.reason = read_text_file(failure_file(file));
  constexpr std::string_view heading = "# run ";
  if (record.reason.starts_with(heading)) {
    const auto end = std::min(record.reason.find('\n'), record.reason.size() - 1);
    record.identity = record.reason.substr(heading.size(), end - heading.size());
    record.reason.erase(0, end + 1);
  }
  while (!record.reason.empty() && record.reason.back() == '\n') record.reason.pop_back();
  return record;
}

void write_start(const std::filesystem::path& file, const StartRecord& record) {
  write_text_file(start_file(file), fmt::format("{} {}\n", record.identity, record.starts));
}

void remove_start(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(start_file(file), error);
}

StartRecord read_start(const std::filesystem::path& file) {
  StartRecord record;
  std::ifstream stream(start_file(file));
  if (!(stream >> record.identity >> record.starts)) return {};
  return record;
}

bool is_run_of(const std::filesystem::path& file, const std::string& configuration) {
  const auto self = Communicator::self();
  return Hdf5File::open(self, file).read_text("/provenance/configuration") == configuration;
}

void identify_inputs(const Communicator& communicator, EnsembleDesign& design) {
  on_root(communicator, [&] {
    std::map<std::string, std::string> known;
    const auto identity = [&](const std::filesystem::path& path) {
      auto& hash = known[path.string()];
      if (hash.empty()) hash = sha256_of_file(path);
      return hash;
    };
    for (auto& group : design.groups) {
      group.inputs.clear();
      if (group.catalog_file) group.inputs["catalog-file"] = identity(*group.catalog_file);
      if (!group.catalog_options) continue;
      for (const char* option : catalog::catalog_file_options) {
        if (group.catalog_options->has(option)) group.inputs[option] = identity(group.catalog_options->text(option));
      }
    }
  });
  for (auto& group : design.groups) {
    std::string text;
    for (const auto& [option, hash] : group.inputs) text += option + " " + hash + "\n";
    std::istringstream lines(communicator.broadcast_text(text));
    group.inputs.clear();
    for (std::string option, hash; lines >> option >> hash;) group.inputs[option] = hash;
  }
}

std::string run_configuration(const EnsembleDesign& design, std::int64_t run) {
  const auto& group = design.group_of(run);
  std::string text = fmt::format("# group {}\n# seed of the run {}\n", group.name, design.seed_of(run));
  if (group.catalog_file) {
    text += fmt::format("# mg-catalog: ready made\ncatalog-file = {}\n", content_of(group, "catalog-file"));
  } else {
    text += fmt::format("# mg-catalog, seed {}\n", design.own_catalogs ? design.seed_of(run) : design.catalog_seed);
    std::istringstream lines(group.catalog_options->resolved());
    for (std::string line; std::getline(lines, line);) {
      const auto name = line.substr(0, line.find(" = "));
      const bool is_file =
          std::any_of(std::begin(catalog::catalog_file_options), std::end(catalog::catalog_file_options),
                      [&](const char* option) { return name == option; });
      text += is_file ? fmt::format("{} = {}\n", name, content_of(group, name)) : line + "\n";
    }
  }
  return text + "# mg-deform\n" + group.deformation_options.resolved();
}

std::string run_identity(const EnsembleDesign& design, std::int64_t run) {
  return fmt::format("{:016x}", hash_of(run_configuration(design, run)));
}

}  // namespace mesoglass::ensemble
