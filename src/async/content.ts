/** Takes one chunk. The chunk's memory is reused once this returns, or, when it returns a promise, once that is fulfilled. */
export type ChunkSink = (chunk: Uint8Array) => void | Promise<void>

/** Bytes that can be read once, from front to back. */
export interface Content {
  /** Bytes that `read` will deliver. */
  readonly size: number
  /** Delivers every byte to the sink and waits for it; rejects when fewer than `size` bytes came, or when the sink did. */
  read(sink: ChunkSink): Promise<void>
  /** Gives up content that will not be read, so that its connection or file is closed. */
  cancel(): void
}

/** All bytes of content that is small enough to be held. */
export async function readAll(content: Content): Promise<Buffer> {
  const chunks: Buffer[] = []
  await content.read((chunk) => void chunks.push(Buffer.from(chunk)))
  return Buffer.concat(chunks)
}

/** Bytes that are held already, as content. */
export function contentOf(bytes: Uint8Array): Content {
  return {
    size: bytes.length,
    read: async (sink) => {
      if (bytes.length > 0) await sink(bytes)
    },
    cancel: () => undefined,
  }
}
