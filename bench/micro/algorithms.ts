/** How many MB of plaintext a second each algorithm takes on one core. */
import { randomFillSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createChunker } from '../../src/chunker/chunker.ts'
import { cutPoint } from '../../src/chunker/cut.ts'
import { gearTable } from '../../src/chunker/gear.ts'
import { cutRule, DEFAULT_PARAMS, MEDIA_PARAMS } from '../../src/chunker/params.ts'
import { looksIncompressible } from '../../src/codec/probe.ts'
import { createZstd } from '../../src/codec/zstd.ts'
import { createPackSealer, openSegment, SEAL_TAG_BYTES } from '../../src/crypto/aead.ts'
import { createChunkHasher } from '../../src/crypto/blake3.ts'
import { type Figure, perSecond } from './rounds.ts'

const KIB = 1024
const MIB = KIB * KIB
const MB = 1e6
const LEVEL = 3

/** Source text of this project's own packages. */
function text(bytes: number): Uint8Array {
  const folder = 'node_modules/@types/node'
  const names = readdirSync(folder).filter((name) => name.endsWith('.d.ts'))
  return Buffer.concat(names.map((name) => readFileSync(join(folder, name)))).subarray(0, bytes)
}

export function algorithms(): Figure[] {
  const figures: Figure[] = []
  const add = (part: string, name: string, bytes: number, once: () => void): void => {
    figures.push(perSecond(part, name, 'MB/s', bytes / MB, once))
  }
  const gear = gearTable(new Uint8Array(32))
  const chunker = createChunker(gear, 8 * MIB)
  randomFillSync(chunker.window)
  for (const [name, sizes] of [
    ['16 KiB', DEFAULT_PARAMS],
    ['256 KiB', MEDIA_PARAMS],
  ] as const) {
    add('chunker', `cut, ${name}, WASM`, 8 * MIB, () => chunker.cut(0, 8 * MIB, true, sizes))
    const rule = cutRule(sizes)
    add('chunker', `cut, ${name}, TypeScript`, 8 * MIB, () => {
      for (let at = 0; at < 8 * MIB; ) at = cutPoint(chunker.window, at, 8 * MIB, gear, rule)
    })
  }

  const hasher = createChunkHasher(new Uint8Array(32))
  const id = new Uint8Array(32)
  for (const kib of [4, 16, 64, 256]) {
    const chunk = chunker.window.subarray(0, kib * KIB)
    add('id', `keyed BLAKE3, ${kib} KiB`, kib * KIB, () => hasher.hashInto(chunk, id, 0))
  }

  const zstd = createZstd()
  const plain = text(MIB)
  const frame = new Uint8Array(2 * MIB)
  const frameBytes = zstd.compress(plain, frame, 0, LEVEL)
  const plainAgain = new Uint8Array(MIB)
  add('codec', `zstd 3, 1 MiB of text to ${((100 * frameBytes) / MIB).toFixed(0)} %`, MIB, () =>
    zstd.compress(plain, frame, 0, LEVEL),
  )
  add('codec', 'zstd 3, decompress', MIB, () => zstd.decompress(frame.subarray(0, frameBytes), plainAgain))

  const sealer = createPackSealer(new Uint8Array(32))
  const sealed = new Uint8Array(MIB + SEAL_TAG_BYTES)
  add('seal', 'seal, 1 MiB', MIB, () => sealer.seal(id, [plain], sealed, 0))
  const last = sealer.next - 1
  add('seal', 'open, 1 MiB', MIB, () => openSegment(new Uint8Array(32), last, id, sealed))

  const head = chunker.window.subarray(0, 64 * KIB)
  add('codec', 'probe, 2 KiB of a head', 2 * KIB, () => looksIncompressible(head))
  return figures
}
