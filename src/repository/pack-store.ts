/**
 * Where finished packs go: to the storage, and only when they are durable to the manifest, as pending packs of one run. It
 * makes the tickets that packs are begun with. Naming packs in index objects is the caller's.
 */

import { addInFlight, during } from '../base/trace.ts'
import { hash } from '../crypto/blake3.ts'
import type { Box } from '../crypto/box.ts'
import { SnapError } from '../model/errors.ts'
import type { PackKind } from '../model/pack-table.ts'
import { packKey } from '../object/object-keys.ts'
import { makePackTicket, type PackTicket } from '../pack/pack-header.ts'
import type { CheckedPack } from '../workers/pack-filler.ts'
import { PrunedMeanwhile } from './pruned-meanwhile.ts'
import type { Repository } from './repository.ts'

export class PackStore {
  readonly #repository: Repository
  readonly #box: Box
  /** Number of the run in the manifest. */
  readonly run: number
  #bytesStored = 0

  constructor(repository: Repository, box: Box, run: number) {
    this.#repository = repository
    this.#box = box
    this.run = run
  }

  /** Bytes of all packs stored so far. */
  get bytesStored(): number {
    return this.#bytesStored
  }

  ticket(kind: PackKind): PackTicket {
    const { id, keys, random } = this.#repository
    return makePackTicket(id, kind, keys, this.#box, random)
  }

  /**
   * Durable first, then known: the manifest never names a pack that may be lost. Returns the pack's number there.
   * `PrunedMeanwhile` where another has condemned it between the two.
   */
  async store(pack: CheckedPack): Promise<number> {
    addInFlight(pack.bytes.length)
    try {
      return await during('store a pack', () => this.#store(pack))
    } finally {
      addInFlight(-pack.bytes.length)
    }
  }

  async #store({ bytes, table, digest }: CheckedPack): Promise<number> {
    const { storage, manifest, log } = this.#repository
    // Between two threads and many milliseconds, a bit of memory may have changed.
    if (Buffer.compare(hash(bytes), digest) !== 0) {
      throw new SnapError('OBJECT_DAMAGED', `pack ${table.id} changed in memory before it was stored`, {
        hint: "Nothing was saved. Check this machine's memory.",
      })
    }
    await storage.put(packKey(table.id), [bytes])
    this.#bytesStored += bytes.length
    return manifest.transaction(() => {
      // Another client may have taken it for a stray before it stood in the manifest; it must not come to stand there after.
      if (log.isCondemned(table.id)) throw new PrunedMeanwhile()
      return manifest.packs.add({ ...table, state: 'pending', trusted: true, run: this.run })
    })
  }
}
