/**
 * Dictionaries of delta segments that fill while the segments that hold their bases are decoded for their own sake: by threads, into
 * memory that all share. It knows where bases lie, and neither reads nor decodes.
 */
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import { DICTIONARY_BYTES_MAX } from '../model/limits.ts'
import type { BaseCopy } from '../workers/base-copies.ts'
import { locateBases } from './base-reader.ts'
import type { Repository } from './repository.ts'

/** One part of it, and where that lies: in a segment without bases of its own. */
export type GatheredBase = { readonly place: ChunkLocation; readonly copy: BaseCopy }

export class GatheredDictionary {
  readonly room: SharedArrayBuffer
  readonly bases: readonly GatheredBase[]
  /** The bases joined, whole when each has been copied and none has failed. Whether they are what their ids say is not checked. */
  readonly bytes: Uint8Array
  hasFailed = false

  constructor(room: SharedArrayBuffer, places: readonly ChunkLocation[]) {
    let at = 0
    this.room = room
    this.bases = places.map((place) => {
      const into = new Uint8Array(room, at, place.bytes)
      at += place.bytes
      return { place, copy: { offset: place.offset, into } }
    })
    this.bytes = new Uint8Array(room, 0, at)
  }
}

/** Sizes of rooms are multiples of it, so that a room fits the next dictionary. */
const ROOM_STEP_BYTES: number = DICTIONARY_BYTES_MAX / 4

/** Memory for the dictionaries that are gathered at once, within a bound; used again, because threads drop shared memory late. */
export class DictionaryRooms {
  readonly #spare: SharedArrayBuffer[] = []
  #bytesLeft: number

  constructor(bytes: number) {
    this.#bytesLeft = bytes
  }

  /** `undefined` where there is no room, or the bases do not all lie in segments without bases: they are read by themselves then. */
  gather(repository: Repository, pack: number, segment: number): GatheredDictionary | undefined {
    const places = locateBases(repository, pack, segment)
    if (places === undefined) return undefined
    const room = this.#take(places.reduce((sum, { bytes }) => sum + bytes, 0))
    return room === undefined ? undefined : new GatheredDictionary(room, places)
  }

  /** No thread uses it any more. */
  release({ room }: GatheredDictionary): void {
    this.#spare.push(room)
  }

  #take(bytes: number): SharedArrayBuffer | undefined {
    if (bytes > DICTIONARY_BYTES_MAX) return undefined
    const roomBytes = Math.ceil(bytes / ROOM_STEP_BYTES) * ROOM_STEP_BYTES
    const fitting = this.#spare.findIndex(({ byteLength }) => byteLength === roomBytes)
    if (fitting >= 0) return this.#spare.splice(fitting, 1)[0]
    while (this.#bytesLeft < roomBytes) {
      const other = this.#spare.pop()
      if (other === undefined) return undefined
      this.#bytesLeft += other.byteLength
    }
    this.#bytesLeft -= roomBytes
    return new SharedArrayBuffer(roomBytes)
  }
}
