/** Bytes of one block. */
const blockBytes = 256 * 1024

interface Block {
  readonly start: number
  readonly bytes: Buffer
  /** A reader that fell behind still needs it, so that its memory is not used again. */
  isKept: boolean
}

/** The last bytes of a stream, for readers at different places. Bytes that were handed out do not change while their reader has not moved on. */
export class ByteWindow {
  readonly #blocks: Block[] = []
  readonly #spare: Buffer[] = []
  #end = 0

  /** Offset of the first byte that is held. */
  get start(): number {
    return this.#blocks[0]?.start ?? this.#end
  }

  /** Offset behind the last byte. */
  get end(): number {
    return this.#end
  }

  /** Appends a copy of the chunk. */
  push(chunk: Uint8Array): void {
    for (let rest = chunk; rest.length > 0;) {
      const last = this.#blocks.at(-1)
      const block = last !== undefined && this.#end < last.start + blockBytes ? last : this.#add()
      const piece = rest.subarray(0, block.start + blockBytes - this.#end)
      block.bytes.set(piece, this.#end - block.start)
      this.#end += piece.length
      rest = rest.subarray(piece.length)
    }
  }

  /** Bytes from the offset on, as many as stand together; none where the offset is the end. */
  at(offset: number): Uint8Array {
    const block = this.#blocks[Math.floor((offset - this.start) / blockBytes)]
    return block === undefined ? new Uint8Array() : block.bytes.subarray(offset - block.start, this.#end - block.start)
  }

  /** All bytes from the offset on, which stay readable whatever happens to the window. */
  keep(offset: number): Uint8Array[] {
    return this.#blocks
      .filter(({ start }) => start + blockBytes > offset)
      .map((block) => {
        block.isKept = true
        return block.bytes.subarray(Math.max(0, offset - block.start), this.#end - block.start)
      })
      .filter(({ length }) => length > 0)
  }

  /** Forgets full blocks before the offset. */
  trim(offset: number): void {
    for (let first = this.#blocks[0]; first !== undefined && first.start + blockBytes <= offset; first = this.#blocks[0]) {
      this.#blocks.shift()
      if (!first.isKept) this.#spare.push(first.bytes)
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#blocks.length = 0
    this.#spare.length = 0
  }

  #add(): Block {
    const block = { start: this.#end, bytes: this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes), isKept: false }
    this.#blocks.push(block)
    return block
  }
}
