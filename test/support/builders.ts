/**
 * Small valid values for tests of the stored layouts and of the pipeline: chance with a seed, packs with keys of
 * their own, stats. It asserts nothing.
 */
import type { Zstd } from '../../src/codec/zstd.ts'
import { createChunkHasher } from '../../src/crypto/blake3.ts'
import type { Box } from '../../src/crypto/box.ts'
import { systemRandom } from '../../src/crypto/random.ts'
import type { Random } from '../../src/model/clock.ts'
import { type ErrorCode, SnapError } from '../../src/model/errors.ts'
import type { FileStat } from '../../src/model/files.ts'
import { type RepositoryId, repositoryId } from '../../src/model/ids.ts'
import type { PackKind } from '../../src/model/pack-table.ts'
import { makePackTicket, type PackReaderSecrets, type PackTicket } from '../../src/pack/pack-header.ts'
import { type FinishedPack, PackWriter, packBufferBytes } from '../../src/pack/pack-writer.ts'
import { type DeltaBases, encodeSegment } from '../../src/pack/segment.ts'

export const REPOSITORY: RepositoryId = repositoryId('00112233445566778899aabbccddeeff')
export const ID_KEY: Uint8Array = new Uint8Array(32).fill(7)
export const hasher: ReturnType<typeof createChunkHasher> = createChunkHasher(ID_KEY)

/** The code of the `SnapError` that `run` throws; `undefined` where it throws nothing. Anything else is thrown on. */
export function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

/** Mulberry32: the same numbers for the same seed. */
export class Chance implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** A whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * below)
  }

  /** A whole number from `min` to `max`. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1)
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(count / 4))
    for (let index = 0; index < words.length; index++) words[index] = this.#next()
    return new Uint8Array(words.buffer, 0, count)
  }

  /** Bytes that compress to roughly a third. */
  text(count: number): Uint8Array<ArrayBuffer> {
    const words = Array.from({ length: 200 }, () => this.int(0x1_0000_0000).toString(36))
    let text = ''
    while (text.length < count) text += `${words[this.int(words.length)]} `
    return new Uint8Array(Buffer.from(text, 'latin1').subarray(0, count))
  }

  shuffle<T>(items: T[]): T[] {
    for (let index = items.length - 1; index > 0; index--) {
      const other = this.int(index + 1)
      ;[items[index], items[other]] = [items[other]!, items[index]!]
    }
    return items
  }
}

/** The 32-byte id of a chunk under `ID_KEY`. */
export function idOf(chunk: Uint8Array): Uint8Array {
  const id = new Uint8Array(32)
  hasher.hashInto(chunk, id, 0)
  return id
}

export function flipped(bytes: Uint8Array<ArrayBuffer>, at: number, mask = 1): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice()
  copy[at]! ^= mask
  return copy
}

export function makeSecrets(box: Box): PackReaderSecrets {
  const keys = box.generateKeys(systemRandom)
  return { indexKey: systemRandom.bytes(32), contentPublic: keys.publicKey, contentSecret: keys.secretKey }
}

export function makeTicket(box: Box, secrets: PackReaderSecrets, kind: PackKind = 'data'): PackTicket {
  return makePackTicket(REPOSITORY, kind, secrets, box, systemRandom)
}

/** One segment of the chunks, sealed into `writer`. */
export function addSegment(
  writer: PackWriter,
  zstd: Zstd,
  chunks: readonly Uint8Array[],
  options: { level?: number; delta?: DeltaBases } = {},
): void {
  const plain = Buffer.concat(chunks)
  const into = new Uint8Array(plain.length + 8 + (options.delta?.ids.length ?? 0))
  const length = encodeSegment(zstd, plain, options.level ?? 3, into, options.delta)
  writer.add(into.subarray(0, length), {
    plain: plain.length,
    depth: options.delta?.depth ?? 0,
    bases: options.delta?.ids ?? new Uint8Array(0),
    chunkLengths: Uint32Array.from(chunks, (chunk) => chunk.length),
    chunkIds: Buffer.concat(chunks.map(idOf)),
  })
}

/** A finished pack whose segments hold these chunks. */
export function makePack(
  ticket: PackTicket,
  zstd: Zstd,
  segments: readonly (readonly Uint8Array[])[],
): FinishedPack {
  const target = 1024 * 1024
  using writer = new PackWriter(ticket, new Uint8Array(packBufferBytes(target)), target)
  for (const chunks of segments) addSegment(writer, zstd, chunks)
  const { bytes, table } = writer.finish()
  return { bytes: bytes.slice(), table }
}

export function fileStat(parts: Partial<FileStat> = {}): FileStat {
  const size = parts.size ?? 0
  return {
    type: 'file',
    mode: 0o644,
    uid: 1000,
    gid: 100,
    size,
    allocated: Math.ceil(size / 512) * 512,
    links: 1,
    inode: 4711,
    device: 42,
    rdevMajor: 0,
    rdevMinor: 0,
    mtimeSec: 1_700_000_000,
    mtimeNsec: 123_456_789,
    ctimeSec: 1_700_000_001,
    ctimeNsec: 987_654_321,
    ...parts,
  }
}

/** Calls `run` on `count` inputs and fails on anything but a `SnapError` of `codes`, or on an input that is slow each time. */
export function survives(
  count: number,
  input: (index: number) => Uint8Array,
  run: (bytes: Uint8Array) => unknown,
  codes: readonly ErrorCode[] = ['OBJECT_DAMAGED', 'LIMIT_EXCEEDED'],
): { refused: number; accepted: number } {
  const outcome = { refused: 0, accepted: 0 }
  for (let index = 0; index < count; index++) {
    const bytes = input(index)
    let fastest = Number.POSITIVE_INFINITY
    let code: ErrorCode | undefined
    for (let tries = 0; tries < 3 && fastest > SLOW_MS; tries++) {
      const start = performance.now()
      code = codeOf(() => run(bytes))
      fastest = Math.min(fastest, performance.now() - start)
    }
    if (fastest > SLOW_MS)
      throw new Error(`${fastest} ms for ${Buffer.from(bytes).toString('hex').slice(0, 400)}`)
    if (code === undefined) outcome.accepted += 1
    else if (codes.includes(code)) outcome.refused += 1
    else throw new Error(`${code} for ${Buffer.from(bytes).toString('hex').slice(0, 400)}`)
  }
  return outcome
}

const SLOW_MS = 50

/** One to four changes to valid bytes: a bit, a byte, a number of four bytes, a cut, a piece twice. */
export function mutated(chance: Chance, valid: Uint8Array): Uint8Array {
  let bytes: Uint8Array = valid.slice()
  for (let changes = chance.between(1, 4); changes > 0 && bytes.length > 0; changes--) {
    const at = chance.int(bytes.length)
    const kind = chance.int(6)
    if (kind === 0) bytes[at]! ^= 1 << chance.int(8)
    else if (kind === 1) bytes[at] = chance.int(256)
    else if (kind === 2) bytes.set([0xff, 0xff, 0xff, 0x7f].slice(0, bytes.length - at), at)
    else if (kind === 3) bytes = bytes.slice(0, at)
    else if (kind === 4) bytes[at] = [0, 1, 0x7f, 0x80, 0xff][chance.int(5)]!
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(chance.int(at + 1))])
  }
  return bytes
}

/** The value as text for comparing: a Buffer is the bytes that it holds, and what is `undefined` is not there. */
export function plain(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, seen: unknown) {
    const own = this[key]
    return own instanceof Uint8Array ? Buffer.from(own).toString('hex') : seen
  })
}
