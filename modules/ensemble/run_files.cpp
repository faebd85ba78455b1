#include "ensemble/run_files.hpp"

#include <cctype>

#include "core/atomic_output.hpp"
#include "core/error.hpp"

namespace mesoglass::ensemble {

namespace {

// Fowler, Noll and Vo's hash, variant 1a, 32 bit.
std::uint32_t hash_of(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
  return hash;
}

std::string folder_name(const std::string& group) {
  std::string name = group;
  for (char& letter : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_' ||
                       letter == '.' || letter == '=';
    if (!plain) letter = '_';
  }
  // "." and ".." are plain letters, but no folders of ours.
  if (name != group || name.front() == '.') name = fmt::format("_{}-{:08x}", name, hash_of(group));
  return name;
}

std::filesystem::path failure_file(const std::filesystem::path& file) {
  auto path = file;
  path.replace_extension(".failed.txt");
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

void write_failure(const std::filesystem::path& file, const std::string& reason) {
  write_text_file(failure_file(file), reason + "\n");
}

void remove_failure(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(failure_file(file), error);
}

std::string read_failure(const std::filesystem::path& file) {
  auto text = read_text_file(failure_file(file));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string run_configuration(const EnsembleDesign& design, std::int64_t run) {
  const auto& group = design.group_of(run);
  std::string text = fmt::format("# group {}\n# seed of the run {}\n", group.name, design.seed_of(run));
  if (group.catalog_file) {
    text += fmt::format("# mg-catalog: ready made\ncatalog-file = {}\n", group.catalog_file->string());
  } else {
    text += fmt::format("# mg-catalog, seed {}\n{}", design.own_catalogs ? design.seed_of(run) : design.catalog_seed,
                        group.catalog_options->resolved());
  }
  return text + "# mg-deform\n" + group.deformation_options.resolved();
}

}  // namespace mesoglass::ensemble
