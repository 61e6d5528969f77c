/**
 * Compares directories with what the parent snapshot has of them, on whatever thread it is given. It can only ever say that there is
 * nothing to do: whatever is changed, unreadable, left out or odd "differs", and the walk looks at it as if nobody had before.
 *
 * The order of looking is the walk's: a directory's own stat, then its names, then theirs. What changes after it was looked
 * at is not in this snapshot, but its time, size or name will differ from the snapshot's at the next backup, because every entry is looked at
 * in every backup: that a directory has its old mtime lets nobody skip what is in it. And the entry that is taken over, stat and
 * all, is older than the look at what is below it, so that it never vouches for something that came later.
 */
import { compareNames } from '../base/names.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { SnapError } from '../model/errors.ts'
import type { FileStat, SourceDirectory, SourceFiles, Xattr } from '../model/files.ts'
import { DIRECTORY_DEPTH_MAX } from '../model/limits.ts'
import { encodeContent } from '../snapshot/content.ts'
import { decodeEntry, encodeEntry } from '../snapshot/entry.ts'
import { EntryCursor } from '../snapshot/entry-cursor.ts'
import { contentOfSameDirectory } from '../snapshot/same-entry.ts'
import { createTreeIds } from '../snapshot/tree.ts'
import { entryOf, sourceReason } from './file-pipeline.ts'
import { specialEntry } from './special-entry.ts'
import type {
  ScanLimits,
  ScannedDirectory,
  ScanResult,
  ScanTask,
  ScanUnit,
  TreeSums,
  Verdict,
} from './tasks.ts'

/** A task ends when it has looked at this many names: some 10 ms, so that the threads share a lopsided tree. */
const NAMES_MAX = 2_000
/** Directories below each other that one task goes down: its recursion and its result stay shallow. */
const LEVELS_MAX = 128

/** What is there of a directory: same so far, with the directories in it that are still to be looked at. */
type Level = {
  same: boolean
  readonly sums: TreeSums
  readonly below: { readonly name: string; readonly unit: ScanUnit }[]
}

export const noSums = (): TreeSums => ({ directories: 0, files: 0, bytes: 0, others: 0 })

export function addSums(to: TreeSums, sums: TreeSums): void {
  to.directories += sums.directories
  to.files += sums.files
  to.bytes += sums.bytes
  to.others += sums.others
}

export class TreeScanner {
  readonly #source: SourceFiles
  readonly #manifest: Manifest
  readonly #treeId: (content: Uint8Array) => Uint8Array
  #limits: ScanLimits = { oneFileSystem: false, ignoreFile: undefined, neverPaths: new Set() }
  #left = 0

  constructor(source: SourceFiles, manifest: Manifest, idKey: Uint8Array) {
    this.#source = source
    this.#manifest = manifest
    this.#treeId = createTreeIds(idKey)
  }

  /** Never throws for what is in the sources or in the manifest. */
  scan({ units, limits }: ScanTask): ScanResult {
    this.#limits = limits
    this.#left = NAMES_MAX
    try {
      // One transaction: SQLite takes its locks once, not for each directory.
      return this.#manifest.reading(() => {
        return { kind: 'scan', units: units.map((unit) => this.#unit(unit, '', LEVELS_MAX)) }
      })
    } catch (error) {
      if (!(error instanceof SnapError)) throw error
      return { kind: 'scan', units: units.map(() => verdictOf('', 'differs')) }
    }
  }

  #unit(unit: ScanUnit, name: string, levels: number): ScannedDirectory {
    if (this.#left <= 0 || levels === 0) return { ...verdictOf(name, 'left'), entry: unit.entry.slice() }
    const level = this.#level(unit)
    if (level === undefined) return verdictOf(name, 'differs')
    const children = level.below.map((below) => this.#unit(below.unit, below.name, levels - 1))
    return joined(name, level, children)
  }

  /** The directory itself and its entries, without what is below those; `undefined` where its entry differs or it cannot be told. */
  #level(unit: ScanUnit): Level | undefined {
    try {
      return this.#compare(unit)
    } catch (error) {
      // What is damaged or cannot be had from the manifest is the walk's to find out.
      if (!(error instanceof SnapError)) sourceReason(error)
      return undefined
    }
  }

  #compare({ path, entry, device, depth }: ScanUnit): Level | undefined {
    this.#left -= 1
    if (depth > DIRECTORY_DEPTH_MAX) return undefined
    using directory = this.#source.openDirectory(path)
    const stat = directory.stat()
    if (stat.type !== 'dir' || this.#isBeyond(stat, device)) return undefined
    const content = sameContent(entry, stat, directory.xattrs())
    const bytes = content === undefined ? undefined : this.#manifest.trees.bytesOf(this.#treeId(content))
    if (bytes === undefined) return undefined
    return this.#names(directory, path, new EntryCursor(bytes), device, depth)
  }

  #names(
    directory: SourceDirectory,
    path: string,
    cursor: EntryCursor,
    device: number,
    depth: number,
  ): Level | undefined {
    const { ignoreFile, neverPaths } = this.#limits
    const names = directory.list().sort(compareNames)
    if (ignoreFile !== undefined && names.includes(ignoreFile)) return undefined
    this.#left -= names.length
    const level: Level = { same: true, sums: { ...noSums(), directories: 1 }, below: [] }
    const prefix = path === '/' ? '/' : `${path}/`
    const mayHoldNever = [...neverPaths].some((never) => never.startsWith(prefix))
    let last: string | undefined
    for (const name of names) {
      if (name === last) continue // some FUSE file systems list a name twice
      last = name
      let order = cursor.order(name)
      for (; order < 0; order = cursor.order(name)) {
        level.same = false
        cursor.next()
      }
      if (order > 0) {
        level.same = false
        continue
      }
      if (mayHoldNever && neverPaths.has(prefix + name)) level.same = false
      else if (cursor.isDirectory()) {
        const entry = cursor.entry()
        level.below.push({ name, unit: { path: prefix + name, entry, device, depth: depth + 1 } })
      } else if (level.same) level.same = this.#isSame(directory, name, prefix, cursor, level.sums)
      cursor.next()
    }
    if (!cursor.isAtEnd) level.same = false
    return level
  }

  /** Whether a file, link or other thing is what its entry says; adds it to `sums`. */
  #isSame(
    directory: SourceDirectory,
    name: string,
    prefix: string,
    cursor: EntryCursor,
    sums: TreeSums,
  ): boolean {
    const stat = directory.lstat(name)
    if (stat.type === 'file') {
      sums.files += 1
      sums.bytes += stat.size
      return cursor.isSameFile(stat)
    }
    sums.others += 1
    return stat.type !== 'dir' && this.#isSameSpecial(name, prefix + name, stat, cursor.entry())
  }

  #isSameSpecial(name: string, path: string, stat: FileStat, entry: Uint8Array): boolean {
    const source = this.#source
    const now = specialEntry(source, name, path, stat, source.xattrs(path))
    return typeof now !== 'string' && Buffer.compare(now, entry) === 0
  }

  #isBeyond(stat: FileStat, device: number): boolean {
    return this.#limits.oneFileSystem && stat.device !== device
  }
}

function verdictOf(name: string, verdict: Verdict): ScannedDirectory {
  return { name, verdict, sums: noSums(), children: [] }
}

/** The encoded content of the directory that the entry names, if the entry is what one of `stat` and `xattrs` has with that content. */
function sameContent(entry: Uint8Array, stat: FileStat, xattrs: readonly Xattr[]): Uint8Array | undefined {
  if (xattrs.length === 0) return contentOfSameDirectory(entry, stat)
  const { name, content } = decodeEntry(entry)
  if (content === undefined) return undefined
  const now = encodeEntry({ ...entryOf(name, stat, xattrs), content })
  return Buffer.compare(now, entry) === 0 ? encodeContent(content) : undefined
}

/** A directory's own verdict and those on the directories in it as one. */
function joined(
  name: string,
  { same, sums }: Level,
  children: readonly ScannedDirectory[],
): ScannedDirectory {
  let isDecided = true
  for (const { verdict } of children) {
    if (verdict === 'differs') same = false
    else if (verdict !== 'same') isDecided = false
  }
  if (!same) return { name, verdict: 'differs', sums: noSums(), children }
  if (!isDecided) return { name, verdict: 'open', sums, children }
  for (const child of children) addSums(sums, child.sums)
  return { name, verdict: 'same', sums, children: [] }
}
