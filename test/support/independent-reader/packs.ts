/**
 * Index objects, packs and segments (sections 4 and 5 of `docs/format.md`): from a chunk id to its plaintext, every
 * chunk of a decoded segment hashed again. Knows no file.
 */

import { timingSafeEqual } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { Decompressor } from 'zstd-napi'
import { Cursor, violation } from './cursor.ts'
import { derive, hash, keyed, nonceOf, OBJECT_TYPE, open, openBody, openBox, readHeader } from './sealing.ts'
import type { Keys } from './unlock.ts'

const MIB = 1_048_576
const DECODED_SEGMENTS_MAX = 1_024
const CACHED_SEGMENTS = 64

export const DATA_PACK = 1
export const TREE_PACK = 2

type Segment = {
  readonly offset: number
  readonly sealedBytes: number
  readonly plainBytes: number
  readonly depth: number
  readonly bases: readonly Buffer[]
  readonly lengths: readonly number[]
  /** Empty in a footer. */
  readonly ids: readonly Buffer[]
}

type Pack = {
  readonly id: string
  readonly kind: number
  readonly storedBytes: number
  readonly segments: readonly Segment[]
}

type Place = { readonly pack: Pack; readonly segment: number; readonly chunk: number }

type OpenPack = { readonly header: Buffer; readonly key: Buffer }

function readSegmentTable(cursor: Cursor, withIds: boolean): Segment[] {
  let offset = 160
  const segments = cursor.list(6, () => {
    const [sealedBytes, plainBytes, depth] = [cursor.varint(), cursor.varint(), cursor.varint()]
    const bases = cursor.list(32, () => cursor.take(32))
    const ids: Buffer[] = []
    const lengths = cursor.list(withIds ? 33 : 1, () => {
      const length = cursor.varint()
      if (length < 1 || length > MIB) violation(`a chunk of ${length} bytes`)
      if (withIds) ids.push(cursor.take(32))
      return length
    })
    if (lengths.length === 0) violation('a segment has no chunk')
    if (lengths.reduce((sum, length) => sum + length, 0) !== plainBytes)
      violation('the chunk lengths of a segment do not add up')
    if (plainBytes > 2 * MIB || sealedBytes < 24 || sealedBytes > 2 * MIB + 65 * 1_024)
      violation('a segment has a length that is not allowed')
    if (bases.length > 256 || depth > 8 || bases.length > 0 !== depth > 0)
      violation(`a segment of depth ${depth} has ${bases.length} bases`)
    const segment = { offset, sealedBytes, plainBytes, depth, bases, lengths, ids }
    offset += sealedBytes
    return segment
  })
  if (segments.length > 65_535) violation('a pack has too many segments')
  return segments
}

export class Packs {
  readonly #directory: string
  readonly #keys: Keys
  readonly #report: (problem: string) => void
  readonly #packs = new Map<string, Pack>()
  readonly #places = new Map<string, Place[]>()
  readonly #opened = new Map<string, OpenPack | Error>()
  readonly #decoded = new Map<string, Buffer>()

  constructor(directory: string, keys: Keys, report: (problem: string) => void) {
    this.#directory = directory
    this.#keys = keys
    this.#report = report
  }

  get packIds(): string[] {
    return [...this.#packs.keys()]
  }

  /** Takes the places in `index/<id>`, except in `condemned` packs; the object must hash to `digest`. */
  loadIndex(id: string, digest: Buffer, condemned: ReadonlySet<string>): void {
    const raw = readFileSync(join(this.#directory, 'index', id))
    if (!hash(raw).equals(digest)) violation('it is not the object that the log names')
    readHeader(raw, OBJECT_TYPE.index, this.#keys.repositoryId)
    const cursor = new Cursor(openBody(raw, this.#keys.indexKey, { objectKey: `index/${id}` }))
    const packs = cursor.list(19, (): Pack => {
      const packId = cursor.take(16).toString('hex')
      const kind = cursor.u8()
      if (kind !== DATA_PACK && kind !== TREE_PACK) violation(`a pack of kind ${kind}`)
      const storedBytes = cursor.varint()
      const segments = readSegmentTable(cursor, true)
      const sealed = segments.reduce((sum, { sealedBytes }) => sum + sealedBytes, 0)
      if (storedBytes > 64 * MIB || storedBytes < 160 + sealed + 48)
        violation(`a pack of ${storedBytes} bytes`)
      return { id: packId, kind, storedBytes, segments }
    })
    cursor.end('an index object')
    for (const pack of packs) {
      if (condemned.has(pack.id) || this.#packs.has(pack.id)) continue
      this.#packs.set(pack.id, pack)
      for (const [segment, { ids }] of pack.segments.entries())
        for (const [chunk, chunkId] of ids.entries()) {
          const key = chunkId.toString('hex')
          const places = this.#places.get(key)
          if (places === undefined) this.#places.set(key, [{ pack, segment, chunk }])
          else places.push({ pack, segment, chunk })
        }
    }
  }

  /** The plaintext of a chunk; `kind` asks for a pack of that kind. Tries every place and reports those that fail. */
  chunk(id: Buffer, kind?: number): Buffer {
    return this.#chunk(id, kind, Number.POSITIVE_INFINITY, new Set())
  }

  #chunk(id: Buffer, kind: number | undefined, depthBelow: number, decoding: Set<string>): Buffer {
    const key = id.toString('hex')
    for (const place of this.#places.get(key) ?? []) {
      const segment = place.pack.segments[place.segment]!
      if ((kind !== undefined && place.pack.kind !== kind) || segment.depth >= depthBelow) continue
      try {
        const plain = this.#segment(place.pack, place.segment, decoding)
        const at = segment.lengths.slice(0, place.chunk).reduce((sum, length) => sum + length, 0)
        return plain.subarray(at, at + segment.lengths[place.chunk]!)
      } catch (error) {
        this.#report(`pack ${place.pack.id}, segment ${place.segment}: ${(error as Error).message}`)
      }
    }
    return violation(`chunk ${key} is nowhere to be had`)
  }

  #segment(pack: Pack, number: number, decoding: Set<string>): Buffer {
    const name = `${pack.id}.${number}`
    const cached = this.#decoded.get(name)
    if (cached !== undefined) return cached
    decoding.add(name)
    if (decoding.size > DECODED_SEGMENTS_MAX) violation('too many segments would have to be decoded for one')
    const table = pack.segments[number]!
    const plain = this.#decode(pack, number, table, decoding)
    let at = 0
    for (const [index, id] of table.ids.entries()) {
      const chunk = plain.subarray(at, at + table.lengths[index]!)
      if (!keyed(this.#keys.idKey, chunk).equals(id))
        violation(`chunk ${id.toString('hex')} has another hash`)
      at += chunk.length
    }
    this.#decoded.set(name, plain)
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size <= CACHED_SEGMENTS) break
      this.#decoded.delete(oldest)
    }
    return plain
  }

  #decode(pack: Pack, number: number, table: Segment, decoding: Set<string>): Buffer {
    const { header, key } = this.#open(pack)
    const sealed = this.#read(pack, table.offset, table.sealedBytes)
    const cursor = new Cursor(
      open(key, nonceOf(number), Buffer.concat([header, idBytes(pack), u32(number)]), sealed),
    )
    const [codec, depth, baseCount, plainBytes] = [cursor.u8(), cursor.u8(), cursor.u16(), cursor.u32()]
    if (depth !== table.depth || baseCount !== table.bases.length || plainBytes !== table.plainBytes)
      violation('segment and index differ')
    for (const base of table.bases)
      if (!cursor.take(32).equals(base)) violation('segment and index name other bases')
    const coded = cursor.rest()
    if (codec === 0) {
      if (baseCount > 0) violation('a stored segment has bases')
      return coded.length === plainBytes ? coded : violation('a stored segment has another length')
    }
    if (codec !== 1) violation(`codec ${codec} is unknown`)
    const decompressor = new Decompressor()
    if (baseCount > 0) decompressor.loadDictionary(this.#dictionary(pack, number, table, decoding))
    const plain = decompressor.decompress(coded)
    return plain.length === plainBytes
      ? plain
      : violation(`a segment has ${plain.length} bytes, not ${plainBytes}`)
  }

  #dictionary(pack: Pack, number: number, table: Segment, decoding: Set<string>): Buffer {
    const own = new Set(pack.segments[number]!.ids.map((id) => id.toString('hex')))
    const parts = table.bases.map((base) => {
      if (own.has(base.toString('hex'))) violation('a base lies in the same segment')
      return this.#chunk(base, undefined, table.depth, decoding)
    })
    const dictionary = Buffer.concat(parts)
    if (dictionary.length > 2 * MIB) violation('a dictionary is too long')
    const looksFormatted = dictionary.subarray(0, 4).equals(Buffer.from('37a430ec', 'hex'))
    return looksFormatted ? dictionary.subarray(1) : dictionary
  }

  /** Checks everything in the pack but its segments, once. */
  #open(pack: Pack): OpenPack {
    let opened = this.#opened.get(pack.id)
    if (opened === undefined) {
      try {
        opened = this.#openFresh(pack)
      } catch (error) {
        opened = error as Error
      }
      this.#opened.set(pack.id, opened)
    }
    if (opened instanceof Error) throw opened
    return opened
  }

  #openFresh(pack: Pack): OpenPack {
    const { indexKey, contentPublicKey, contentSecretKey, repositoryId } = this.#keys
    if (contentSecretKey === undefined) return violation('this slot cannot open packs')
    const head = this.#read(pack, 0, 160)
    const header = readHeader(head, OBJECT_TYPE.pack, repositoryId)
    if (header.kind !== pack.kind) violation('pack and index name two kinds')
    if (!head.subarray(32, 48).equals(idBytes(pack))) violation('the pack id is not that of the key')
    const secret = openBox(head.subarray(48, 128), contentPublicKey, contentSecretKey)
    const key = derive('snapkeep v1 pack', secret, indexKey, idBytes(pack))
    if (!timingSafeEqual(keyed(key, 'commitment', head.subarray(0, 128)), head.subarray(128)))
      violation('the commitment of the pack does not fit')

    const footerKey = keyed(indexKey, 'footer', head)
    const aad = (place: number): Buffer => Buffer.concat([header.bytes, idBytes(pack), u32(place)])
    const sealedTrailer = this.#read(pack, pack.storedBytes - 32, 32)
    const trailer = new Cursor(open(footerKey, nonceOf(1), aad(0xfffffffe), sealedTrailer))
    const [footerBytes, segmentCount] = [trailer.u32(), trailer.u32()]
    trailer.zeros(8, 'the reserved part of a trailer')
    const footerAt = 160 + pack.segments.reduce((sum, segment) => sum + segment.sealedBytes, 0)
    if (footerAt + footerBytes + 32 !== pack.storedBytes)
      violation('the segments do not end where the footer begins')
    const sealedFooter = this.#read(pack, footerAt, footerBytes)
    const footer = new Cursor(open(footerKey, nonceOf(0), aad(0xffffffff), sealedFooter))
    const segments = readSegmentTable(footer, false)
    footer.zeros(footer.bytes.length - footer.at, 'the padding of a footer')
    const bare = JSON.stringify(pack.segments.map((segment) => ({ ...segment, ids: [] })))
    if (segmentCount !== segments.length || JSON.stringify(segments) !== bare)
      violation('footer and index differ')
    return { header: header.bytes, key }
  }

  #read(pack: Pack, offset: number, bytes: number): Buffer {
    const file = openSync(join(this.#directory, 'packs', pack.id.slice(0, 2), pack.id), 'r')
    try {
      if (fstatSync(file).size !== pack.storedBytes)
        violation('the pack has another size than the index says')
      if (offset < 0 || offset + bytes > pack.storedBytes) violation('a place lies outside the pack')
      const into = Buffer.alloc(bytes)
      if (readSync(file, into, 0, bytes, offset) !== bytes) violation('the pack ends early')
      return into
    } finally {
      closeSync(file)
    }
  }
}

const idBytes = (pack: Pack): Buffer => Buffer.from(pack.id, 'hex')

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
