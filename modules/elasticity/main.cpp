// mg-elastic: stress and strain of a voxel body with eigenstrain.
#include "elasticity/elastic_program.hpp"

int main(int argc, char** argv) {
  using namespace mesoglass;
  return run_program(argc, argv, elasticity::elastic_program_information(), elasticity::elastic_program_options(),
                     elasticity::run_elastic_program);
}
