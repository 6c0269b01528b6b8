#!/usr/bin/env bash
# What it costs to look at tables as they lie on a disk, with the released binary, and in the tools that do the same job.
#
#   bench/tables.sh                          100 k, 1 M and 10 M rows, and the peers (about 40 minutes, 7 GB of disk)
#   ROWS="100000 1000000" bench/tables.sh    smaller
#   PEERS="" bench/tables.sh                 without the peers
#   KEEP=1 bench/tables.sh                   leaves the tables where they are, and takes those that are there
#
# CPU seconds are user + system of the whole process, the better of two; memory is its peak resident set. Of the peers the
# imports do not count. Files: two tables of 50 columns (40 of numbers by eight laws, one with a tenth missing; 10 of texts
# with 3 to 1,500 values), zstd, row groups of 128 Ki rows, the second shifted by a twentieth; "25 columns" are the first 25.
# KILTER names the binary (default: `cargo build --release` makes it), FOLDER the place of the tables; the peers are
# installed pinned into folders of their own under KILTER_PEERS (default ~/.cache/kilter/peers).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
peers="${KILTER_PEERS:-$HOME/.cache/kilter/peers}"
folder="${FOLDER:-${TMPDIR:-/tmp}/kilter-tables}"
read -ra rows <<< "${ROWS:-100000 1000000 10000000}"
mkdir -p "$peers" "$folder"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 DO_NOT_TRACK=1

environment() { # name, then what to install
    [ -x "$peers/$1/bin/python" ] || { python3 -m venv "$peers/$1" && "$peers/$1/bin/pip" install -q "${@:2}"; }
}

clean() { [ -n "${KEEP:-}" ] || rm -f "$folder"/{reference,current}-*.parquet "$folder"/{reference,current,both}.profile "$folder"/measured.json; }
trap clean EXIT

if [ -z "${KILTER:-}" ]; then
    (cd "$here/.." && cargo build -q --release)
    KILTER="${CARGO_TARGET_DIR:-$here/../target}/release/kilter"
fi

environment parquet pyarrow numpy
for size in "${rows[@]}"; do
    [ -n "${KEEP:-}" ] && [ -f "$folder/current-$size.parquet" ] || "$peers/parquet/bin/python" "$here/tables.py" make "$folder" "$size"
done
python3 "$here/tables.py" measure "$KILTER" "$folder" "${rows[@]}"

# The peers look at a million rows, or at what there is.
size="${rows[0]}"
case " ${rows[*]} " in *" 1000000 "*) size=1000000 ;; esac
for peer in ${PEERS-evidently whylogs}; do
    case "$peer" in
        evidently) environment evidently evidently==0.7.23 'pandas<3' pyarrow ;;
        whylogs) environment whylogs whylogs==1.6.4 'pandas<2.3' 'numpy<2' 'pyarrow<19' ;;
    esac
    "$peers/$peer/bin/python" -W ignore "$here/tables.py" peer "$peer" "$folder" "$size" || echo "$peer: could not be run"
done
