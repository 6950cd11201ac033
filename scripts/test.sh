#!/usr/bin/env bash
# Runs every check of the repository: what is missing and installable is
# installed first (scripts/setup.sh), then formatting, vet, staticcheck, the
# tests, and the modules beside the product's. The end says what was skipped and
# why. With CI=true, a test skipped for something that setup could have
# installed is a failure. Arguments go to go test, such as -run 'TestBan'.
#
# GATEHOUSE_LONG=1 (scripts/test-full.sh) makes the long runs long; without it
# they hold a sample of one percent.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off

started=$SECONDS
failed=()
step() { # name command...
  local name=$1 at=$SECONDS
  shift
  echo "== $name"
  if "$@"; then echo "== $name: fine, $((SECONDS - at)) s"; else failed+=("$name"); echo "== $name: FAILED, $((SECONDS - at)) s"; fi
}

command -v go >/dev/null || { echo "test: there is no go command: install Go 1.26 or newer" >&2; exit 3; }

strict=""
[ "${CI:-}" = true ] && strict=-strict
if ! ./scripts/setup.sh; then
  echo "== setup: something is missing; what needs it is skipped"
  [ -z "$strict" ] || failed+=("setup")
fi
started=$SECONDS

formatted() {
  local files
  files=$(git ls-files -co --exclude-standard -- '*.go' | while read -r f; do [ -f "$f" ] && echo "$f"; done | xargs gofmt -l)
  [ -z "$files" ] || { printf 'gofmt -w these:\n%s\n' "$files"; return 1; }
}
# Collecting less often takes a quarter off its time, within what a small machine has.
staticcheck() { GOGC=400 GOMEMLIMIT=2GiB go tool -modfile=tools/go.mod staticcheck ./...; }
beside() { # modules that are not the product's: they build, and their own tests pass
  local module status=0
  for module in tools benchmarks; do
    [ -f "$module/go.mod" ] || continue
    (cd "$module" && go vet ./... && go test ./...) || status=1
  done
  return $status
}

# The race detector is for packages where goroutines meet: a package is one if
# it, or its test, starts goroutines or imports what synchronises them. Tests
# that only compute, for long, stand in files *_pure_test.go, which the race
# detector does not build: they, and no other of their packages, run without it as
# well. Of tests/ and internal/cli, which drive whole programs, attribution has it in
# each run, and the others in the long run: it makes them slow, and the gate's
# goroutines meet in the tests of internal/gateway and of the rungs too.
packages() { # yes|no|pure
  local list
  list=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}} {{join .Imports ","}},{{join .TestImports ","}},{{join .XTestImports ","}},{{end}}' ./...) || return 1
  local path dir imports meet
  while read -r path dir imports; do
    [ -n "$path" ] || continue
    meet=no
    case ",$imports" in *,sync,* | *,sync/atomic,* | *,golang.org/x/sync/*) meet=yes ;; esac
    if [ $meet = no ] && grep -qE '^\s*go (func|[A-Za-z_.]+\()' "$dir"/*.go; then meet=yes; fi
    if [ "${GATEHOUSE_LONG:-}" != 1 ]; then
      case "$path" in */tests/attribution) ;; */tests/* | */internal/cli) meet=no ;; esac
    fi
    if [ $meet = "$1" ] || { [ "$1$meet" = pureyes ] && compgen -G "$dir/*_pure_test.go" >/dev/null; }; then echo "$path"; fi
  done < <(sort -r <<<"$list") # the long ones of tests/ first
}

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
copying_initdb() { # a program that runs initdb once for each way to call it, and copies what it made
  local initdb
  initdb=$(command -v initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" | head -1) || return 0
  command -v flock >/dev/null || return 0
  mkdir -m 1777 "$built/clusters"
  chmod 755 "$built" # the server's account makes them
  cat >"$built/initdb" <<END
#!/bin/sh
# initdb --pgdata FOLDER and options
set -e
folder=\$2
shift 2
made=$built/clusters/\$(echo "\$*" | cksum | tr -c '0-9\n' -)
{ flock 9; [ -d "\$made" ] || { "$initdb" --pgdata "\$made.new" "\$@" >&2 && mv "\$made.new" "\$made"; }; } 9>>"\$made.lock"
exec cp -a "\$made" "\$folder"
END
  chmod 755 "$built/initdb"
  export GATEHOUSE_TEST_INITDB=$built/initdb
}
copying_initdb
race=""
uninstrumented=""
skipped=""
export GORACE="atexit_sleep_ms=0" # races are told as they are found; else each program sleeps for a second before it exits
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then race=-race
  # SQLite in Go is C that was translated, in memory that the race detector does not
  # watch: with it, it takes three times as long and finds nothing. The driver has it.
  uninstrumented="-gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false"
else skipped="the race detector: there is no C compiler; ./scripts/setup.sh installs gcc"; fi

only_pure() { # the tests of *_pure_test.go, as -run has them
  git ls-files -co --exclude-standard -- '*_pure_test.go' | xargs sed -nE 's/^func ((Test|Fuzz|Example)[A-Za-z0-9_]*)\(.*/\1/p' | paste -sd'|'
}
tests() { # yes|no|pure, flags
  local list
  list=$(packages "$1") || return 1
  [ -n "$list" ] || return 0
  # Vet has run; nobody debugs these binaries, and linking them without DWARF is
  # quicker; three at once, since many wait for a browser or a deadline.
  # shellcheck disable=SC2086 # one word a package and flag
  go test -json $2 -vet=off -ldflags=-w -p 3 -timeout "$timeout" "${args[@]}" $list
}
all_tests() { # one list after the other, since both want every core
  {
    status=0
    # What drives the command as a program shares it.
    export GATEHOUSE_TEST_BUILT=$built/gatehouse
    go build -ldflags=-w -o "$GATEHOUSE_TEST_BUILT" ./cmd/gatehouse || status=1
    tests no "" || status=1
    tests pure "-run ^($(only_pure))\$" || status=1
    GOFLAGS="${GOFLAGS:-} $uninstrumented" tests yes "$race" || status=1
    exit $status
  } 2>&1 | go run -C tools ./testsummary $strict -installable "$(./scripts/setup.sh --list | tr '\n' ' ')"
}

args=("$@")
timeout=6m
[ "${GATEHOUSE_LONG:-}" = 1 ] && timeout=4h
step "gofmt" formatted
step "go vet" go vet ./...
step "staticcheck" staticcheck
step "go test" all_tests
step "the modules beside" beside

[ -z "$skipped" ] || echo "skipped: $skipped"
[ "${GATEHOUSE_LONG:-}" = 1 ] || echo "skipped: the long runs, but for a sample: ./scripts/test-full.sh has them"
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAIL after $((SECONDS - started)) s: ${failed[*]}"
  exit 1
fi
echo "all well after $((SECONDS - started)) s"
