/**
 * The directories of snapshots without some paths: which have to be written anew, and what goes with them. Directories in
 * which nothing changes are shared. It does not know where anything is stored.
 */
import { createBreath } from '../../base/breath.ts'
import { nameBytes, nameFromBytes } from '../../base/names.ts'
import { keyedHash } from '../../crypto/blake3.ts'
import { SnapError } from '../../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Content, encodeContent } from '../../snapshot/content.ts'
import { decodeEntry, type Entry, encodeEntry } from '../../snapshot/entry.ts'
import {
  type EncodedTree,
  encodeTree,
  entryNameBytes,
  type Owner,
  ownerNumbers,
} from '../../snapshot/tree.ts'
import type { Selection } from '../restore/selection.ts'

/** What goes: sizes are those of files. */
export type Removed = { readonly files: number; readonly directories: number; readonly bytes: number }

export const NOTHING_REMOVED: Removed = { files: 0, directories: 0, bytes: 0 }

/** `content` is the directory's own where nothing in it goes. */
export type Remaining = { readonly content: Content; readonly removed: Removed; readonly isChanged: boolean }

/** Each is told once for each place at which a directory lies, however many snapshots have it there. */
export type RemainingTreesPorts = {
  /** Stores a directory and returns its content; absent where nothing is to be written. */
  readonly store?: (bytes: Uint8Array) => Content
  /** This entry goes, with all below it. */
  readonly removed?: (entry: Entry, path: readonly string[]) => Promise<void>
  /** Another directory takes the place of this one. */
  readonly replaced?: (content: Content) => Promise<void>
  /** Stays as it is: a directory in which nothing goes, or an entry in one that changes. */
  readonly kept?: (content: Content, isDirectory: boolean) => Promise<void>
  readonly signal: AbortSignal
}

const PLACE_LABEL = new TextEncoder().encode('directory at a path')
const PLACE_BYTES = 16

export class RemainingTrees {
  readonly #repository: Pick<Repository, 'trees' | 'keys'>
  readonly #selection: Selection
  readonly #ports: RemainingTreesPorts
  readonly #known = new Map<string, Remaining>()
  readonly #sums = new Map<string, Removed>()
  readonly #breathe = createBreath()

  constructor(
    repository: Pick<Repository, 'trees' | 'keys'>,
    selection: Selection,
    ports: RemainingTreesPorts,
  ) {
    this.#repository = repository
    this.#selection = selection
    this.#ports = ports
  }

  /** Of the directory at `names`. `OBJECT_MISSING` or `OBJECT_DAMAGED` where it cannot be told what is in it. */
  async without(content: Content, names: readonly string[] = []): Promise<Remaining> {
    refuseDepth(names.length)
    const place = this.#placeOf(content, names)
    const known = this.#known.get(place)
    if (known !== undefined) return known
    await this.#breath()
    const remaining = await this.#look(content, names)
    this.#known.set(place, remaining)
    return remaining
  }

  async #look(content: Content, names: readonly string[]): Promise<Remaining> {
    const tree = await this.#repository.trees.encoded(content)
    const staying: Uint8Array[] = []
    const kept: Entry[] = []
    let removed = NOTHING_REMOVED
    let isChanged = false
    for (const encoded of tree.entries) {
      const path = [...names, nameFromBytes(entryNameBytes(encoded))]
      const wanted = this.#selection.wants(path)
      const entry = decodeEntry(encoded)
      if (wanted === 'all') {
        isChanged = true
        removed = sum(removed, await this.#sumOf(entry, path.length))
        await this.#ports.removed?.(entry, path)
        continue
      }
      if (wanted === 'some' && entry.type === 'dir' && entry.content !== undefined) {
        const below = await this.without(entry.content, path)
        if (below.isChanged) {
          isChanged = true
          removed = sum(removed, below.removed)
          staying.push(encodeEntry({ ...entry, content: below.content }))
          continue
        }
      }
      kept.push(entry)
      staying.push(encoded)
    }
    if (!isChanged) return { content, removed, isChanged }
    await this.#ports.replaced?.(content)
    for (const { type, content: of } of kept)
      if (of !== undefined) await this.#ports.kept?.(of, type === 'dir')
    const { store } = this.#ports
    return { content: store?.(encodeTree(ownersOf(tree, staying), staying)) ?? content, removed, isChanged }
  }

  async #sumOf({ type, size, content }: Entry, depth: number): Promise<Removed> {
    if (type !== 'dir') return type === 'file' ? { files: 1, directories: 0, bytes: size } : NOTHING_REMOVED
    if (content === undefined) return { files: 0, directories: 1, bytes: 0 }
    refuseDepth(depth)
    const key = this.#placeOf(content, [])
    const known = this.#sums.get(key)
    if (known !== undefined) return known
    await this.#breath()
    let total: Removed = { files: 0, directories: 1, bytes: 0 }
    for (const encoded of (await this.#repository.trees.encoded(content)).entries)
      total = sum(total, await this.#sumOf(decodeEntry(encoded), depth + 1))
    this.#sums.set(key, total)
    return total
  }

  #placeOf(content: Content, names: readonly string[]): string {
    const path = nameBytes(names.join('/'))
    const hash = keyedHash(this.#repository.keys.idKey, PLACE_LABEL, encodeContent(content), path)
    return Buffer.from(hash.buffer, hash.byteOffset, PLACE_BYTES).toString('latin1')
  }

  async #breath(): Promise<void> {
    await this.#breathe()
    this.#ports.signal.throwIfAborted()
  }
}

function refuseDepth(depth: number): void {
  if (depth <= DIRECTORY_DEPTH_MAX) return
  throw new SnapError('LIMIT_EXCEEDED', `directories are nested deeper than ${DIRECTORY_DEPTH_MAX}`)
}

const sum = (a: Removed, b: Removed): Removed => ({
  files: a.files + b.files,
  directories: a.directories + b.directories,
  bytes: a.bytes + b.bytes,
})

/** The name of an owner of what went would say that there was something. */
function ownersOf({ owners }: EncodedTree, staying: readonly Uint8Array[]): Owner[] {
  const { users, groups } = ownerNumbers(staying)
  return owners.filter(({ kind, number }) => (kind === 'user' ? users : groups).has(number))
}
