# shellcheck shell=bash
# Debian packages for the scripts beside this folder; sourced, not run.

# missing PACKAGE...: prints those that are not installed.
missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] \
      || printf '%s\n' "$package"
  done
}

# absent COMMAND=PACKAGE...: prints the packages of commands that are not there.
absent() {
  local pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%=*}" ] \
      || [ -x "/sbin/${pair%%=*}" ] || printf '%s\n' "${pair#*=}"
  done
}

# install PACKAGE...: with apt-get where that is allowed; says what to do where it is not.
install() {
  [ $# -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $*" >&2
    apt-get update -qq >&2 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    echo "please install: sudo apt-get install $*" >&2
    return 1
  fi
}

# need_to_build: the Swift toolchain and what the build needs beside it, or exit 1.
need_to_build() {
  if ! command -v swift >/dev/null; then
    echo "$0: no Swift toolchain found; get Swift 6.3 or later from https://swift.org/install" >&2
    exit 1
  fi
  # shellcheck disable=SC2046
  if ! { install $(missing libpcap-dev) && install $(absent pkg-config=pkg-config git=git); }; then
    echo "$0: cannot build without these packages" >&2
    exit 1
  fi
}
