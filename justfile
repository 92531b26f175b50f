# The commands of this repository, for `just`. Each recipe is one line that can be typed as well; `tests/run` is what CI runs,
# and its steps are recipes here.

# Lists the recipes.
default:
    @just --list

# Everything that CI runs: installs what the tests need, then format, lints, tests, short benchmarks.
ci:
    tests/run

# The same without installing anything.
quick:
    tests/run quick

# Types, quickly.
check:
    cargo check --workspace --all-targets

# Installs what the tests need.
programs:
    tests/run programs

# Licences, sources and advisories of what this is built on.
licences:
    tests/run licences

# Format and lints.
lint:
    tests/run lint

# All tests, the simulation with planted faults, and the short benchmarks.
tests:
    tests/run test

# One test, or some, by a part of the name.
test NAME:
    cargo build --quiet --workspace
    cargo nextest run --workspace -E 'test({{NAME}})'

# The layers of docs/architecture.md against the imports.
layers:
    cargo test --quiet -p jackfield-tests --test architecture

# Writes the tables of docs/configuration.md, after an option has changed.
reference:
    JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-shared --test reference

# Reloads, restarts, kills and upgrades under load, in full.
storm:
    tests/storm

# The fuzz targets by another seed, for so many changes to their corpus each.
fuzz SEED COUNT="100000":
    JACKFIELD_FUZZ_SEED={{SEED}} JACKFIELD_FUZZ_COUNT={{COUNT}} cargo nextest run --workspace -E 'package(jackfield-fuzz)'
