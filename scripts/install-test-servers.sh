#!/usr/bin/env bash
# Installs what the tests start: docker-registry, skopeo and openssl, from Debian's own packages. Run as root; run it again at will.
set -euo pipefail

programs=(docker-registry skopeo openssl)
policy=/usr/sbin/policy-rc.d

missing=()
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "test servers: all installed (${programs[*]})"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "test servers: ${missing[*]} missing, and only root can install them" >&2
  exit 1
fi

# The registry's package starts a service on port 5000; the tests start their own on free ports. This file tells the package scripts
# not to start anything (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt), and what stood there comes back.
saved=
restore() {
  rm -f "$policy"
  if [ -n "$saved" ]; then mv "$saved" "$policy"; fi
}
if [ -e "$policy" ]; then
  saved=$(mktemp "$policy.XXXXXX")
  mv "$policy" "$saved"
fi
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "test servers: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q </dev/null
apt-get install -q -y -o Dpkg::Options::=--force-confold "${missing[@]}" </dev/null

# nor shall it start with the next boot
if command -v systemctl >/dev/null && [[ " ${missing[*]} " == *" docker-registry "* ]]; then
  systemctl disable --quiet docker-registry.service || true
fi

for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || { echo "test servers: $program is still missing" >&2; exit 1; }
done
echo "test servers: installed"
