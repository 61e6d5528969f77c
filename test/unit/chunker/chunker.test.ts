import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChunker, WINDOW_BYTES_MAX } from '../../../src/chunker/chunker.ts'
import { cutPoint } from '../../../src/chunker/cut.ts'
import { gearTable } from '../../../src/chunker/gear.ts'
import {
  type ChunkerParams,
  chunkerParams,
  cutRule,
  DEFAULT_PARAMS,
  MEDIA_PARAMS,
} from '../../../src/chunker/params.ts'

const KIB = 1024
const MIB = KIB * KIB
const GEAR = gearTable(new TextEncoder().encode('a secret of a repository'))
const SMALL = chunkerParams(4 * KIB)

/** Fast noise with a seed (Marsaglia's xorshift32). */
function noise(bytes: number, seed: number) {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = seed | 1
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return new Uint8Array(words.buffer, 0, bytes)
}

/** Noise with runs of one byte and with repeated pieces, as files have them. */
function mixture(bytes: number, seed: number) {
  const data = noise(bytes, seed)
  for (let at = (seed % 97) * KIB; at < bytes; at += 200 * KIB) data.fill(seed & 0xff, at, at + 90 * KIB)
  for (let at = 40 * KIB; at + 30 * KIB < bytes; at += 300 * KIB) data.copyWithin(at, 0, 30 * KIB)
  return data
}

function referenceEnds(data: Uint8Array, params: ChunkerParams) {
  const ends: number[] = []
  const rule = cutRule(params)
  for (let start = 0; start < data.length; start = ends.at(-1)!) {
    ends.push(cutPoint(data, start, data.length, GEAR, rule))
  }
  return ends
}

/** A stream as the contract of `Chunker` describes it; each read brings what `nextRead` says, at most what fits. */
function streamedEnds(data: Uint8Array, params: ChunkerParams, windowBytes: number, nextRead: () => number) {
  const chunker = createChunker(GEAR, windowBytes)
  const ends: number[] = []
  let kept = 0
  for (let read = 0; read < data.length; ) {
    const bytes = Math.min(nextRead(), windowBytes - kept, data.length - read)
    chunker.window.set(data.subarray(read, read + bytes), kept)
    const filled = kept + bytes
    const origin = read - kept
    read += bytes
    const count = chunker.cut(0, filled, read === data.length, params)
    for (let i = 0; i < count; i += 1) ends.push(origin + chunker.ends[i]!)
    const tail = count === 0 ? 0 : chunker.ends[count - 1]!
    chunker.window.copyWithin(0, tail, filled)
    kept = filled - tail
  }
  return ends
}

describe('createChunker', () => {
  it('cuts as the reference does, whatever the window and the reads', () => {
    fc.assert(
      fc.property(
        fc.record({
          bytes: fc.oneof(fc.nat(3 * KIB), fc.nat(700 * KIB)),
          seed: fc.nat(),
          params: fc.constantFrom(SMALL, DEFAULT_PARAMS),
          window: fc.integer({ min: 64 * KIB + 1, max: 300 * KIB }),
          reads: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 * KIB }), fc.constant(MIB)), {
            minLength: 1,
          }),
        }),
        ({ bytes, seed, params, window, reads }) => {
          const data = mixture(bytes, seed)
          let turn = 0
          const nextRead = () => Math.max(reads[turn++ % reads.length]!, bytes >> 8)
          expect(streamedEnds(data, params, window, nextRead)).toEqual(referenceEnds(data, params))
        },
      ),
      { numRuns: 80 },
    )
  })

  it('cuts as the reference does at every length around the limits of a chunk', () => {
    const data = noise(40 * KIB, 5)
    const chunker = createChunker(GEAR, 64 * KIB)
    chunker.window.set(data)
    const { min, normal, max } = cutRule(SMALL)
    for (const middle of [0, min, normal, 4 * KIB, max, 2 * max]) {
      for (let bytes = Math.max(0, middle - 20); bytes <= middle + 20; bytes += 1) {
        const count = chunker.cut(0, bytes, true, SMALL)
        expect([...chunker.ends.subarray(0, count)]).toEqual(referenceEnds(data.subarray(0, bytes), SMALL))
      }
    }
  })

  it('cuts with both sets of parameters in one window of several MiB', () => {
    const data = mixture(9 * MIB, 7)
    const chunker = createChunker(GEAR, data.length)
    chunker.window.set(data)
    for (const params of [DEFAULT_PARAMS, MEDIA_PARAMS, DEFAULT_PARAMS]) {
      const count = chunker.cut(0, data.length, true, params)
      expect([...chunker.ends.subarray(0, count)]).toEqual(referenceEnds(data, params))
    }
  })

  it('cuts a file that lies in the middle of the window as it would alone', () => {
    const data = noise(100 * KIB, 11)
    const chunker = createChunker(GEAR, 256 * KIB)
    chunker.window.fill(1)
    chunker.window.set(data, 12_345)
    const count = chunker.cut(12_345, 12_345 + data.length, true, DEFAULT_PARAMS)
    expect([...chunker.ends.subarray(0, count)].map((end) => end - 12_345)).toEqual(
      referenceEnds(data, DEFAULT_PARAMS),
    )
  })

  it('leaves the data and what follows the ends alone', () => {
    const chunker = createChunker(GEAR, 128 * KIB)
    const data = noise(128 * KIB, 13)
    chunker.window.set(data)
    chunker.ends.fill(0xffffffff)
    const count = chunker.cut(0, data.length, true, DEFAULT_PARAMS)
    expect(Buffer.compare(chunker.window, data)).toBe(0)
    expect(chunker.ends.subarray(count).every((end) => end === 0xffffffff)).toBe(true)
  })

  it('has room for the most ends that can be', () => {
    const gear = new Uint32Array(256) // every place is a cut
    const chunker = createChunker(gear, 1000 * KIB)
    const count = chunker.cut(0, chunker.window.length, true, SMALL)
    expect(count).toBe(1000)
    expect(count).toBeLessThanOrEqual(chunker.ends.length)
    expect(chunker.ends[count - 1]).toBe(1000 * KIB)
  })

  it('holds a chunk back while more data may lengthen it, and a full one never', () => {
    const gear = new Uint32Array(256).fill(1)
    gear[0] = 0x80000001 // no hash of zeros meets a mask
    const chunker = createChunker(gear, 128 * KIB)
    expect(chunker.cut(0, DEFAULT_PARAMS.max - 1, false, DEFAULT_PARAMS)).toBe(0)
    expect(chunker.cut(0, DEFAULT_PARAMS.max, false, DEFAULT_PARAMS)).toBe(1)
    expect(chunker.cut(0, DEFAULT_PARAMS.max - 1, true, DEFAULT_PARAMS)).toBe(1)
    expect(chunker.cut(5, 5, true, DEFAULT_PARAMS)).toBe(0)
  })

  it('asserts that data and chunks fit in the window', () => {
    const chunker = createChunker(GEAR, 64 * KIB)
    expect(() => chunker.cut(0, 64 * KIB + 1, true, SMALL)).toThrow('lies in the window')
    expect(() => chunker.cut(2, 1, true, SMALL)).toThrow('lies in the window')
    expect(() => chunker.cut(0, 1, true, DEFAULT_PARAMS)).toThrow('fits in the window')
    expect(() => createChunker(GEAR, WINDOW_BYTES_MAX + 1)).toThrow('256 MiB')
    expect(() => createChunker(GEAR.subarray(1), MIB)).toThrow('256 entries')
  })
})
