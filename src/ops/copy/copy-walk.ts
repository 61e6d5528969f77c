/**
 * Goes through a snapshot of one repository and makes its directories anew for another. Entries are taken as they are, but for their contents,
 * which the queue brings over; what the base has is not read. It knows neither storage nor log.
 */
import { createBreath } from '../../base/breath.ts'
import { unlessDamaged } from '../../model/errors.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Content } from '../../snapshot/content.ts'
import { decodeEntry, type Entry, encodeEntry } from '../../snapshot/entry.ts'
import type { EncodedTree } from '../../snapshot/tree.ts'
import type { PreviousDirectory } from '../backup/directory-node.ts'
import type { PreviousSnapshot } from '../backup/previous.ts'
import { PreviousNames } from '../backup/previous-names.ts'
import { joinPath } from '../backup/roots.ts'
import type { Base, BaseDirectory } from './base.ts'
import { CopiedDirectory, type CopiedPlace, lacking } from './copied-directory.ts'
import type { CopyQueue } from './copy-queue.ts'
import { readSource } from './read-source.ts'

/** A smaller file is not worth looking for what it may be the next version of. Bytes. */
const PREDECESSOR_BYTES_MIN = 65_536

export type CopyEvents = {
  readonly found: (path: string, entry: Entry) => void
  /** A file of which nothing was read. */
  readonly takenOver: (entry: Entry) => void
  /** A directory with all below it, which was not looked into. */
  readonly directoryTakenOver: () => void
  readonly addDamaged: (path: string) => void
}

export type CopyWalkPorts = {
  readonly source: Pick<Repository, 'trees' | 'log'>
  /** Reads the base's copy, and tells what of it may be relied upon. */
  readonly before: PreviousSnapshot
  readonly queue: Pick<CopyQueue, 'add' | 'drain'>
  /** Encodes and stores a complete directory. */
  readonly store: (path: string, tree: EncodedTree) => Content
  readonly events: CopyEvents
  readonly signal: AbortSignal
}

/** A directory of the base, read. */
type Former = {
  /** In the source. */
  readonly source: PreviousNames
  /** In its copy; and once more, for what is like a file that is new. */
  readonly copy: PreviousNames
  readonly like: PreviousNames
}

const NO_FORMER: Former = {
  source: new PreviousNames(undefined),
  copy: new PreviousNames(undefined),
  like: new PreviousNames(undefined),
}

export class CopyWalk {
  readonly #ports: CopyWalkPorts
  readonly #breath = createBreath()
  /** Nothing in the base is lost or lacking: a directory that it has is in its copy with all below it. */
  readonly #isWhole: boolean
  #root: Content | undefined

  constructor(ports: CopyWalkPorts, base: Base | undefined) {
    this.#ports = ports
    this.#isWhole = base?.isWhole === true && ports.before.isWhole
  }

  /** Of the root of a snapshot, the content that it has in the copy. Throws where the root itself cannot be read. */
  async run(root: Content, base: Base | undefined): Promise<Content> {
    const known = this.#known(root, base)
    if (known !== undefined) {
      this.#ports.events.directoryTakenOver()
      return known
    }
    const read = await this.#read(root)
    if ('damage' in read) throw read.damage
    await this.#directory(read.value, base, '/', undefined, 0)
    await this.#ports.queue.drain()
    if (this.#root === undefined) throw new TypeError('the root is complete when the queue has drained')
    return this.#root
  }

  /** Called when a slot was filled. */
  settled(directory: CopiedDirectory): void {
    if (!directory.isComplete) return
    const { path, place } = directory
    const content = this.#ports.store(path, directory.tree())
    if (place === undefined) this.#root = content
    else this.#fill(place, { ...place.entry, content })
  }

  #fill({ directory, slot }: CopiedPlace, entry: Entry): void {
    directory.fill(slot, encodeEntry(entry))
    this.settled(directory)
  }

  #known(content: Content, base: BaseDirectory | undefined): Content | undefined {
    return this.#isWhole && base !== undefined && isSame(content, base.source) ? base.copy : undefined
  }

  /** Entries are decoded where they are read: one that is none is damage of its directory. */
  #read(content: Content) {
    return readSource(this.#ports.source, async () => {
      const { owners, entries } = await this.#ports.source.trees.encoded(content)
      return { owners, entries: entries.map((encoded) => ({ encoded, entry: decodeEntry(encoded) })) }
    })
  }

  async #directory(
    { owners, entries }: ReadDirectory,
    base: BaseDirectory | undefined,
    path: string,
    place: CopiedPlace | undefined,
    depth: number,
  ): Promise<void> {
    const { events, signal } = this.#ports
    const directory = new CopiedDirectory(path, owners, place)
    const former = base === undefined ? NO_FORMER : await this.#former(base)
    const later: (() => Promise<void>)[] = []
    for (const { encoded, entry } of entries) {
      signal.throwIfAborted()
      const below = joinPath(path, entry.name)
      const { content, type, size, unreadable } = entry
      events.found(below, entry)
      const known = this.#baseOf(entry, former)
      if (content !== undefined && type === 'dir') {
        const inner = { directory, slot: directory.reserve(), entry }
        later.push(() => this.#inner(inner, content, known?.both, below, depth + 1))
      } else if (content !== undefined && content.items.length > 0)
        await this.#file(directory, below, entry, known, former)
      else if (size === 0 || unreadable !== undefined) directory.push(encoded)
      else {
        // No writer of ours makes a file that has bytes and does not say which.
        events.addDamaged(below)
        directory.push(encodeEntry(lacking(entry)))
      }
    }
    await this.#breath()
    for (const step of later) await step()
    directory.listed()
    this.settled(directory)
  }

  async #file(
    directory: CopiedDirectory,
    path: string,
    entry: Entry,
    known: KnownEntry | undefined,
    former: Former,
  ): Promise<void> {
    const { events, queue } = this.#ports
    if (known !== undefined && (await this.#isTakenOver(entry, known))) {
      events.takenOver(entry)
      directory.push(encodeEntry({ ...entry, content: known.both?.copy }))
      return
    }
    const version = known?.copy ?? this.#like(entry, former)
    await queue.add({ directory, slot: directory.reserve(), path, entry, former: version })
  }

  async #inner(
    place: CopiedPlace,
    content: Content,
    base: BaseDirectory | undefined,
    path: string,
    depth: number,
  ): Promise<void> {
    const known = this.#known(content, base)
    if (known !== undefined) {
      this.#ports.events.directoryTakenOver()
      this.#fill(place, { ...place.entry, content: known })
      return
    }
    const read = depth > DIRECTORY_DEPTH_MAX ? undefined : await this.#read(content)
    if (read !== undefined && 'value' in read) {
      await this.#directory(read.value, base, path, place, depth)
      return
    }
    this.#ports.events.addDamaged(path)
    this.#fill(place, lacking(place.entry))
  }

  /** What cannot be read of it is copied as if it were new. */
  async #former({ source, copy }: BaseDirectory): Promise<Former> {
    const [there, here] = [
      await readSource(this.#ports.source, () => this.#ports.source.trees.encoded(source)),
      await this.#ports.before.directoryAt(copy),
    ]
    if (!('value' in there))
      return { ...NO_FORMER, copy: new PreviousNames(here), like: new PreviousNames(here) }
    const before: PreviousDirectory = { tree: there.value, content: source }
    return { source: new PreviousNames(before), copy: new PreviousNames(here), like: new PreviousNames(here) }
  }

  /** The entry of that name in the base's copy, and where it has content in both, the two. */
  #baseOf({ name, type, size }: Entry, former: Former): KnownEntry | undefined {
    const [there, copy] = [former.source.find(name), former.copy.find(name)]
    if (copy === undefined) return undefined
    const here = unlessDamaged(() => decodeEntry(copy))
    const isLike = here?.type === type && here.size === size
    if (there === undefined || !isLike || here.content === undefined) return { copy, both: undefined }
    const before = unlessDamaged(() => decodeEntry(there))
    if (before?.type !== type || before.content === undefined) return { copy, both: undefined }
    return { copy, both: { source: before.content, copy: here.content } }
  }

  /** Whether the base's copy has the very same content, and all of it is stored. */
  async #isTakenOver({ content }: Entry, { copy, both }: KnownEntry): Promise<boolean> {
    if (both === undefined || content === undefined || !isSame(content, both.source)) return false
    return await this.#ports.before.isFileStored(copy)
  }

  /** What a file is most likely the next version of that the base does not have. */
  #like({ name, size }: Entry, { like }: Former): Uint8Array | undefined {
    if (size < PREDECESSOR_BYTES_MIN) return undefined
    return like.find(name) ?? like.predecessor(name, size)
  }
}

type ReadDirectory = {
  readonly owners: EncodedTree['owners']
  readonly entries: readonly { readonly encoded: Uint8Array; readonly entry: Entry }[]
}

type KnownEntry = {
  /** Encoded, in the base's copy. */
  readonly copy: Uint8Array
  readonly both: BaseDirectory | undefined
}

function isSame(a: Content, b: Content): boolean {
  return a.levels === b.levels && Buffer.compare(a.items, b.items) === 0
}
