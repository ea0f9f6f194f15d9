import { upgradeTag } from '../kubernetes/upgrade-tag.ts'
import { formatReference } from '../oci/reference.ts'
import { listSha256Of, type CheckedList } from './fetch-release-list.ts'

/** The image with which the system upgrade controller brings a node to a release. Whether it moves to ghcr.io with the images of v1.40 is not announced. https://docs.k3s.io/upgrades/automated */
export function upgradeImages(release: string): CheckedList {
  const image = { registry: 'docker.io', path: 'rancher/k3s-upgrade', tag: upgradeTag(release) }
  const sha256 = listSha256Of(Buffer.from(`${formatReference(image)}\n`))
  const list = { name: `upgrade images of ${release}`, sha256, coverage: 'none', kind: 'upgrade-images', images: 1 } as const
  return { images: [image], warnings: [], list }
}
