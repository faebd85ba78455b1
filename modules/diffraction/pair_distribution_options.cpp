#include "diffraction/pair_distribution_options.hpp"

#include "core/error.hpp"

namespace mesoglass::diffraction {

namespace {

// Without a composition whatever is not as it is by default has been asked for in vain.
void refuse_settings(const PairDistributionSettings& settings) {
  const PairDistributionSettings unset;
  const auto refuse = [](const char* option, bool differs) {
    if (!differs) return;
    throw input_error("--{} without --composition (G(r) needs the atoms' scattering factors): give both or none",
                      option);
  };
  refuse("pdf-fit-min", settings.fit_low != unset.fit_low);
  refuse("pdf-fit-max", settings.fit_high != unset.fit_high);
  refuse("pdf-background", settings.constant_background != unset.constant_background);
  refuse("pdf-background-distance", settings.background_distance_nm != unset.background_distance_nm);
  refuse("pdf-window", settings.window != unset.window);
  refuse("pdf-damping", settings.damping_nm2 != unset.damping_nm2);
  refuse("pdf-r-max", settings.r_max_nm != unset.r_max_nm);
  refuse("pdf-r-step", settings.r_step_nm != unset.r_step_nm);
}

}  // namespace

void add_pair_distribution_options(OptionTable& table) {
  table.group("Pair distribution");
  table.text("composition")
      .text(
          "The alloy, for example Zr45Cu50Al5: with it structure factor and reduced pair distribution function G(r) "
          "are "
          "written. They need a k calibration and a large --k-max (20 nm^-1 or more).");
  table.real("pdf-fit-min")
      .unit("nm^-1")
      .range(0.0, 1e4)
      .text("First k at which the radial intensity is fitted with N <f^2>; default: two thirds of the last k.");
  table.real("pdf-fit-max").unit("nm^-1").range(0.0, 1e4).text("Last k of that fit; default: the last k.");
  table.text("pdf-background", "none")
      .choices({"none", "constant"})
      .text(
          "What is fitted beside N <f^2>: nothing, or a constant (needs k well beyond 12 nm^-1, else it takes the halo "
          "for background).");
  table.real("pdf-background-distance", 0.09)
      .unit("nm")
      .range(0.0, 1.0)
      .text(
          "A polynomial is taken off the reduced structure function, of the degree that concerns G(r) below this "
          "distance only; 0 = none.");
  table.text("pdf-window", "lorch")
      .choices({"lorch", "none"})
      .text("How the reduced structure function ends at the last k: Lorch's window, or cut off.");
  table.real("pdf-damping", 0.0)
      .unit("nm^2")
      .range(0.0, 1e3)
      .text("The reduced structure function is also multiplied by exp(-this k^2) before it becomes G(r).");
  table.real("pdf-r-max")
      .unit("nm")
      .range(0.1, 100.0)
      .text("Last distance of G(r); default: 2 nm, or 1 / (2 k step) where that is less.");
  table.real("pdf-r-step", 0.005).unit("nm").range(1e-4, 0.1).text("Step of the distances.");
}

std::optional<PairDistributionSettings> read_pair_distribution_settings(const Options& options) {
  PairDistributionSettings settings;
  if (options.has("pdf-fit-min")) settings.fit_low = options.real("pdf-fit-min");
  if (options.has("pdf-fit-max")) settings.fit_high = options.real("pdf-fit-max");
  if (settings.fit_low && settings.fit_high && !(*settings.fit_low < *settings.fit_high)) {
    throw input_error("--pdf-fit-min {} is not below --pdf-fit-max {}: exchange them", *settings.fit_low,
                      *settings.fit_high);
  }
  settings.constant_background = options.text("pdf-background") == "constant";
  settings.background_distance_nm = options.real("pdf-background-distance");
  settings.window = options.text("pdf-window") == "lorch" ? PairWindow::lorch : PairWindow::none;
  settings.damping_nm2 = options.real("pdf-damping");
  if (options.has("pdf-r-max")) settings.r_max_nm = options.real("pdf-r-max");
  settings.r_step_nm = options.real("pdf-r-step");
  if (!options.has("composition")) {
    refuse_settings(settings);
    return std::nullopt;
  }
  settings.composition = parse_composition(options.text("composition"), "--composition");
  return settings;
}

}  // namespace mesoglass::diffraction
