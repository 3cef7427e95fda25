#!/bin/sh
# The main job on real data: train, pack, show, verify, predict, pack a better one, promote, roll back, pack one with a
# function of its own, serve it, score a table with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$here/../../.demo"
mkdir -p "$here/../../.demo"
cd "$here/../../.demo"
cp "$here/train.py" "$here/features.py" "$here/ask.py" .
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

run holdall trace features:shapes --sample penguins.csv
run holdall pack train:third --name penguins --sample penguins.csv --target species --preprocess features:shapes
run holdall promote penguins:1.0.2 production --reason "features of its own"

printf '\n\033[1m$ holdall serve penguins@production --port 0 &\033[0m\n'
holdall serve penguins@production --port 0 > ready.json &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until [ -s ready.json ]; do  # the server says its address on one line once it takes requests
    kill -0 $server || { echo "the server ended before it was ready" >&2; exit 1; }
    sleep 0.1
done
cat ready.json
run python ask.py "$(python -c 'import json; print(json.loads(open("ready.json").readline())["url"])')"
kill $server
wait $server || true
trap - EXIT

run holdall batch penguins@production penguins.parquet answers.parquet --keep island
run python -c 'import pyarrow.parquet as p; t = p.read_table("answers.parquet"); print(t.slice(0, 3).to_pandas())'
