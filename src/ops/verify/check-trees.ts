/**
 * Walks the directories of snapshots, each distinct one once, and finds what cannot be read: a directory that does not
 * decode, a file whose chunks are gone or do not add up. Then names every path of every snapshot that this concerns.
 */
import { setImmediate } from 'node:timers/promises'
import { toHex } from '../../base/bytes.ts'
import type { LoggedSnapshot } from '../../log/log-state.ts'
import { SnapError } from '../../model/errors.ts'
import type { SnapshotId } from '../../model/ids.ts'
import { DIRECTORY_DEPTH_MAX, TREE_BYTES_MAX } from '../../model/limits.ts'
import { logKey, packKey } from '../../object/object-keys.ts'
import type { Repository } from '../../repository/repository.ts'
import {
  CHUNK_ITEM,
  CHUNK_ITEM_BYTES,
  type Content,
  decodeContent,
  readItems,
} from '../../snapshot/content.ts'
import { decodeEntry, type Entry } from '../../snapshot/entry.ts'
import { splitTree, treeId } from '../../snapshot/tree.ts'
import type { Places } from './places.ts'
import { AFFECTED_LISTED_MAX, type AffectedPath, type DamageList, isDamage } from './report.ts'

/** Of a tree's id: enough to tell trees apart, for a set of all of them. */
const TREE_KEY_BYTES = 16
/** Signals, and threads that check packs meanwhile, get their turn. */
const BREATH_EVERY_MS = 10
/** Items of one file between two looks at the clock. */
const BREATH_EVERY_ITEMS = 4_096

/** A tree with something unreadable in it or below it. */
type DamagedTree = {
  /** It cannot be read itself. */
  readonly whole: boolean
  /** Entries that are damaged themselves, or trees (by key) with damage in them. */
  readonly entries: readonly { readonly name: string; readonly tree: string | undefined }[]
  /** Paths in all. */
  readonly count: number
}

export type Affected = {
  readonly affected: AffectedPath[]
  readonly affectedTotal: number
  readonly affectedSnapshots: readonly SnapshotId[]
}

export type TreeCheckParts = {
  readonly repository: Repository
  readonly places: Places
  readonly damages: DamageList
  /** Read trees from the repository and not from the manifest. */
  readonly data: boolean
  readonly signal: AbortSignal
}

export class TreeCheck {
  readonly #parts: TreeCheckParts
  readonly #seen = new Set<string>()
  readonly #damaged = new Map<string, DamagedTree>()
  readonly #roots: { readonly snapshot: SnapshotId; readonly key: string }[] = []
  readonly #lost: SnapshotId[] = []
  /** The snapshot that is walked. */
  #log = ''
  #breathed = 0

  constructor(parts: TreeCheckParts) {
    this.#parts = parts
  }

  get trees(): number {
    return this.#seen.size
  }

  async snapshot({ id, number, root }: LoggedSnapshot): Promise<void> {
    this.#log = logKey(number)
    let content: Content | undefined
    const decodes = await this.#parts.damages.collect(this.#log, async () => {
      content = decodeContent(root)
    })
    if (!decodes || content === undefined) return this.loses(id)
    const key = await this.#tree(content, [])
    if (key !== undefined) this.#roots.push({ snapshot: id, key })
  }

  /** Nothing of the snapshot can be reached. */
  loses(snapshot: SnapshotId): void {
    this.#lost.push(snapshot)
  }

  /** The tree's key where something in it or below it cannot be read. */
  async #tree(content: Content, names: readonly string[]): Promise<string | undefined> {
    const id = treeId(this.#parts.repository.keys.idKey, content)
    const key = Buffer.from(id.buffer, id.byteOffset, TREE_KEY_BYTES).toString('latin1')
    if (!this.#seen.has(key)) {
      this.#seen.add(key)
      await this.#breathe()
      const found = await this.#examine(content, names)
      if (found.count > 0) this.#damaged.set(key, found)
    }
    return this.#damaged.has(key) ? key : undefined
  }

  async #examine(content: Content, names: readonly string[]): Promise<DamagedTree> {
    const entries = await this.#attempt(content, names, () => this.#entries(content, names))
    if (entries === undefined) return { whole: true, entries: [], count: 1 }
    const damaged: { name: string; tree: string | undefined }[] = []
    let count = 0
    for (const entry of entries) {
      if (entry.type === 'dir' && entry.content !== undefined) {
        const key = await this.#tree(entry.content, [...names, entry.name])
        if (key === undefined) continue
        damaged.push({ name: entry.name, tree: key })
        count += this.#damaged.get(key)?.count ?? 0
      } else if (!this.#isPlainlyReadable(entry) && !(await this.#isReadable(entry, names))) {
        damaged.push({ name: entry.name, tree: undefined })
        count += 1
      }
    }
    return { whole: false, entries: damaged, count }
  }

  /** Nearly every file; the others, damaged or with lists of lists, are looked at again by `#isReadable`, which finds out why. */
  #isPlainlyReadable({ content, size }: Entry): boolean {
    if (content === undefined || content.levels > 0) return false
    const { items } = content
    let length = 0
    for (let at = 0; at < items.length; at += CHUNK_ITEM_BYTES) {
      if (items[at] !== CHUNK_ITEM || at + CHUNK_ITEM_BYTES > items.length) return false
      const bytes = this.#parts.places.readableBytes(items.subarray(at + 1, at + CHUNK_ITEM_BYTES))
      if (bytes === undefined) return false
      length += bytes
    }
    return length === size
  }

  async #isReadable(entry: Entry, names: readonly string[]): Promise<boolean> {
    const { content } = entry
    const path = [...names, entry.name]
    return (await this.#attempt(content, path, () => this.#entry(entry))) !== undefined
  }

  /** All entries, each of which decodes. */
  async #entries(content: Content, names: readonly string[]): Promise<readonly Entry[]> {
    const { repository, data } = this.#parts
    if (names.length > DIRECTORY_DEPTH_MAX) {
      throw new SnapError('LIMIT_EXCEEDED', `directories are nested deeper than ${DIRECTORY_DEPTH_MAX}`)
    }
    const { entries } = splitTree(await repository.trees.bytes(content, !data))
    // What the manifest has of it does not help who has another manifest.
    await this.#lengthOf(content, TREE_BYTES_MAX)
    return entries.map(decodeEntry)
  }

  async #entry(entry: Entry): Promise<true> {
    const { type, content, size, unreadable } = entry
    if (content === undefined) {
      if (unreadable === undefined && (type === 'dir' || size !== 0))
        throw new SnapError('OBJECT_DAMAGED', 'it has no content')
      return true
    }
    const length = await this.#lengthOf(content, size)
    if (length !== size) throw new SnapError('OBJECT_DAMAGED', `its chunks do not add up to ${size} bytes`)
    return true
  }

  /**
   * What chunks and holes add up to, as far as `bytesMax`: lists of lists can name more than any machine can count. Throws
   * `Unreadable` at the first chunk that cannot be read any more.
   */
  async #lengthOf(content: Content, bytesMax: number): Promise<number> {
    let length = 0
    for (const item of readItems(content.items)) {
      length += 'hole' in item ? item.hole : this.#chunkBytes(item.chunk)
    }
    if (content.levels === 0) return length
    length = 0
    let count = 0
    for await (const item of this.#parts.repository.chunks.items(content)) {
      length += 'hole' in item ? item.hole : this.#chunkBytes(item.chunk)
      if (length > bytesMax) return length
      if (++count % BREATH_EVERY_ITEMS === 0) await this.#breathe()
    }
    return length
  }

  #chunkBytes(id: Uint8Array): number {
    const bytes = this.#parts.places.readableBytes(id)
    if (bytes === undefined) throw new Unreadable(id)
    return bytes
  }

  /** `undefined`, and a damage that says where, if the object is at fault. */
  async #attempt<T>(
    content: Content | undefined,
    names: readonly string[],
    act: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await act()
    } catch (error) {
      if (error instanceof Unreadable) this.#blameMissing(error, names)
      else if (isDamage(error)) await this.#blame(error, content, names)
      else throw error
      return undefined
    }
  }

  /** A chunk in a pack that is damaged has been named with that pack. */
  #blameMissing({ id }: Unreadable, names: readonly string[]): void {
    const { places, damages } = this.#parts
    const known = places.known(id)
    if (known.length === 0) {
      damages.add(this.#log, `chunk ${toHex(id)} of ${pathOf(names)} is in no pack that the repository has`)
    }
    for (const { pack, packId, segment } of known) {
      if (!places.isQuarantined(pack)) continue
      const reason = `pack ${packId} was found damaged before, and nothing else holds what ${pathOf(names)} needs`
      damages.add(packKey(packId), reason, segment)
    }
  }

  /** Finds the pack behind a failed read of a tree or of a list of chunks. */
  async #blame(error: SnapError, content: Content | undefined, names: readonly string[]): Promise<void> {
    const { repository, places, damages } = this.#parts
    for (const item of content === undefined ? [] : chunksOf(content)) {
      const [place] = places.known(item)
      if (place === undefined) continue
      try {
        await repository.chunks.chunk(item)
      } catch (failure) {
        if (!isDamage(failure)) throw failure
        damages.add(packKey(place.packId), failure.message, place.segment)
        places.losesSegment(place.pack, place.segment)
        return
      }
    }
    damages.add(this.#log, `${pathOf(names)}: ${error.message}`)
  }

  async #breathe(): Promise<void> {
    const now = performance.now()
    if (now - this.#breathed < BREATH_EVERY_MS) return
    await setImmediate()
    this.#breathed = performance.now()
    this.#parts.signal.throwIfAborted()
  }

  /** Every path of every snapshot walked that cannot be read, the first ones by name. */
  affected(): Affected {
    const affected: AffectedPath[] = this.#lost
      .slice(0, AFFECTED_LISTED_MAX)
      .map((snapshot) => ({ snapshot, path: '/' }))
    let affectedTotal = this.#lost.length
    for (const { snapshot, key } of this.#roots) {
      affectedTotal += this.#damaged.get(key)?.count ?? 0
      for (const names of this.#paths(key, [])) {
        if (affected.length >= AFFECTED_LISTED_MAX) break
        affected.push({ snapshot, path: pathOf(names) })
      }
    }
    const affectedSnapshots = [...new Set([...this.#lost, ...this.#roots.map(({ snapshot }) => snapshot)])]
    return { affected, affectedTotal, affectedSnapshots }
  }

  *#paths(key: string, names: readonly string[]): Generator<readonly string[]> {
    const tree = this.#damaged.get(key)
    if (tree === undefined) return
    if (tree.whole) yield names
    for (const { name, tree: child } of tree.entries) {
      if (child === undefined) yield [...names, name]
      else yield* this.#paths(child, [...names, name])
    }
  }
}

/** Internal: a chunk without a readable place. */
class Unreadable extends Error {
  readonly id: Uint8Array

  constructor(id: Uint8Array) {
    super('a chunk cannot be read')
    this.id = id
  }
}

/** As many as can be told: the items may be what is damaged. */
function* chunksOf(content: Content): Generator<Uint8Array> {
  try {
    for (const item of readItems(content.items)) if ('chunk' in item) yield item.chunk
  } catch (error) {
    if (!isDamage(error)) throw error
  }
}

const pathOf = (names: readonly string[]): string => `/${names.join('/')}`
