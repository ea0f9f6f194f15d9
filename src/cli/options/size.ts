import { InvalidArgumentError } from 'commander'

/** Less than this is a slip of the keyboard. */
const leastBytes = 1024 * 1024

const factors: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Bytes of a size as split(1) takes it, in powers of 1024: `4095M`, `4G`, `700MiB`. Throws InvalidArgumentError. */
export function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^([0-9]{1,12})(?:([KMGT])(?:iB)?)?$/i.exec(text) ?? []
  const bytes = Number(digits) * (factors[unit.toUpperCase()] ?? 1)
  if (digits === '' || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('Write a number of bytes, or one with K, M or G, as in 4095M.')
  if (bytes < leastBytes) throw new InvalidArgumentError('It must be at least 1M.')
  return bytes
}
