#!/usr/bin/env bash
# What packages and log in an object store cost, beside a folder, in one run on one machine: sealing a million predictions, and
# requests of eight clients that are acknowledged by the disk or by the store.
#
#   bench/storage.sh                 a release build (many minutes the first time), then about two minutes
#   PROFILE=dev bench/storage.sh     with the build of the tests: our own code is not optimised there
#
# The store is SeaweedFS on this machine (tests/servers/with-seaweedfs): no network lies between.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/servers/with-seaweedfs cargo test --workspace --locked --profile "${PROFILE:-release}" --test commands -- \
    --ignored --nocapture --exact storage_figures::figures_of_the_object_store | grep -E '^(folder|object store|--record-ack)'
