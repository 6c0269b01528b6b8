#!/usr/bin/env bash
# What a prediction costs: Kilter with its schema checks, routing, metrics and recording on, beside FastAPI + onnxruntime + orjson with the
# same model (LightGBM, 500 trees of 31 leaves, 20 features). Prints a table. CPU per request is the figure that counts on a machine that
# does other things too; it is that of the server alone.
#
#   bench/serving.sh                    a release build (many minutes the first time), then about three minutes
#   bench/serving.sh --kilter PATH      with this binary
#   bench/serving.sh --kilter-only      without FastAPI
#   bench/serving.sh --mlserver PYTHON  MLServer too, of a Python that has `mlserver` and `mlserver-lightgbm`
#   bench/serving.sh --seconds N        how long each load lasts (default 4)
#   bench/serving.sh --swap             nothing but a load during which the live version is replaced again and again
#   bench/serving.sh --mixed [--minutes N] [--python PYTHON]
#                                       every protocol at a bounded pace for an hour: memory, slow answers, failures (see mixed.py)
#
# Needs wrk, and the packages of serving-requirements.txt in a venv, which it makes at KILTER_SERVING_BENCH_VENV (default
# ~/.cache/kilter/serving-bench-venv). FOLDER is the place of the project; where it lies decides what an fsync costs.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
options=() program=serving.py
while [ $# -gt 0 ]; do
    case "$1" in
        --kilter) KILTER="$(realpath "$2")"; shift 2 ;;
        --mixed) program=mixed.py; shift ;;
        *) options+=("$1"); shift ;;
    esac
done
command -v wrk >/dev/null || { echo "serving: wrk is missing (Debian: apt-get install wrk)" >&2; exit 1; }
venv="${KILTER_SERVING_BENCH_VENV:-$HOME/.cache/kilter/serving-bench-venv}"
if ! cmp -s "$here/serving-requirements.txt" "$venv/kilter-requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/serving-requirements.txt"
    cp "$here/serving-requirements.txt" "$venv/kilter-requirements.txt"
fi
folder="${FOLDER:-$(mktemp -d)}"
trap 'rm -rf "$folder"' EXIT
if [ -z "${KILTER:-}" ]; then
    (cd "$here/.." && cargo build -q --release --locked)
    KILTER="${CARGO_TARGET_DIR:-$here/../target}/release/kilter"
fi
"$venv/bin/python" "$here/$program" "$KILTER" "$folder" "${options[@]}"
