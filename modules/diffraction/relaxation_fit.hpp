// Fit of the stretched exponential of Kohlrausch, Williams and Watts to the intensity correlation of a finite series:
// g2(t) = 1 + A exp(-2 (t / tau)^beta), as Zhang, Maldonis, Liu, Schroers and Voyles, Nat. Commun. 9 (2018),
// doi:10.1038/s41467-018-03604-2, fit it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mesoglass::diffraction {

// Times in frames.
struct Relaxation {
  double contrast = 0.0;    // A
  double time = 0.0;        // tau
  double stretching = 1.0;  // beta
};

// exp(-2 (t / tau)^beta). Pure.
[[nodiscard]] double stretched_decay(double t, double tau, double beta) noexcept;

// What correlate_frames finds on average. A part of the series is normalised by its own mean, which fluctuates with the
// speckles: <first part's mean x last part's mean> = <I>^2 (1 + A v(t)), v the mean of the decay f over the pairs of
// unequal frames of both parts, so g2(t) = (1 + A f(t)) / (1 + A v(t)). For tau of a tenth of the series v is 0.1 at
// beta = 1; without it tau would come out too small. A static part of the intensity changes A only, so no baseline is
// fitted.
class FiniteSeriesModel {
 public:
  // `lags` ascend, at most half of the frames. `beta` holds the exponent fixed.
  FiniteSeriesModel(std::int64_t frames, std::vector<std::int64_t> lags, std::optional<double> beta = std::nullopt);

  // g2 at every lag; `slopes` (lags, 3) gets its derivatives with ln A, ln tau and ln beta unless it is empty. Pure.
  void evaluate(const Relaxation& relaxation, std::span<double> g2, std::span<double> slopes = {}) const;
  // f - v, the derivative with A at A = 0. Pure.
  [[nodiscard]] std::vector<double> shape(double tau, double beta) const;
  // The amplitude of a shape in `g2` by linear least squares: A where it is small, of either sign. Pure.
  [[nodiscard]] double amplitude(std::span<const double> g2, std::span<const double> shape) const;
  // What that amplitude scatters by in frames of random order, whose lags are independent. Pure.
  [[nodiscard]] double chance_amplitude(std::span<const double> shape, double pair_deviation) const;

  // Levenberg and Marquardt in the logarithms of A, tau and beta, weighted by the pairs of frames at each lag, from
  // `start` or the best of a grid. Nothing where no decay of positive amplitude fits, or g2 is not finite. Pure.
  [[nodiscard]] std::optional<Relaxation> fit(std::span<const double> g2,
                                              const std::optional<Relaxation>& start = std::nullopt) const;

  [[nodiscard]] bool stretching_given() const noexcept { return beta_.has_value(); }
  [[nodiscard]] std::int64_t frames() const noexcept { return frames_; }
  [[nodiscard]] const std::vector<std::int64_t>& lags() const noexcept { return lags_; }

 private:
  [[nodiscard]] std::optional<Relaxation> best_start(std::span<const double> g2) const;
  struct Start {
    double tau, beta;
    std::vector<double> shape;
  };
  std::int64_t frames_;
  std::vector<std::int64_t> lags_;
  std::optional<double> beta_;
  std::vector<double> weights_;  // a lag, sum 1
  std::vector<Start> starts_;
};

enum class RelaxationState : std::uint8_t {
  determined,
  not_measured,  // too few frames kept
  not_seen,      // contrast not above what chance gives
  too_fast,      // tau below one frame
  too_slow,      // tau above the longest lag, half of the series
  undetermined,  // the error of ln tau is 1 or more, or beta ends at 0.2 or 3
};

// One g2 with what its fit is worth.
struct MeasuredRelaxation {
  RelaxationState state = RelaxationState::not_measured;
  Relaxation value;  // NaN unless determined
  Relaxation error;  // standard errors
  // Amplitude, tau and beta held, over what it would scatter by were the frames in random order, or, where that is not
  // known, over its standard error from the groups.
  double significance = 0.0;
  std::vector<double> g2_error;
};

// Fits `g2` and estimates errors from the fits without one group each (`without`, jackknife): what lags, neighbouring
// samples and frames share is in them, as far as groups are independent. `pair_deviation` as in CorrelationSums, which
// also tells the decay of a single bright speckle from noise; `least_significance` decides not_seen. Pure.
[[nodiscard]] MeasuredRelaxation measure_relaxation(const FiniteSeriesModel& model, std::span<const double> g2,
                                                    std::span<const std::vector<double>> without,
                                                    std::optional<double> pair_deviation, double least_significance);

}  // namespace mesoglass::diffraction
