#!/usr/bin/env bash
# What logging to and reading from Kilter costs, beside MLflow's own server with its default settings: one after the other, the same
# requests. Prints a table. CPU per request is the figure that counts on a machine that does other things too.
#
#   bench/tracking.sh                    a release build (many minutes the first time), then about ten minutes
#   bench/tracking.sh --kilter PATH      with this binary
#   bench/tracking.sh --kilter-only      without MLflow's server
#   bench/tracking.sh --quick            a tenth of the requests: the shape, not the figures
#
# Runs that are searched: 10,000 with ten metrics and five parameters each, in a SQLite file on both sides. FOLDER is the place of
# the data. MLflow is the one of KILTER_MLFLOW_PYTHON (default ~/.cache/kilter/mlflow-venv, which ./test makes).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --kilter) KILTER="$(realpath "$2")"; shift 2 ;;
        *) options+=("$1"); shift ;;
    esac
done
python="${KILTER_MLFLOW_PYTHON:-$HOME/.cache/kilter/mlflow-venv/bin/python}"
folder="${FOLDER:-$(mktemp -d)}"
trap 'rm -rf "$folder"' EXIT
if [ -z "${KILTER:-}" ]; then
    (cd "$here/.." && cargo build -q --release --locked)
    KILTER="${CARGO_TARGET_DIR:-$here/../target}/release/kilter"
fi
python3 "$here/tracking.py" "$KILTER" "$(dirname "$python")/mlflow" "$folder" "${options[@]}"
