/** The image tag of a version: `v1.37.1+k3s1` becomes `v1.37.1-k3s1`, because a tag cannot have a `+`. https://docs.k3s.io/upgrades/automated */
export function upgradeTag(version: string): string {
  return version.replaceAll('+', '-')
}
