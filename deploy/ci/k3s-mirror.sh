#!/bin/sh
# Runs k3s-mirror in a pipeline: installs it by checksum, runs it, and writes its report as JSON, JUnit XML and markdown.
#
#   k3s-mirror.sh [argument]...
#
# MIRROR_ARGS    replaces the arguments: one a line; "--to registry.example.com" is an option and its value
# MIRROR_URL     URL or directory with SHA256SUMS and the executables; empty: k3s-mirror on PATH, or built from this checkout
# MIRROR_SHA256  checksum of SHA256SUMS, which pins every executable
# MIRROR_BIN     directory for the executable (default: .k3s-mirror)
# MIRROR_OUT     directory for report.json, junit.xml, summary.md and result.env (default: k3s-mirror-report)
#
# Every option of k3s-mirror can be set as K3S_MIRROR_<OPTION>. The exit code is that of k3s-mirror, except that 5 (something
# changed) becomes 0: result.env then has MIRROR_CHANGED=true. A download with a wrong checksum ends with 3, and nothing runs.
set -eu

bin=${MIRROR_BIN:-.k3s-mirror}
out=${MIRROR_OUT:-k3s-mirror-report}

fail() {
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}

# A line break would end the line of a file that names the directory, such as GITHUB_OUTPUT.
case $bin$out in *'
'*) fail 2 'MIRROR_BIN or MIRROR_OUT has a line break' ;; esac
mkdir -p "$out" && [ -w "$out" ] && rm -f "$out/report.json" "$out/junit.xml" "$out/summary.md" "$out/result.env" ||
  fail 6 'cannot write to MIRROR_OUT'

# Runs that share MIRROR_BIN, also in containers with the same process numbers, have a directory each.
prepare() {
  mkdir -p "$bin" && bin=$(cd "$bin" && pwd) && work=$(mktemp -d "$bin/new.XXXXXX") || fail 6 'cannot write to MIRROR_BIN'
  trap 'rm -rf "$work"' EXIT
  program=$bin/k3s-mirror
}

fetch() {
  case $MIRROR_URL in
  http://* | https://*)
    if command -v curl >/dev/null; then
      curl --fail --silent --show-error --location --retry 3 --output "$2" "$MIRROR_URL/$1"
    else
      wget -q -O "$2" "$MIRROR_URL/$1"
    fi
    ;;
  *) cp "$MIRROR_URL/$1" "$2" ;;
  esac || fail 6 "cannot read $1 from MIRROR_URL"
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -c 1-64
}

download() {
  case $(uname -s)/$(uname -m) in
  Linux/x86_64) asset=k3s-mirror-linux-amd64 ;;
  Linux/aarch64 | Linux/arm64) asset=k3s-mirror-linux-arm64 ;;
  Darwin/arm64) asset=k3s-mirror-darwin-arm64 ;;
  MINGW*/x86_64 | MSYS*/x86_64) asset=k3s-mirror-win-x64.exe program=$program.exe ;;
  *) fail 2 "no executable for $(uname -s) $(uname -m): install k3s-mirror on PATH, and leave MIRROR_URL empty" ;;
  esac
  fetch SHA256SUMS "$work/SHA256SUMS"
  if [ -n "${MIRROR_SHA256:-}" ] && [ "$(sha256 "$work/SHA256SUMS")" != "$(printf %s "$MIRROR_SHA256" | tr A-F a-f)" ]; then
    fail 3 "wrong checksum of SHA256SUMS: expected MIRROR_SHA256, $MIRROR_SHA256"
  fi
  expected=$(tr -d '\r' <"$work/SHA256SUMS" | sed -n "s/^\([0-9a-f]\{64\}\) [ *]$asset\$/\1/p" | sort -u)
  [ ${#expected} -eq 64 ] || fail 3 "SHA256SUMS does not have one checksum of $asset"
  # Caches and artifacts may lose the mode.
  if [ -x "$program" ] && [ "$(sha256 "$program")" = "$expected" ]; then return; fi
  fetch "$asset" "$work/$asset"
  [ "$(sha256 "$work/$asset")" = "$expected" ] || fail 3 "wrong checksum of $asset: expected $expected"
  chmod +x "$work/$asset" && mv -f "$work/$asset" "$program" || fail 6 "cannot write $program"
}

build() {
  root=$(cd "$(dirname "$0")/../.." && pwd)
  grep -qs '"name": "k3s-mirror"' "$root/package.json" || fail 2 "k3s-mirror is not on PATH: set MIRROR_URL"
  if ! [ -f "$root/dist/cli/main.js" ]; then
    (cd "$root" && npm ci --no-audit --no-fund && npm run build) >&2 || fail 6 "cannot build k3s-mirror"
  fi
  printf "#!/bin/sh\nexec node '%s/dist/cli/main.js' \"\$@\"\n" "$(printf %s "$root" | sed "s/'/'\\\\''/g")" >"$work/program"
  chmod +x "$work/program" && mv -f "$work/program" "$program" || fail 6 "cannot write $program"
}

if [ -n "${MIRROR_URL:-}" ]; then
  prepare
  download
elif command -v k3s-mirror >/dev/null; then
  program=$(command -v k3s-mirror)
else
  prepare
  build
fi

if [ -n "${MIRROR_ARGS:-}" ]; then
  set --
  while read -r line; do
    # No command has a blank.
    case $#$line in 0[!-]*[[:blank:]]*) fail 2 "invalid MIRROR_ARGS: \"$line\" is not a command; write one argument a line" ;; esac
    option=${line%%[[:blank:]]*}
    case $option in
    '') ;;
    "$line" | -*=* | [!-]*) set -- "$@" "$line" ;;
    *)
      value=${line#"$option"}
      set -- "$@" "$option" "${value#"${value%%[![:blank:]]*}"}"
      ;;
    esac
  done <<END
$(printf %s "$MIRROR_ARGS" | tr -d '\r')
END
fi
[ $# -gt 0 ] || set -- version

code=0
K3S_MIRROR_REPORT=$out/report.json K3S_MIRROR_DETAILED_EXITCODE=true "$program" "$@" || code=$?

show() {
  # Some commands, such as lock, have only the report.
  [ ! -f "$out/report.json" ] || "$program" report show "$out/report.json" --output "$1" >"$out/$2" 2>/dev/null || rm -f "$out/$2"
}
show junit junit.xml
show markdown summary.md

changed=false
case $code in
0) ;;
1) echo "k3s-mirror: some images failed, see $out/summary.md" >&2 ;;
2) echo 'k3s-mirror: invalid usage or input, nothing was copied' >&2 ;;
3) echo 'k3s-mirror: content was refused: a digest, checksum or size is wrong' >&2 ;;
4) echo 'k3s-mirror: the check found problems' >&2 ;;
5) changed=true code=0 ;;
6) echo 'k3s-mirror: the run could not begin, try again later' >&2 ;;
126 | 127) echo "k3s-mirror: $program does not run here: the executables need glibc, which Alpine does not have" >&2 ;;
*) echo "k3s-mirror: ended with $code" >&2 ;;
esac
echo "MIRROR_CHANGED=$changed" >"$out/result.env"
exit "$code"
