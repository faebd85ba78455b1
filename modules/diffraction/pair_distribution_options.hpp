// The options of structure factor and G(r).
#pragma once

#include <optional>

#include "core/option_table.hpp"
#include "diffraction/pair_distribution.hpp"

namespace mesoglass::diffraction {

void add_pair_distribution_options(OptionTable& table);

// Nothing without --composition. Throws input_error for values that do not go together.
[[nodiscard]] std::optional<PairDistributionSettings> read_pair_distribution_settings(const Options& options);

}  // namespace mesoglass::diffraction
