#!/bin/sh
# What a node downloads when K3s is installed from a site, by the documented variables of the installer:
# https://docs.k3s.io/reference/env-variables and https://docs.k3s.io/installation/airgap
# usage: node-download.sh curl|wget <directory>
set -eu
tool=$1 into=$2 arch=${ARCH:-amd64} binary=${BINARY:-k3s}

fetch() { # <url> <file>
  case $tool in
    curl) curl -o "$2" -sfL "$1" ;;
    wget) busybox wget -qO "$2" "$1" ;;
  esac
}

tag=${INSTALL_K3S_VERSION:-}
if [ -z "$tag" ]; then
  channel="$INSTALL_K3S_CHANNEL_URL/${INSTALL_K3S_CHANNEL:-stable}"
  case $tool in
    curl) final=$(curl -w '%{url_effective}' -L -s -S "$channel" -o /dev/null) ;;
    wget) final=$(busybox wget -SqO /dev/null "$channel" 2>&1 | grep -i location: | tr -d '\r') ;;
  esac
  tag=${final##*/}
fi
below="$INSTALL_K3S_ARTIFACT_URL/$(printf %s "$tag" | sed 's/+/%2B/g')"

fetch "$below/sha256sum-$arch.txt" "$into/sums"
expected=$(grep " $binary$" "$into/sums" | cut -d ' ' -f 1)
fetch "$below/$binary" "$into/k3s"
[ "$(sha256sum < "$into/k3s" | cut -d ' ' -f 1)" = "$expected" ]
echo "$tag"
