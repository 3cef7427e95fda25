#!/bin/sh
# The main job on real data: train, pack, show, verify, predict, pack a better one, promote, roll back.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$here/../../.demo"
mkdir -p "$here/../../.demo"
cd "$here/../../.demo"
cp "$here/train.py" .
HOLDALL_HOME="$PWD/store"
export HOLDALL_HOME
unset HOLDALL_REGISTRY HOLDALL_TOKEN || true

run() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}

run python train.py
run holdall pack train:first --name penguins --sample penguins.csv --target species
run holdall show penguins
run holdall verify penguins
run holdall predict penguins penguins.csv -o answers.csv
run head -n 4 answers.csv
run holdall promote penguins production --reason "the first one"
run holdall pack train:second --name penguins --sample penguins.csv --target species
run holdall list penguins
run holdall promote penguins:1.0.1 production --reason "more trees"
run holdall rollback penguins@production --reason "wait for the review"
run holdall history penguins@production
run holdall pack train:second --name penguins --sample penguins.csv --target species -o penguins.holdall
run holdall verify ./penguins.holdall
