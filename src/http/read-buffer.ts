/** Bytes read at once. More is not faster, and every open connection holds as many. */
const plainBytes = 128 * 1024

/** Bytes that Node decrypts at once. */
const encryptedBytes = 16 * 1024

/**
 * Where a socket puts what it reads: one buffer that is used again and again. Of an encrypted connection several, because Node
 * stops reading when it is told so, but not before it has decrypted all it has read: memory of which `isHeld` is true is not
 * written over.
 */
export function readBuffer(isEncrypted: boolean, isHeld: (memory: ArrayBufferLike) => boolean): Buffer | (() => Buffer) {
  if (!isEncrypted) return Buffer.allocUnsafeSlow(plainBytes)
  const buffers: Buffer[] = []
  return () => {
    const free = buffers.find(({ buffer }) => !isHeld(buffer))
    if (free !== undefined) return free
    const added = Buffer.allocUnsafeSlow(encryptedBytes)
    buffers.push(added)
    return added
  }
}
