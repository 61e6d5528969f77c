/** Corpora of many files. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from './corpus.ts'
import { Text } from './material.ts'
import { Seeded } from './seeded.ts'

const KIB = 1_024

const pathsOfFiles = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

/** Sources of a program: `directories` with some 16 files each, mostly of 1 to 100 KiB. */
function writeSources(place: string, directories: number, random: Seeded): void {
  const text = new Text(random)
  const buffer = new Uint8Array(128 * KIB)
  for (let directory = 0; directory < directories; directory += 1) {
    const path = join(place, `part-${directory % 23}`, `module-${directory}`)
    mkdirSync(path, { recursive: true })
    const files = 1 + random.below(31)
    for (let file = 0; file < files; file += 1) {
      const content = buffer.subarray(0, 200 + random.skewed(128) * KIB + random.below(KIB))
      text.fill(content)
      writeFileSync(join(path, `file-${file}.c`), content)
    }
  }
}

/** Of a hundred files one gets a line more and one is removed; the others are written anew as they are, as a checkout does. */
function writeNextVersion(from: string, to: string, random: Seeded): void {
  cpSync(from, to, { recursive: true })
  for (const path of pathsOfFiles(to)) {
    const lot = random.below(100)
    if (lot === 0) rmSync(path)
    if (lot !== 1) continue
    const content = readFileSync(path)
    const at = random.below(content.length)
    writeFileSync(
      path,
      Buffer.concat([content.subarray(0, at), Buffer.from('\nanother line\n'), content.subarray(at)]),
    )
  }
}

export const manySmall: Corpus = {
  description:
    'a tree of sources, in versions: the trees that were given, else 70,000 generated files in three',
  make(place, { scale, trees }) {
    if (trees.length > 0)
      return trees.map((tree, index) => {
        const copy = join(place, `v${index + 1}`)
        cpSync(tree, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
        return copy
      })
    const random = new Seeded('many-small')
    const versions = [1, 2, 3].map((version) => join(place, `v${version}`))
    versions.forEach((version, index) => {
      if (index === 0) writeSources(version, Math.ceil(4_400 * scale), random)
      else writeNextVersion(versions[index - 1] as string, version, random)
    })
    return versions
  },
}

export const deep: Corpus = {
  description: '100,000 files of up to 200 bytes in 20,000 directories, up to 9 deep',
  make(place, { scale }) {
    const random = new Seeded('deep')
    const text = new Text(random)
    const root = join(place, 'v1')
    const directories = [root]
    const buffer = new Uint8Array(200)
    for (let count = 0; count < Math.ceil(20_000 * scale); count += 1) {
      const parent = directories[random.below(directories.length)] as string
      const isTooDeep = parent.slice(root.length).split('/').length > 8
      const directory = join(isTooDeep ? root : parent, `d${count}`)
      mkdirSync(directory, { recursive: true })
      directories.push(directory)
      for (let file = 0; file < 5; file += 1) {
        const content = buffer.subarray(0, random.below(buffer.length + 1))
        text.fill(content)
        writeFileSync(join(directory, `f${file}`), content)
      }
    }
    return [root]
  },
}
