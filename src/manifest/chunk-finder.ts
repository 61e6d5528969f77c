/**
 * Finds chunks for one operation that looks up very many: what is to be known of packs is read once, so that each
 * look-up is one probe of one table. It does not see packs that are added later.
 */
import { assert } from '../base/assert.ts'
import { CHUNK_ID_BYTES, type PackId } from '../model/ids.ts'
import { CHUNK_KEY_BYTES } from './chunks-table.ts'
import type { Connection, Statement } from './connection.ts'
import type { PackRow } from './packs-table.ts'

export type ChunkPlace = {
  readonly pack: number
  readonly packId: PackId
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

type Cells = [pack: number, segment: number, offset: number, bytes: number]

export class ChunkFinder {
  readonly #rows: Statement<Cells>
  readonly #packs: ReadonlyMap<number, PackId>
  readonly #key: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_KEY_BYTES)

  /** `packs`: of those that are not in it nothing is found. */
  constructor(connection: Connection, packs: readonly PackRow[]) {
    this.#packs = new Map(packs.map((pack) => [pack.no, pack.id]))
    this.#rows = connection.prepareCells('SELECT pack, segment, offset, bytes FROM chunks WHERE key = ?')
  }

  /** `undefined` where no usable pack holds the chunk. */
  find(id: Uint8Array): ChunkPlace | undefined {
    assert(id.length === CHUNK_ID_BYTES, 'a chunk id has 32 bytes')
    const key = this.#key
    for (let index = 0; index < CHUNK_KEY_BYTES; index++) key[index] = id[index] ?? 0
    for (const [pack, segment, offset, bytes] of this.#rows.all(key)) {
      const packId = this.#packs.get(pack)
      if (packId !== undefined) return { pack, packId, segment, offset, bytes }
    }
    return undefined
  }
}
