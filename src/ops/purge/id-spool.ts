/**
 * A list of chunk ids that is too long for memory, in a file without a name: it is gone with the process, however that ends.
 * It does not know what the ids are for.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CHUNK_ID_BYTES } from '../../model/ids.ts'

const BLOCK_BYTES = 32_768 * CHUNK_ID_BYTES

export class IdSpool implements Disposable {
  readonly #path: string
  readonly #fd: number
  #bytes = 0
  #isNamed = true
  #isOpen = true

  constructor(directory: string) {
    this.#path = join(directory, `purge-${randomBytes(8).toString('hex')}`)
    this.#fd = openSync(this.#path, 'wx+', 0o600)
    try {
      unlinkSync(this.#path)
      this.#isNamed = false
    } catch {
      // Some systems do not let go of the name of an open file: it goes at the end.
    }
  }

  get count(): number {
    return this.#bytes / CHUNK_ID_BYTES
  }

  /** 32 bytes each. */
  add(ids: Uint8Array): void {
    for (let at = 0; at < ids.length; ) at += writeSync(this.#fd, ids, at, ids.length - at, this.#bytes + at)
    this.#bytes += ids.length
  }

  /** In the order in which they came; each is the caller's own. */
  *ids(): Generator<Uint8Array> {
    for (let from = 0; from < this.#bytes; ) {
      const block = Buffer.alloc(Math.min(BLOCK_BYTES, this.#bytes - from))
      let filled = 0
      while (filled < block.length)
        filled += readSync(this.#fd, block, filled, block.length - filled, from + filled)
      for (let at = 0; at < block.length; at += CHUNK_ID_BYTES)
        yield new Uint8Array(block.subarray(at, at + CHUNK_ID_BYTES))
      from += block.length
    }
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.#fd)
    if (this.#isNamed) unlinkSync(this.#path)
  }
}
