import { MirrorError } from '../errors.ts'
import { addressRefusal } from '../http/address.ts'
import type { StreamedAnswer } from '../http/send-request.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import type { RegistryTransport } from './transport.ts'

/** URLs of one layer that are tried. */
const mostUrls = 5

/** Why a layer's URL is not asked: text that fits after "it is"; undefined when it may be. */
function refusalOf(url: URL, { endpoint, storageHosts }: RegistryTransport): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'neither http nor https'
  return addressRefusal(url, { url: endpoint.origin }, storageHosts)
}

/** Opens a foreign layer at the URLs that it names, never with credentials; undefined when there are none. Throws what the last one gave. */
export async function openForeignLayer(
  transport: RegistryTransport,
  { digest, urls = [] }: Descriptor,
  options: CallOptions & { readonly headers: Readonly<Record<string, string>>; readonly expect: readonly number[] },
): Promise<StreamedAnswer | undefined> {
  let failure: unknown
  for (const text of urls.slice(0, mostUrls)) {
    try {
      if (!URL.canParse(text)) throw new MirrorError('REFUSED_ADDRESS', `foreign layer ${digest} names something that is not a URL`)
      const url = new URL(text)
      const refusal = refusalOf(url, transport)
      if (refusal !== undefined) {
        throw new MirrorError(
          'REFUSED_ADDRESS',
          `foreign layer ${digest} is not read from ${foreignText(redactUrl(url))}, which is ${refusal}`,
        )
      }
      return await transport.downloadElsewhere({ ...options, url, what: `read foreign layer ${digest}` })
    } catch (error) {
      failure = error
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}
