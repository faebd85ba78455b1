#include "catalog/shear_modes.hpp"

#include <algorithm>
#include <cmath>

#include "core/normal_numbers.hpp"
#include "core/random_stream.hpp"
#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {

constexpr double sqrt2 = 1.41421356237309504880;
constexpr double sqrt3 = 1.73205080756887729353;
constexpr double sqrt6 = 2.44948974278317809820;

using Vector = std::array<double, 3>;

// Columns are the images of the axes; from a quaternion w, x, y, z of any non-zero length.
std::array<Vector, 3> rotation_matrix(const std::array<float, 4>& q) noexcept {
  const double w = q[0];
  const double x = q[1];
  const double y = q[2];
  const double z = q[3];
  const double scale = 2.0 / (w * w + x * x + y * y + z * z);
  return {{{1 - scale * (y * y + z * z), scale * (x * y - w * z), scale * (x * z + w * y)},
           {scale * (x * y + w * z), 1 - scale * (x * x + z * z), scale * (y * z - w * x)},
           {scale * (x * z - w * y), scale * (y * z + w * x), 1 - scale * (x * x + y * y)}}};
}

Vector times(const std::array<Vector, 3>& matrix, const Vector& v) noexcept {
  Vector result{};
  for (std::size_t i = 0; i < 3; ++i) result[i] = matrix[i][0] * v[0] + matrix[i][1] * v[1] + matrix[i][2] * v[2];
  return result;
}

// v turned about the unit axis a by an angle (Rodrigues).
Vector turn(const Vector& v, const Vector& a, double cosine, double sine) noexcept {
  const double along = (1.0 - cosine) * (a[0] * v[0] + a[1] * v[1] + a[2] * v[2]);
  return {cosine * v[0] + sine * (a[1] * v[2] - a[2] * v[1]) + along * a[0],
          cosine * v[1] + sine * (a[2] * v[0] - a[0] * v[2]) + along * a[1],
          cosine * v[2] + sine * (a[0] * v[1] - a[1] * v[0]) + along * a[2]};
}

// The five components of magnitude * (s n + n s).
std::array<double, 5> shear_components(const Vector& s, const Vector& n, double magnitude) noexcept {
  const double xx = 2.0 * magnitude * s[0] * n[0];
  const double yy = 2.0 * magnitude * s[1] * n[1];
  const double zz = 2.0 * magnitude * s[2] * n[2];
  return {(xx - yy) / sqrt2, (2.0 * zz - xx - yy) / sqrt6, sqrt2 * magnitude * (s[1] * n[2] + s[2] * n[1]),
          sqrt2 * magnitude * (s[0] * n[2] + s[2] * n[0]), sqrt2 * magnitude * (s[0] * n[1] + s[1] * n[0])};
}

double dot(const std::array<double, 5>& a, const std::array<double, 5>& b) noexcept {
  double total = 0.0;
  for (std::size_t i = 0; i < 5; ++i) total += a[i] * b[i];
  return total;
}

}  // namespace

void components_of(std::span<const double, 6> tensor, int dimensions, std::span<double> components) noexcept {
  const double xx = tensor[0];
  const double yy = tensor[1];
  const double zz = tensor[2];
  if (dimensions == 2) {
    components[0] = (xx - yy) / sqrt2;
    components[1] = sqrt2 * tensor[5];
    if (components.size() > 2) components[2] = (xx + yy) / sqrt2;
    return;
  }
  components[0] = (xx - yy) / sqrt2;
  components[1] = (2.0 * zz - xx - yy) / sqrt6;
  for (std::size_t i = 2; i < 5; ++i) components[i] = sqrt2 * tensor[i + 1];
  if (components.size() > 5) components[5] = (xx + yy + zz) / sqrt3;
}

std::array<double, 6> tensor_of(std::span<const double> components, int dimensions) noexcept {
  if (dimensions == 2) {
    const double mean = components.size() > 2 ? components[2] / sqrt2 : 0.0;
    return {mean + components[0] / sqrt2, mean - components[0] / sqrt2, 0.0, 0.0, 0.0, components[1] / sqrt2};
  }
  const double mean = components.size() > 5 ? components[5] / sqrt3 : 0.0;
  const double half = components[0] / sqrt2;
  const double third = components[1] / sqrt6;
  return {mean + half - third,   mean - half - third,   mean + 2.0 * third,
          components[2] / sqrt2, components[3] / sqrt2, components[4] / sqrt2};
}

std::vector<SlipSystem> spread_slip_systems(int count) {
  const auto total = static_cast<std::size_t>(count);
  std::vector<SlipSystem> systems(total);
  std::vector<std::array<double, 5>> shears(total);
  constexpr Vector axes[3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  const auto shear_of = [](const SlipSystem& system) {
    return shear_components(system.direction, system.normal, 1.0 / sqrt2);
  };
  // Start: xy, yz, zx, which are orthogonal, and, beyond three, turned copies of them.
  for (std::size_t i = 0; i < total; ++i) {
    systems[i] = {axes[i % 3], axes[(i + 1) % 3]};
    for (std::size_t copy = 0; copy < i / 3; ++copy) {
      for (const auto& axis : {Vector{2.0 / 3, 2.0 / 3, 1.0 / 3}, Vector{-2.0 / 7, 3.0 / 7, 6.0 / 7}}) {
        systems[i].direction = turn(systems[i].direction, axis, 0.8, 0.6);
        systems[i].normal = turn(systems[i].normal, axis, 0.8, 0.6);
      }
    }
    shears[i] = shear_of(systems[i]);
  }
  if (count <= 3) return systems;
  // Repulsion |cos|^16 between shears taken as lines (both senses belong to one system), lowered by turning one system
  // at a time about one axis by a step that shrinks when nothing improves any more.
  const auto repulsion = [&](std::size_t own, const std::array<double, 5>& shear) {
    double energy = 0.0;
    for (std::size_t other = 0; other < total; ++other) {
      if (other == own) continue;
      double power = dot(shear, shears[other]);
      for (int doubling = 0; doubling < 4; ++doubling) power *= power;
      energy += power;
    }
    return energy;
  };
  for (double step = 0.5; step > 1e-6; step *= 0.5) {
    // A turn by the angle whose half has the tangent `step`, without trigonometric functions.
    const double cosine = (1.0 - step * step) / (1.0 + step * step);
    const double sine = 2.0 * step / (1.0 + step * step);
    bool improved = true;
    for (int sweep = 0; improved && sweep < 200; ++sweep) {
      improved = false;
      for (std::size_t i = 0; i < total; ++i) {
        double energy = repulsion(i, shears[i]);
        for (const auto& axis : axes) {
          for (const double sense : {sine, -sine}) {
            const SlipSystem trial = {turn(systems[i].direction, axis, cosine, sense),
                                      turn(systems[i].normal, axis, cosine, sense)};
            const auto trial_shear = shear_of(trial);
            const double trial_energy = repulsion(i, trial_shear);
            if (trial_energy < energy * (1.0 - 1e-6)) {
              energy = trial_energy;
              systems[i] = trial;
              shears[i] = trial_shear;
              improved = true;
            }
          }
        }
      }
    }
  }
  return systems;
}

ShearModes::ShearModes(std::vector<ShearZoneType> types, const ModeRules& rules, int dimensions)
    : types_(std::move(types)),
      rules_(rules),
      dimensions_(dimensions),
      components_((dimensions == 2 ? 2 : 5) + (rules.dilatation > 0.0 ? 1 : 0)) {
  validate_rules(rules_, dimensions_);
  for (std::size_t row = 0; row < types_.size(); ++row) {
    const auto& type = types_[row];
    validate_type(type, row == 0);
    largest_mode_count_ = std::max(largest_mode_count_, static_cast<int>(type.modes));
    auto& factors = softening_.emplace_back(static_cast<std::size_t>(type.modes), type.softening);
    if (rules_.compounding_softening && row > 0) {
      for (std::size_t j = 1; j < factors.size(); ++j) factors[j] = factors[j - 1] * type.softening;
    }
    slip_systems_.push_back(row > 0 && dimensions_ == 3 ? spread_slip_systems(type.modes / 2)
                                                        : std::vector<SlipSystem>{});
  }
}

void ShearModes::strains(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
                         const std::array<float, 4>& rotation, std::span<double> strains) const noexcept {
  if (type == 0) {
    matrix_strains(seed, voxel, generation, strains);
  } else if (dimensions_ == 2) {
    planar_strains(seed, voxel, type, rotation, strains);
  } else {
    spatial_strains(seed, voxel, type, rotation, strains);
  }
  if (rules_.dilatation > 0.0) {
    RandomStream random(seed, RandomPurpose::shear_dilatation, static_cast<std::uint64_t>(voxel), generation);
    // A volume strain d has the component d / sqrt(dimensions) on the last basis tensor.
    const double scale = rules_.dilatation * types_[type].gamma0 / (dimensions_ == 2 ? sqrt2 : sqrt3);
    for (int mode = 0; mode < types_[type].modes; ++mode) {
      strains[static_cast<std::size_t>((mode + 1) * components_ - 1)] = scale * std::fabs(random.normal());
    }
  }
}

void ShearModes::strain_of_mode(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
                                const std::array<float, 4>& rotation, int mode,
                                std::span<double> strain) const noexcept {
  const auto width = static_cast<std::size_t>(components_);
  if (type == 0 && rules_.dilatation == 0.0) {
    RandomStream random(seed, RandomPurpose::shear_directions, static_cast<std::uint64_t>(voxel), generation);
    fill_with_normals(random, strain.first(width), static_cast<std::size_t>(mode) * width);
    for (double& component : strain.first(width)) component *= matrix_scale();
    return;
  }
  std::array<double, static_cast<std::size_t>(most_modes * most_components)> all;
  strains(seed, voxel, generation, type, rotation,
          std::span(all).first(static_cast<std::size_t>(types_[type].modes) * width));
  std::copy_n(all.begin() + mode * components_, width, strain.begin());
}

double ShearModes::matrix_scale() const noexcept {
  return types_[0].amplitude * types_[0].gamma0 / std::sqrt(dimensions_ == 2 ? 2.0 : 5.0);
}

void ShearModes::matrix_strains(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation,
                                std::span<double> strains) const noexcept {
  RandomStream random(seed, RandomPurpose::shear_directions, static_cast<std::uint64_t>(voxel), generation);
  const int deviatoric = dimensions_ == 2 ? 2 : 5;
  const double scale = matrix_scale();
  std::array<double, static_cast<std::size_t>(most_modes) * 5> normals;
  fill_with_normals(random, std::span(normals).first(static_cast<std::size_t>(types_[0].modes * deviatoric)));
  const double* normal = normals.data();
  for (int mode = 0; mode < types_[0].modes; ++mode) {
    for (int c = 0; c < deviatoric; ++c) strains[static_cast<std::size_t>(mode * components_ + c)] = scale * *normal++;
  }
}

void ShearModes::planar_strains(std::uint64_t seed, std::int64_t voxel, std::uint8_t type,
                                const std::array<float, 4>& rotation, std::span<double> strains) const noexcept {
  const auto& zone = types_[type];
  RandomStream random(seed, RandomPurpose::shear_jitter, static_cast<std::uint64_t>(voxel));
  const double a_0 = 2.0 * std::atan2(static_cast<double>(rotation[3]), static_cast<double>(rotation[0]));
  const double spacing = 2.0 * units::pi / zone.modes;
  const double step = rules_.parallel_modes ? 2.0 * spacing : spacing;
  const double magnitude = sqrt2 * zone.amplitude * zone.gamma0;
  // Opposite senses of one slip system share one draw; nearly parallel modes have one each.
  const int drawn = rules_.parallel_modes ? zone.modes : zone.modes / 2;
  for (int j = 0; j < drawn; ++j) {
    double length = magnitude;
    double angle = a_0 + step * j;
    if (rules_.jitter > 0.0) {
      length *= 1.0 + rules_.jitter * random.uniform(-1.0, 1.0);
      angle += rules_.jitter * spacing * random.uniform(-1.0, 1.0);
    }
    const double c0 = length * std::cos(angle);
    const double c1 = length * std::sin(angle);
    const auto at = static_cast<std::size_t>(j * components_);
    strains[at] = c0;
    strains[at + 1] = c1;
    if (!rules_.parallel_modes) {
      const auto opposite = static_cast<std::size_t>((j + drawn) * components_);
      strains[opposite] = -c0;
      strains[opposite + 1] = -c1;
    }
  }
}

void ShearModes::spatial_strains(std::uint64_t seed, std::int64_t voxel, std::uint8_t type,
                                 const std::array<float, 4>& rotation, std::span<double> strains) const noexcept {
  const auto& zone = types_[type];
  RandomStream random(seed, RandomPurpose::shear_jitter, static_cast<std::uint64_t>(voxel));
  const auto matrix = rotation_matrix(rotation);
  const int systems = zone.modes / 2;
  for (int j = 0; j < systems; ++j) {
    double magnitude = zone.amplitude * zone.gamma0;
    auto [direction, normal] = slip_systems_[type][static_cast<std::size_t>(j)];
    if (rules_.jitter > 0.0) {
      magnitude *= 1.0 + rules_.jitter * random.uniform(-1.0, 1.0);
      const double height = random.uniform(-1.0, 1.0);
      const double azimuth = 2.0 * units::pi * random.uniform();
      const double angle = rules_.jitter * (units::pi / zone.modes) * random.uniform(-1.0, 1.0);
      const double radius = std::sqrt(1.0 - height * height);
      const Vector axis = {radius * std::cos(azimuth), radius * std::sin(azimuth), height};
      const double cosine = std::cos(angle);
      const double sine = std::sin(angle);
      direction = turn(direction, axis, cosine, sine);
      normal = turn(normal, axis, cosine, sine);
    }
    const auto shear = shear_components(times(matrix, direction), times(matrix, normal), magnitude);
    for (std::size_t c = 0; c < 5; ++c) {
      strains[static_cast<std::size_t>(j * components_) + c] = shear[c];
      strains[static_cast<std::size_t>((j + systems) * components_) + c] = -shear[c];
    }
  }
}

void ShearModes::barriers(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
                          std::span<double> barriers_ev) const noexcept {
  const auto& zone = types_[type];
  RandomStream random(seed, RandomPurpose::shear_barriers, static_cast<std::uint64_t>(voxel), generation);
  const auto drawn = barriers_ev.first(static_cast<std::size_t>(zone.modes));
  if (zone.barrier_law == BarrierLaw::normal) {
    fill_with_normals(random, drawn);
    for (double& barrier : drawn) barrier = zone.barrier_mean_ev + zone.barrier_spread * barrier;
  } else {
    for (double& barrier : drawn) {
      barrier = zone.barrier_mean_ev * (1.0 - zone.barrier_spread + 2.0 * zone.barrier_spread * random.uniform());
    }
  }
  for (double& barrier : drawn) barrier = std::max(barrier, 0.0);
}

}  // namespace mesoglass::catalog
