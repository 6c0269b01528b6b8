#!/usr/bin/env bash
# What statistics cost here and in the tools that do the same job, in CPU seconds, in one run on one machine.
#
#   bench/statistics.sh            everything (about 15 minutes; most of it the peers)
#   PEERS="shap fairlearn" bench/statistics.sh
#
# Peers are installed pinned, each into its own folder under KILTER_PEERS (default ~/.cache/kilter/peers). Both sides draw
# columns of the same shapes from the same laws in memory: reading files is measured by tables.sh. One thread each.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${KILTER_PEERS:-$HOME/.cache/kilter/peers}"
mkdir -p "$folder"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NML_DISABLE_USAGE_LOGGING=1

environment() { # name, then what to install
    [ -x "$folder/$1/bin/python" ] || { python3 -m venv "$folder/$1" && "$folder/$1/bin/pip" install -q "${@:2}"; }
}

(cd "$here/.." && cargo bench -q -p kilter-stats --bench speed)

for peer in ${PEERS:-evidently nannyml fairlearn shap}; do
    case "$peer" in
        evidently) environment evidently evidently==0.7.23 'pandas<3' ;;
        nannyml) environment nannyml nannyml==0.13.1 'pandas<2.3' 'numpy<2.1' 'scikit-learn<1.6' 'category-encoders<2.7' statsmodels ;;
        fairlearn) environment metrics scipy==1.17.1 numpy==2.4.6 scikit-learn==1.9.1 fairlearn==0.15.0 river==0.26.1 pandas pyarrow ;;
        shap) environment shap shap==0.51.0 lightgbm==4.7.0 xgboost==3.2.0 onnx onnxruntime pandas pyarrow scikit-learn ;;
    esac
    case "$peer" in fairlearn) venv=metrics ;; *) venv="$peer" ;; esac
    "$folder/$venv/bin/python" -W ignore "$here/peers.py" "$peer" || echo "$peer: could not be run"
done
