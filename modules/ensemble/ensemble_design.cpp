#include "ensemble/ensemble_design.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "catalog/catalog_program.hpp"
#include "core/atomic_output.hpp"
#include "core/error.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::ensemble {

namespace {

constexpr std::int64_t most_seeds = 1'000'000;
constexpr std::size_t most_groups = 10'000;

struct Line {
  std::string name;
  std::string value;
};

struct Section {
  std::string name;
  std::vector<Line> lines;
};

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Line parse_line(const std::string& text, const std::string& origin) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || trimmed(text.substr(0, equals)).empty()) {
    throw input_error("{}: '{}' is not 'name = value', a [group] or a # comment", origin, text);
  }
  return {trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1))};
}

// The shared lines first (a section without name), then the groups in order.
std::vector<Section> parse_sections(const std::string& text, const std::string& file_name) {
  std::vector<Section> sections(1);
  std::istringstream stream(text);
  int number = 0;
  for (std::string raw; std::getline(stream, raw);) {
    ++number;
    const auto line = trimmed(raw.substr(0, raw.find('#')));
    const auto origin = fmt::format("{}, line {}", file_name, number);
    if (line.empty()) continue;
    if (line.front() != '[') {
      sections.back().lines.push_back(parse_line(line, origin));
      continue;
    }
    const auto name = line.back() == ']' ? trimmed(line.substr(1, line.size() - 2)) : std::string();
    if (name.empty()) throw input_error("{}: '{}' is not a group: write [NAME]", origin, line);
    sections.push_back({name, {}});
  }
  return sections;
}

OptionTable design_options() {
  OptionTable table;
  table.text("seeds").required().text("Seeds of every group, such as 1-7, 12.");
  table.text("reference").text("Group that the others are compared with; the first by default.");
  table.list("sweep").text("A parameter and its values, 'temperature: 250, 300': every group at each value.");
  table.text("catalog-seeds", "own")
      .choices({"own", "shared"})
      .text("A voxel map for each seed, or one for all seeds.");
  table.integer("catalog-seed", 1).range(0, 9e15).text("Seed of the voxel map that shared catalogs have.");
  table.real("confidence", 0.95).range(0.5, 0.9999).text("Level of the intervals.");
  table.real("power", 0.8).range(0.5, 0.9999).text("Power for which the required number of runs is told.");
  table.integer("resamples", 10000).range(100, 10'000'000).text("Bootstrap and permutation resamples.");
  table.integer("curve-points", 201).range(2, 100'000).text("Points of the common strain grid.");
  return table;
}

OptionTable catalog_options() {
  OptionTable table;
  catalog::add_catalog_options(table);
  return table;
}

OptionTable deformation_options() {
  OptionTable table;
  deformation::add_deformation_options(table);
  return table;
}

bool has_option(const OptionTable& table, const std::string& name) {
  return std::any_of(table.rows().begin(), table.rows().end(), [&](const Option& row) { return row.name() == name; });
}

// The lines that belong to a table, as a configuration file's text.
ConfigurationText lines_for(const OptionTable& table, const std::vector<Line>& lines, const std::string& origin) {
  ConfigurationText text{origin, ""};
  for (const auto& line : lines) {
    if (has_option(table, line.name)) text.content += fmt::format("{} = {}\n", line.name, line.value);
  }
  return text;
}

class DesignReader {
 public:
  DesignReader(std::string file_name, std::filesystem::path folder)
      : file_name_(std::move(file_name)),
        folder_(std::move(folder)),
        design_table_(design_options()),
        catalog_table_(catalog_options()),
        deformation_table_(deformation_options()) {}

  EnsembleDesign read(const std::string& text, const std::vector<std::string>& replacements) {
    auto sections = parse_sections(text, file_name_);
    for (const auto& replacement : replacements) replaced_.push_back(parse_line(replacement, "--set"));
    check_names(sections);

    auto& shared = sections.front().lines;
    const auto options = design_table_.parse(
        {}, {lines_for(design_table_, shared, file_name_), lines_for(design_table_, replaced_, "--set")});
    EnsembleDesign design;
    design.seeds = parse_seeds(options.text("seeds"));
    design.own_catalogs = options.text("catalog-seeds") == "own";
    design.catalog_seed = options.integer("catalog-seed");
    design.confidence = options.real("confidence");
    design.power = options.real("power");
    design.resamples = static_cast<int>(options.integer("resamples"));
    design.curve_points = static_cast<int>(options.integer("curve-points"));

    for (std::size_t i = 1; i < sections.size(); ++i) {
      for (const auto& section : swept(sections[i], options.list("sweep"))) {
        design.groups.push_back(read_group(section, shared));
        if (design.groups.size() > most_groups) throw input_error("{}: more than {} groups", file_name_, most_groups);
      }
    }
    std::set<std::string> names;
    for (const auto& group : design.groups) {
      if (!names.insert(group.name).second) {
        throw input_error("{}: the group '{}' is there twice: give every group its own name", file_name_, group.name);
      }
    }
    design.reference = options.has("reference") ? options.text("reference") : design.groups.front().name;
    if (!names.contains(design.reference)) {
      throw input_error("{}: reference = '{}' is none of the groups: use {}", file_name_, design.reference,
                        fmt::join(names, ", "));
    }
    return design;
  }

 private:
  void check_names(const std::vector<Section>& sections) const {
    if (sections.size() < 2) {
      throw input_error("{} has no group: add sections such as [x0] with the options of that glass", file_name_);
    }
    for (std::size_t i = 0; i < sections.size(); ++i) {
      for (const auto& line : sections[i].lines) check_name(line, i == 0, file_name_);
    }
    for (const auto& line : replaced_) check_name(line, true, "--set");
  }

  void check_name(const Line& line, bool shared, const std::string& origin) const {
    if (line.name == "seed") {
      throw input_error("{}: 'seed' is not for a design: the runs take their seeds from 'seeds'", origin);
    }
    if (line.name == "catalog-config" || line.name == "catalog-file") return;
    if (has_option(catalog_table_, line.name) || has_option(deformation_table_, line.name)) return;
    if (has_option(design_table_, line.name)) {
      if (shared) return;
      throw input_error("{}: '{}' holds for all groups: write it before the first [group]", origin, line.name);
    }
    std::vector<std::string> names = {"catalog-config", "catalog-file"};
    for (const auto* table : {&design_table_, &catalog_table_, &deformation_table_}) {
      for (const auto& row : table->rows()) names.push_back(row.name());
    }
    const auto nearest = nearest_name(line.name, names);
    throw input_error(
        "{}: unknown option '{}': {}designs take the options of mg-catalog and mg-deform, and those of "
        "docs/ensemble.md",
        origin, line.name, nearest.empty() ? "" : fmt::format("perhaps '{}' is meant; ", nearest));
  }

  // The section at every combination of the swept values.
  std::vector<Section> swept(const Section& section, const std::vector<std::string>& sweeps) const {
    std::vector<Section> result = {section};
    for (const auto& sweep : sweeps) {
      const auto colon = sweep.find(':');
      const auto name = trimmed(sweep.substr(0, colon));
      if (colon == std::string::npos || !(has_option(catalog_table_, name) || has_option(deformation_table_, name)) ||
          name == "seed") {
        throw input_error("{}: sweep = '{}' is not 'option: value, value' with an option of mg-catalog or mg-deform",
                          file_name_, sweep);
      }
      std::vector<Section> next;
      for (const auto& base : result) {
        std::istringstream values(sweep.substr(colon + 1));
        for (std::string value; std::getline(values, value, ',');) {
          auto copy = base;
          copy.name += fmt::format(", {} = {}", name, trimmed(value));
          copy.lines.push_back({name, trimmed(value)});
          next.push_back(std::move(copy));
        }
      }
      if (next.empty()) throw input_error("{}: sweep = '{}' has no values", file_name_, sweep);
      result = std::move(next);
    }
    return result;
  }

  // The last value that a line gives, stronger sources first; relative paths are the design file's.
  std::optional<std::filesystem::path> path_of(const std::string& name, const Section& section,
                                               const std::vector<Line>& shared) const {
    for (const auto* lines : {static_cast<const std::vector<Line>*>(&replaced_), &section.lines, &shared}) {
      for (auto line = lines->rbegin(); line != lines->rend(); ++line) {
        if (line->name == name) return folder_ / line->value;
      }
    }
    return std::nullopt;
  }

  EnsembleGroup read_group(const Section& section, const std::vector<Line>& shared) const {
    const auto origin = fmt::format("{}, group '{}'", file_name_, section.name);
    EnsembleGroup group;
    group.name = section.name;
    const auto sources = [&](const OptionTable& table) {
      return std::vector<ConfigurationText>{lines_for(table, shared, file_name_),
                                            lines_for(table, section.lines, origin),
                                            lines_for(table, replaced_, "--set")};
    };
    group.deformation_options = deformation_table_.parse({}, sources(deformation_table_));
    group.catalog_file = path_of("catalog-file", section, shared);
    const auto configuration = path_of("catalog-config", section, shared);
    if (group.catalog_file) {
      if (configuration) throw input_error("{}: catalog-file and catalog-config are both given: keep one", origin);
      for (const auto& line : section.lines) {
        if (has_option(catalog_table_, line.name)) {
          throw input_error("{}: '{}' describes a catalog, but catalog-file gives it ready: remove one of them", origin,
                            line.name);
        }
      }
      return group;
    }
    auto files = sources(catalog_table_);
    for (auto& file : files) anchor_files(file);
    if (configuration) files.insert(files.begin(), configuration_file(*configuration));
    group.catalog_options = catalog_table_.parse({}, files);
    return group;
  }

  // Files among mg-catalog's options are relative to the design file.
  void anchor_files(ConfigurationText& text) const {
    std::istringstream stream(text.content);
    std::string anchored;
    for (std::string raw; std::getline(stream, raw);) {
      const auto line = parse_line(raw, text.name);
      const bool is_file =
          std::any_of(std::begin(catalog::catalog_file_options), std::end(catalog::catalog_file_options),
                      [&](const char* option) { return line.name == option; });
      anchored += fmt::format("{} = {}\n", line.name, is_file ? (folder_ / line.value).string() : line.value);
    }
    text.content = anchored;
  }

  // A configuration file of mg-catalog; its seed and output are the ensemble's own affair.
  ConfigurationText configuration_file(const std::filesystem::path& path) const {
    const auto sections = parse_sections(read_text_file(path), path.string());
    if (sections.size() > 1) {
      throw input_error("{}: a configuration file of mg-catalog has no [sections]", path.string());
    }
    ConfigurationText text{path.string(), ""};
    for (const auto& line : sections.front().lines) {
      if (line.name != "seed" && line.name != "output") text.content += fmt::format("{} = {}\n", line.name, line.value);
    }
    return text;
  }

  std::string file_name_;
  std::filesystem::path folder_;
  OptionTable design_table_;
  OptionTable catalog_table_;
  OptionTable deformation_table_;
  std::vector<Line> replaced_;
};

std::int64_t parse_seed(const std::string& text, const std::string& all) {
  std::int64_t seed = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, seed);
  if (error != std::errc{} || end != last || seed < 0 || text.empty()) {
    throw input_error("seeds = '{}': '{}' is not a seed: write whole numbers and ranges, such as 1-7, 12", all, text);
  }
  return seed;
}

}  // namespace

std::vector<std::int64_t> parse_seeds(const std::string& text) {
  std::vector<std::int64_t> seeds;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    part = trimmed(part);
    if (part.empty()) continue;
    const auto dash = part.find('-');
    const auto first = parse_seed(trimmed(part.substr(0, dash)), text);
    const auto last = dash == std::string::npos ? first : parse_seed(trimmed(part.substr(dash + 1)), text);
    if (last < first || last - first >= most_seeds) {
      throw input_error("seeds = '{}': the range '{}' is empty or holds more than {} seeds", text, part, most_seeds);
    }
    for (auto seed = first; seed <= last; ++seed) seeds.push_back(seed);
  }
  if (seeds.empty()) throw input_error("seeds = '{}' holds no seed: write something like 1-7", text);
  if (static_cast<std::int64_t>(seeds.size()) > most_seeds) {
    throw input_error("seeds = '{}' are more than {}", text, most_seeds);
  }
  if (std::set<std::int64_t>(seeds.begin(), seeds.end()).size() != seeds.size()) {
    throw input_error("seeds = '{}' name a seed twice, which would count one run as two: remove it", text);
  }
  return seeds;
}

EnsembleDesign parse_design(const std::string& text, const std::string& file_name, const std::filesystem::path& folder,
                            const std::vector<std::string>& replacements) {
  return DesignReader(file_name, folder).read(text, replacements);
}

}  // namespace mesoglass::ensemble
