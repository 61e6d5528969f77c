/** Corpora of one big file: compressible, not compressible, edited all over, shifted. */
import { closeSync, copyFileSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from './corpus.ts'
import { fillMixed, Text } from './material.ts'
import { Seeded } from './seeded.ts'

const KIB = 1_024
const MIB = KIB * KIB
const BLOCK_BYTES = 4 * KIB
const NAME = 'disk.img'

const inVersion = (place: string, version: number) => {
  const directory = join(place, `v${version}`)
  mkdirSync(directory, { recursive: true })
  return directory
}
const scaled = (bytes: number, scale: number) => Math.max(MIB, Math.floor((bytes * scale) / MIB) * MIB)

/** Writes `bytes` of runs between 4 KiB and 1 MiB, each of one material, one after the other. */
function writeImage(fd: number, at: number, bytes: number, text: Text, random: Seeded): void {
  const buffer = new Uint8Array(MIB)
  for (let done = 0; done < bytes; ) {
    const run = buffer.subarray(0, Math.min(BLOCK_BYTES * (1 + random.skewed(256)), bytes - done))
    run.fill(0)
    fillMixed(run, text, random)
    writeSync(fd, run, 0, run.length, at + done)
    done += run.length
  }
}

export const oneBig: Corpus = {
  description: 'one image of 2 GiB, of text, records and noise, which compresses to about a third',
  make(place, { scale }) {
    const directory = inVersion(place, 1)
    const random = new Seeded('one-big')
    const fd = openSync(join(directory, NAME), 'w')
    writeImage(fd, 0, scaled(2_048 * MIB, scale), new Text(random), random)
    closeSync(fd)
    return [directory]
  },
}

export const incompressible: Corpus = {
  description: 'one file of 2 GiB of random bytes',
  make(place, { scale }) {
    const directory = inVersion(place, 1)
    const random = new Seeded('incompressible')
    const fd = openSync(join(directory, 'media.bin'), 'w')
    const buffer = new Uint8Array(MIB)
    for (let left = scaled(2_048 * MIB, scale); left > 0; left -= MIB) {
      random.fill(buffer)
      writeSync(fd, buffer)
    }
    closeSync(fd)
    return [directory]
  },
}

/** A third of the image is in use, in extents of 8 to 64 MiB, as a file system of that age has them. */
export const vmEdits: Corpus = {
  description:
    'a sparse image of 4 GiB, a third of it in use; on the next day 1 % of its 4 KiB blocks in use are rewritten, all over',
  make(place, { scale }) {
    const random = new Seeded('vm-edits')
    const text = new Text(random)
    const bytes = scaled(4_096 * MIB, scale)
    const extents: { at: number; bytes: number }[] = []
    const first = inVersion(place, 1)
    const fd = openSync(join(first, NAME), 'w')
    ftruncateSync(fd, bytes)
    for (let at = 0; at < bytes; ) {
      const used = Math.min(MIB * (8 + random.below(56)), bytes - at)
      writeImage(fd, at, used, text, random)
      extents.push({ at, bytes: used })
      at += used + MIB * (16 + random.below(112))
    }
    closeSync(fd)
    const second = inVersion(place, 2)
    copyHoles(join(first, NAME), join(second, NAME), bytes, extents)
    const edited = openSync(join(second, NAME), 'r+')
    const block = new Uint8Array(BLOCK_BYTES)
    for (const extent of extents)
      for (let at = extent.at; at < extent.at + extent.bytes; at += BLOCK_BYTES) {
        if (random.below(100) !== 0) continue
        block.fill(0)
        fillMixed(block, text, random)
        writeSync(edited, block, 0, block.length, at)
      }
    closeSync(edited)
    return [first, second]
  },
}

function copyHoles(
  from: string,
  to: string,
  bytes: number,
  extents: readonly { at: number; bytes: number }[],
): void {
  const source = openSync(from, 'r')
  const target = openSync(to, 'w')
  ftruncateSync(target, bytes)
  const buffer = new Uint8Array(MIB)
  for (const extent of extents)
    for (let at = extent.at; at < extent.at + extent.bytes; at += MIB) {
      const read = readSync(source, buffer, 0, Math.min(MIB, extent.at + extent.bytes - at), at)
      writeSync(target, buffer, 0, read, at)
    }
  closeSync(source)
  closeSync(target)
}

export const shifted: Corpus = {
  description: 'an image of 1 GiB; on the next day 1,000 bytes are inserted near its start',
  make(place, { scale }) {
    const random = new Seeded('shifted')
    const bytes = scaled(1_024 * MIB, scale)
    const [first, second] = [inVersion(place, 1), inVersion(place, 2)]
    const fd = openSync(join(first, NAME), 'w+')
    writeImage(fd, 0, bytes, new Text(random), random)
    copyFileSync(join(first, NAME), join(second, NAME))
    const target = openSync(join(second, NAME), 'r+')
    const inserted = new Uint8Array(1_000)
    random.fill(inserted)
    const insertAt = 100_000
    writeSync(target, inserted, 0, inserted.length, insertAt)
    const buffer = new Uint8Array(MIB)
    for (let at = insertAt; at < bytes; ) {
      const read = readSync(fd, buffer, 0, MIB, at)
      writeSync(target, buffer, 0, read, at + inserted.length)
      at += read
    }
    closeSync(fd)
    closeSync(target)
    return [first, second]
  },
}
