#!/usr/bin/env bash
# Runs what scripts/test.sh runs, with the long runs at their full length:
# fuzzing by minutes, soaks, and generated cases by the hundred thousand. It
# takes hours. Arguments go to go test.
set -euo pipefail
export GATEHOUSE_LONG=1
exec "$(dirname "$0")/test.sh" "$@"
