/**
 * BLAKE3 in its three modes (plain, keyed, derive_key), always 32 bytes of output. It does not know what is
 * hashed, nor which implementation runs.
 */
import { assert } from '../base/assert.ts'
import { type Blake3State, blake3Engine } from './blake3-engine.ts'

export const HASH_BYTES = 32
export const HASH_KEY_BYTES = 32

/** Plain BLAKE3 of the parts, one after the other. */
export function hash(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return finish(blake3Engine().plain(), parts)
}

/** Plain BLAKE3 of what comes bit by bit; `digest` may be called once. */
export function runningHash(): Pick<Blake3State, 'update' | 'digest'> {
  return blake3Engine().plain()
}

/** Keyed BLAKE3 of the parts, one after the other. `key`: 32 bytes. */
export function keyedHash(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return finish(blake3Engine().keyed(checkedKey(key)), parts)
}

/**
 * BLAKE3's derive_key. `context` is a constant of the program, unique to one purpose; secrets and everything
 * that varies go into `material`, whose parts are hashed one after the other.
 */
export function deriveKey(context: string, ...material: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return finish(blake3Engine().derive(context), material)
}

export interface ChunkHasher {
  /** Writes the 32-byte keyed hash of `data` into `out` at `at`; neither is kept. */
  hashInto(data: Uint8Array, out: Uint8Array, at: number): void
}

/** Keyed BLAKE3 for the hot path: one state, reset for each message. `key`: 32 bytes; copied. */
export function createChunkHasher(key: Uint8Array): ChunkHasher {
  const state = blake3Engine().keyed(checkedKey(key))
  return {
    hashInto: (data, out, at) => {
      state.reset()
      state.update(data)
      state.digestInto(out, at)
    },
  }
}

function checkedKey(key: Uint8Array): Uint8Array {
  assert(key.length === HASH_KEY_BYTES, 'a BLAKE3 key has 32 bytes')
  return key
}

function finish(state: Blake3State, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  for (const part of parts) state.update(part)
  return state.digest()
}
