/** The table of the gear hash, which differs from repository to repository, so that cuts tell a stranger nothing. */
import { deriveKey, keyedHash } from '../crypto/blake3.ts'

const GEAR_ENTRIES = 256
const CONTEXT = 'snapkeep v1 gear entries'

/**
 * 256 u32, part of the repository format: with `key` = BLAKE3 derive_key(`snapkeep v1 gear entries`,
 * `secret`), entries 8 i to 8 i + 7 are the eight little-endian u32 of BLAKE3 keyed with `key` over i as a
 * little-endian u32, for i = 0 to 31.
 */
export function gearTable(secret: Uint8Array): Uint32Array {
  const key = deriveKey(CONTEXT, secret)
  const table = new Uint32Array(GEAR_ENTRIES)
  const counter = new DataView(new ArrayBuffer(4))
  for (let entry = 0; entry < GEAR_ENTRIES; entry += 8) {
    counter.setUint32(0, entry / 8, true)
    const block = new DataView(keyedHash(key, new Uint8Array(counter.buffer)).buffer)
    for (let i = 0; i < 8; i += 1) table[entry + i] = block.getUint32(4 * i, true)
  }
  return table
}
