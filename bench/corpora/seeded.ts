/** Bytes and choices that are the same in every run. Not for secrets. */
import { createCipheriv, createHash } from 'node:crypto'

const BLOCK_BYTES = 65_536

/** An endless sequence of numbers, fixed by its seed (the key stream of AES-256-CTR). */
export class Seeded {
  #cipher
  #zeros = new Uint8Array(BLOCK_BYTES)
  #words = new Uint32Array(0)
  #at = 0

  constructor(seed: string) {
    this.#cipher = createCipheriv(
      'aes-256-ctr',
      createHash('sha256').update(seed).digest(),
      new Uint8Array(16),
    )
  }

  /** At least 0, less than `bound`; `bound` is at most 2^32. */
  below(bound: number): number {
    if (this.#at === this.#words.length) {
      const block = this.#cipher.update(this.#zeros)
      this.#words = new Uint32Array(block.buffer, block.byteOffset, BLOCK_BYTES / 4)
      this.#at = 0
    }
    const word = this.#words[this.#at] as number
    this.#at += 1
    return Math.floor((word / 2 ** 32) * bound)
  }

  /** Small numbers often, large ones rarely: the chance of n falls as 1 / n. At least 0, less than `bound`. */
  skewed(bound: number): number {
    return Math.floor(bound ** (this.below(2 ** 32) / 2 ** 32)) - 1
  }

  /** Bytes that do not compress. */
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at += BLOCK_BYTES) {
      const part = target.subarray(at, at + BLOCK_BYTES)
      part.set(this.#cipher.update(this.#zeros.subarray(0, part.length)))
    }
  }
}
