// Whether a pattern enters the averages, and if not, why.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "diffraction/analysis_settings.hpp"
#include "diffraction/beam_disc.hpp"
#include "diffraction/survey.hpp"

namespace mesoglass::diffraction {

enum class Verdict : std::uint8_t { kept, not_finite, empty, no_disc, too_thick, wrong_thickness, not_read };

// Patterns by what became of them.
struct PatternCounts {
  std::int64_t total = 0;  // in the scan (of the analysed rows)
  std::int64_t kept = 0;
  std::int64_t not_finite = 0;       // a NaN or infinite pixel
  std::int64_t empty = 0;            // nothing recorded (sum not positive)
  std::int64_t no_disc = 0;          // no disc in the aperture
  std::int64_t too_thick = 0;        // transmittance below the limit
  std::int64_t wrong_thickness = 0;  // outside the thickness window
  void add(Verdict verdict) noexcept;
};

// The lowest transmittance that is kept: the settings', or none where half of the surveyed patterns lie below a limit
// that the user did not give, or where there is no disc.
[[nodiscard]] double lowest_transmittance(const AreaGeometry& geometry, const AnalysisSettings& settings) noexcept;

// Where the rings of a pattern are centred: on the plane over the scan, or on the pattern's own disc, as the settings
// say. Pure.
[[nodiscard]] Point pattern_centre(const AreaGeometry& geometry, const AnalysisSettings& settings, std::int64_t row,
                                   std::int64_t column, Point disc_centre) noexcept;

// Measures one pattern and decides.
class PatternJudge {
 public:
  // Both must outlive the judge.
  PatternJudge(const AreaGeometry& geometry, const AnalysisSettings& settings);

  struct Judgement {
    Verdict verdict = Verdict::kept;
    double transmittance = std::numeric_limits<double>::quiet_NaN();
    Point disc_centre{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    double scattered = 0.0;  // all but the disc
  };
  [[nodiscard]] Judgement judge(std::span<const float> pattern, std::int64_t row, std::int64_t column) const;
  // Whether a pattern of this transmittance would be kept. Pure.
  [[nodiscard]] Verdict judge_thickness(double transmittance) const noexcept;

 private:
  const AreaGeometry& geometry_;
  const AnalysisSettings& settings_;
  double transmittance_min_;
  DiscMeter meter_;
};

}  // namespace mesoglass::diffraction
