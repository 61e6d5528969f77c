/**
 * Cuts what lies in its window into chunks, at memory speed. It does not know where the bytes come from: files are
 * read straight into the window, which is WASM memory, so nothing is copied for cutting.
 */
import { assert } from '../base/assert.ts'
import { GEAR_WINDOW_BYTES } from './cut.ts'
import { CUT_WASM } from './cut.wasm.ts'
import { CHUNK_AVERAGE_BYTES_MIN, type ChunkerParams, chunkerParams, cutRule } from './params.ts'

export const WINDOW_BYTES_MAX: number = 256 * 1024 * 1024

/**
 * How a stream of any length goes through: the caller reads to the end of what it kept, cuts, uses the chunks, and
 * moves the tail that belongs to no chunk yet to the front with `window.copyWithin(0, tail, filled)`. The window
 * must hold more than one chunk of the largest size; the larger, the less is moved and scanned twice. The cuts
 * do not depend on the size of the window nor on how much each read brought.
 */
export interface Chunker {
  /** The caller fills it. A view of memory that lives as long as the chunker; it is never moved. */
  readonly window: Uint8Array<ArrayBuffer>
  /** After `cut`: where each chunk ends in the window. The next `cut` overwrites it. */
  readonly ends: Uint32Array<ArrayBuffer>
  /**
   * Cuts the window from `start` to `end`, a chunk beginning at `start`, and returns how many `ends` are set. Where
   * `final`, the last of them is `end` (unless nothing is there); otherwise data after the last one is the start of
   * a chunk that more data may lengthen. No state is kept from call to call.
   */
  cut(start: number, end: number, final: boolean, params: ChunkerParams): number
}

const PAGE_BYTES = 65_536
/** The gear table lies at address 0, which lets the WASM code index it without an addition. */
const GEAR_BYTES = 1024
/** Cutting reads up to here before a chunk's first possible end, never before its start. */
const CHUNK_BYTES_FLOOR = chunkerParams(CHUNK_AVERAGE_BYTES_MIN).min

type CutExports = {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly cut: (...numbers: number[]) => number
}

/** The part of the platform that neither ES2023's nor Node's types declare as a value. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

let compiled: object | undefined

/**
 * Memory layout: the gear table (1 KiB), the ends (4 bytes for each possible chunk), then, at the next page of
 * 64 KiB, the window. `gear`: 256 u32, copied.
 */
export function createChunker(gear: Uint32Array, windowBytes: number): Chunker {
  assert(gear.length * 4 === GEAR_BYTES, 'a gear table has 256 entries')
  assert(windowBytes >= PAGE_BYTES && windowBytes <= WINDOW_BYTES_MAX, 'a window has 64 KiB to 256 MiB')
  assert(CHUNK_BYTES_FLOOR >= GEAR_WINDOW_BYTES, 'the hash of the first place stays within the chunk')
  const endsMax = Math.ceil(windowBytes / CHUNK_BYTES_FLOOR)
  const base = Math.ceil((GEAR_BYTES + 4 * endsMax) / PAGE_BYTES) * PAGE_BYTES
  const { memory, cut } = instantiate(base + windowBytes)
  new Uint32Array(memory.buffer, 0, gear.length).set(gear)
  const ends = new Uint32Array(memory.buffer, GEAR_BYTES, endsMax)
  return {
    window: new Uint8Array(memory.buffer, base, windowBytes),
    ends,
    cut(start, end, final, params) {
      assert(start >= 0 && start <= end && end <= windowBytes, 'the data to cut lies in the window')
      assert(params.min >= CHUNK_BYTES_FLOOR && params.max < windowBytes, 'a chunk fits in the window')
      const { min, normal, max, strictMask, easyMask } = cutRule(params)
      const from = base + start
      const to = base + end
      const count = cut(from, to, final ? 1 : 0, min, normal, max, strictMask, easyMask, GEAR_BYTES)
      for (let i = 0; i < count; i += 1) ends[i]! -= base
      return count
    },
  }
}

function instantiate(bytes: number): CutExports {
  compiled ??= new WebAssembly.Module(Buffer.from(CUT_WASM, 'base64'))
  const exports = new WebAssembly.Instance(compiled).exports as CutExports
  const missing = Math.ceil((bytes - exports.memory.buffer.byteLength) / PAGE_BYTES)
  if (missing > 0) exports.memory.grow(missing)
  return exports
}
