/**
 * Prints how many MB of plaintext a second each algorithm takes on one core: the best of a few short rounds, some
 * five seconds in all. Run it in the root after `npm run build`, with Node 22.18 or later as
 * `node bench/micro/algorithms.ts`, with Node 20 as `npx esbuild bench/micro/algorithms.ts | node --input-type=module -`.
 */
import { randomFillSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const KIB = 1024
const MIB = KIB * KIB
const ROUNDS = 5
const ROUND_MS = 80
const LEVEL = 3

const built = (path: string) => import(new URL(`dist/${path}`, pathToFileURL(`${process.cwd()}/`)).href)
const { createChunker }: typeof import('../../src/chunker/chunker.ts') = await built('chunker/chunker.js')
const { cutPoint }: typeof import('../../src/chunker/cut.ts') = await built('chunker/cut.js')
const { gearTable }: typeof import('../../src/chunker/gear.ts') = await built('chunker/gear.js')
const params: typeof import('../../src/chunker/params.ts') = await built('chunker/params.js')
const { createChunkHasher }: typeof import('../../src/crypto/blake3.ts') = await built('crypto/blake3.js')
const aead: typeof import('../../src/crypto/aead.ts') = await built('crypto/aead.js')
const { createZstd }: typeof import('../../src/codec/zstd.ts') = await built('codec/zstd.js')
const { looksIncompressible }: typeof import('../../src/codec/probe.ts') = await built('codec/probe.js')

/** Runs `once`, which takes `bytes` of plaintext, for a while, several times. */
function measure(name: string, bytes: number, once: () => void): void {
  let best = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now()
    let times = 0
    while (performance.now() - start < ROUND_MS) {
      once()
      times += 1
    }
    best = Math.max(best, (times * bytes) / (performance.now() - start) / 1000)
  }
  console.log(`${name.padEnd(44)} ${Math.round(best).toString().padStart(7)} MB/s`)
}

/** Source text of this project's own packages. */
function text(bytes: number): Uint8Array {
  const folder = new URL('node_modules/@types/node/', pathToFileURL(`${process.cwd()}/`))
  const names = readdirSync(folder).filter((name) => name.endsWith('.d.ts'))
  return Buffer.concat(names.map((name) => readFileSync(new URL(name, folder)))).subarray(0, bytes)
}

const gear = gearTable(new Uint8Array(32))
const chunker = createChunker(gear, 8 * MIB)
randomFillSync(chunker.window)
for (const [name, sizes] of [
  ['16 KiB', params.DEFAULT_PARAMS],
  ['256 KiB', params.MEDIA_PARAMS],
] as const) {
  measure(`cut, ${name}, WASM`, 8 * MIB, () => chunker.cut(0, 8 * MIB, true, sizes))
  const rule = params.cutRule(sizes)
  measure(`cut, ${name}, TypeScript`, 8 * MIB, () => {
    for (let at = 0; at < 8 * MIB; ) at = cutPoint(chunker.window, at, 8 * MIB, gear, rule)
  })
}

const hasher = createChunkHasher(new Uint8Array(32))
const id = new Uint8Array(32)
for (const kib of [4, 16, 64, 256]) {
  const chunk = chunker.window.subarray(0, kib * KIB)
  measure(`keyed BLAKE3, ${kib} KiB`, kib * KIB, () => hasher.hashInto(chunk, id, 0))
}

const zstd = createZstd()
const plain = text(MIB)
const frame = new Uint8Array(2 * MIB)
const frameBytes = zstd.compress(plain, frame, 0, LEVEL)
const plainAgain = new Uint8Array(MIB)
measure(`zstd 3, 1 MiB of text to ${((100 * frameBytes) / MIB).toFixed(0)} %`, MIB, () =>
  zstd.compress(plain, frame, 0, LEVEL),
)
measure('zstd 3, decompress', MIB, () => zstd.decompress(frame.subarray(0, frameBytes), plainAgain))

const sealer = aead.createPackSealer(new Uint8Array(32))
const sealed = new Uint8Array(MIB + aead.SEAL_TAG_BYTES)
measure('seal, 1 MiB', MIB, () => sealer.seal(id, [plain], sealed, 0))
const last = sealer.next - 1
measure('open, 1 MiB', MIB, () => aead.openSegment(new Uint8Array(32), last, id, sealed))

const head = chunker.window.subarray(0, 64 * KIB)
measure('probe, 2 KiB of a head', 2 * KIB, () => looksIncompressible(head))
