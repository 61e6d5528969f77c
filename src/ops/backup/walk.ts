/**
 * Walks the sources depth first, recognises what has not changed since the parent snapshot, queues the rest, and
 * encodes each directory when its last entry has come. It reads names and stats only; contents are the pipeline's.
 */

import { assert } from '../../base/assert.ts'
import { createBreath } from '../../base/breath.ts'
import { compareNames } from '../../base/names.ts'
import type { Rules } from '../../filesystem/ignore-rules.ts'
import type { FileStat } from '../../model/files.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { Content } from '../../snapshot/content.ts'
import { type Entry, encodeEntry, isDirectoryEntry } from '../../snapshot/entry.ts'
import { isSameFile } from '../../snapshot/same-entry.ts'
import { entryOf, sourceReason } from '../../workers/file-pipeline.ts'
import { specialEntry } from '../../workers/special-entry.ts'
import { DirectoryNode, type DirectoryPlace, type PreviousDirectory } from './directory-node.ts'
import { type ExclusionOptions, Exclusions } from './exclusions.ts'
import type { QueuedFile, WhyQueued } from './file-queue.ts'
import { PreviousNames } from './previous-names.ts'
import { GONE, ReplacedEntries, type ReplacedEntry } from './replaced-entries.ts'
import { joinPath, type RootNode } from './roots.ts'
import { type StreamedDirectory, streamedStat } from './streamed-file.ts'
import type { WalkPorts } from './walk-ports.ts'

const NO_STREAMS: ReadonlyMap<string, StreamedDirectory> = new Map()
/** A smaller file is not worth looking for what it may be the next version of. Bytes. */
const PREDECESSOR_BYTES_MIN = 65_536

export type WalkOptions = ExclusionOptions & {
  /** Reread every file. */
  readonly full: boolean
  /** Rules inside the source at an absolute path. */
  readonly rulesAt: (source: string) => Rules
}

export class Walk {
  readonly #ports: WalkPorts
  readonly #options: WalkOptions
  readonly #exclusions: Exclusions
  #root: Content | undefined
  /** Lets messages from the threads in. */
  readonly #breath = createBreath()
  /** While they were on their way. */
  readonly #replaced: ReplacedEntries
  /** By their names in the root. */
  #streamed: ReadonlyMap<string, StreamedDirectory> = new Map()

  constructor(ports: WalkPorts, options: WalkOptions) {
    this.#ports = ports
    this.#options = options
    this.#replaced = new ReplacedEntries(ports.source)
    this.#exclusions = new Exclusions(options, ports.source, ports.events)
  }

  /** Walks everything; resolves, when the queue has drained too, with the content of the root tree. */
  async run(
    roots: RootNode,
    previous: PreviousDirectory | undefined,
    streamed: readonly StreamedDirectory[] = [],
  ): Promise<Content> {
    this.#streamed = new Map(streamed.map((directory) => [directory.name, directory]))
    const node = new DirectoryNode({ name: '', path: '/', stat: undefined, previous, parent: undefined })
    if (roots.selected) await this.#directory(node, this.#options.rulesAt('/'), this.#deviceOf('/'), 0)
    else await this.#connecting(node, roots, 0)
    await this.#ports.queue.drain()
    for (let entries = this.#replaced.take(); entries.length > 0; entries = this.#replaced.take()) {
      for (const entry of entries) await this.#lookAgain(entry)
      await this.#ports.queue.drain()
    }
    if (this.#root === undefined) throw new TypeError('the root is complete when the queue has drained')
    return this.#root
  }

  /** Called when a slot was filled from outside. */
  settled(node: DirectoryNode): void {
    if (!node.isComplete) return
    const content = this.#ports.complete(node)
    if (node.parent === undefined) {
      this.#root = content
      return
    }
    node.parent.node.fill(node.parent.slot, this.#directoryEntry(node, content))
    this.settled(node.parent.node)
  }

  /**
   * Whether a file that could not be read has become something else, or was something else for a moment. If so, its place is
   * looked at again before `run` returns.
   */
  isReplaced(file: QueuedFile, reason: string): boolean {
    const { node, slot, path, name, why, replaced = 0 } = file
    return this.#replaced.keeps({ node, slot, path, name, type: 'file', why, replaced }, reason)
  }

  /** Puts what lies there now into the slot. */
  async #lookAgain(entry: ReplacedEntry): Promise<void> {
    const { node, slot, path, name, why = 'new', replaced } = entry
    const { events, queue } = this.#ports
    const { scope } = node
    assert(scope !== undefined, 'an entry is found when its directory is walked')
    const { rules, depth } = scope
    const stat = this.#lstat(path, node)
    const isExcluded = (found: FileStat): boolean =>
      rules !== undefined && this.#exclusions.excludes(name, path, found, rules, scope.device)
    if (stat === undefined || isExcluded(stat)) {
      this.#drop(node)
      return
    }
    if (stat.type === 'file') {
      if (entry.type !== 'file') {
        events.found(path, stat)
        events.queued(path, why)
      }
      queue.add({ node, slot, path, name, stat, why, replaced })
      if (queue.isCrowded) await queue.room()
      return
    }
    if (stat.type === 'dir') {
      events.found(path, stat)
      if (depth >= DIRECTORY_DEPTH_MAX) {
        this.#fill(node, slot, this.#tooDeep(name, path, stat))
        return
      }
      const parent = { node, slot }
      const child = new DirectoryNode({ name, path, stat, previous: undefined, parent, replaced })
      const device = rules === undefined ? stat.device : scope.device
      if (this.#exclusions.isBeyond(stat, device)) this.#leaveEmpty(child)
      else
        await this.#directory(child, rules?.descend(name) ?? this.#options.rulesAt(path), device, depth + 1)
      return
    }
    const special = this.#special(name, path, stat)
    if (typeof special === 'string') this.#specialFailed({ ...entry, type: stat.type }, special)
    else {
      events.found(path, stat)
      this.#fill(node, slot, special)
    }
  }

  #fill(node: DirectoryNode, slot: number, encoded: Uint8Array): void {
    node.fill(slot, encoded)
    this.settled(node)
  }

  #drop(node: DirectoryNode): void {
    node.drop()
    this.settled(node)
  }

  #directoryEntry(node: DirectoryNode, content: Content): Uint8Array {
    const { stat, unreadable } = node
    if (stat === undefined) throw new TypeError('every directory but the root has a stat')
    const xattrs = this.#xattrs(node.path)
    return encodeEntry({ ...entryOf(node.name, stat, xattrs), content, unreadable })
  }

  #xattrs(path: string): Entry['xattrs'] {
    try {
      return this.#ports.source.xattrs(path)
    } catch (error) {
      const reason = sourceReason(error)
      if (!GONE.has(reason)) this.#ports.events.unreadable(path, reason)
      return undefined
    }
  }

  #deviceOf(path: string): number {
    return this.#ports.source.lstat(path).device
  }

  /** A directory above the sources: only what leads to them is in it. */
  async #connecting(node: DirectoryNode, root: RootNode, depth: number): Promise<void> {
    const names = [...root.children.keys(), ...this.#streamedIn(node).keys()].sort(compareNames)
    node.scope = { rules: undefined, device: 0, depth }
    const before = new PreviousNames(node.previous)
    const later: (() => Promise<void>)[] = []
    for (const name of names) {
      const streamed = this.#streamedIn(node).get(name)
      if (streamed !== undefined) {
        await this.#streams(node, streamed, before.find(name))
        continue
      }
      const child = root.children.get(name)
      if (child === undefined) continue
      const stat = this.#lstat(child.path)
      if (stat === undefined) continue
      if (!child.selected && stat.type !== 'dir') {
        this.#ports.events.unreadable(child.path, 'ENOTDIR')
        continue
      }
      if (child.selected) {
        const rules = this.#options.rulesAt(child.path)
        later.push(
          // Patterns are relative to the source itself.
          ...(await this.#entry(node, name, child.path, stat, before.find(name), rules, stat.device, depth)),
        )
        continue
      }
      this.#ports.events.found(child.path, stat)
      const parent = { node, slot: node.reserve() }
      const next = await this.#child(parent, name, child.path, stat, before.find(name))
      later.push(() => this.#connecting(next, child, depth + 1))
    }
    for (const step of later) await step()
    node.listed()
    this.settled(node)
  }

  async #directory(node: DirectoryNode, rules: Rules, device: number, depth: number): Promise<void> {
    const { source, events, signal } = this.#ports
    signal.throwIfAborted()
    let names: string[]
    try {
      names = source.list(node.path)
    } catch (error) {
      const reason = sourceReason(error)
      if (this.#isReplacedDirectory(node, reason)) return
      node.unreadable = reason
      events.unreadable(node.path, reason)
      names = []
    }
    names.push(...this.#streamedIn(node).keys())
    names.sort(compareNames)
    const inner = this.#exclusions.withIgnoreFile(node.path, names, rules)
    node.scope = { rules: inner, device, depth }
    const before = new PreviousNames(node.previous)
    const later: (() => Promise<void>)[] = []
    let last: string | undefined
    for (const name of names) {
      if (name === last) continue // some FUSE file systems list a name twice
      last = name
      const streamed = this.#streamedIn(node).get(name)
      if (streamed !== undefined) {
        await this.#streams(node, streamed, before.find(name))
        continue
      }
      const path = joinPath(node.path, name)
      const stat = this.#lstat(path, node)
      if (stat === undefined || this.#exclusions.excludes(name, path, stat, inner, device)) continue
      const previous = before.find(name)
      if (stat.type === 'file') {
        const isLarge = stat.size >= PREDECESSOR_BYTES_MIN
        const former = previous ?? (isLarge ? before.predecessor(name, stat.size) : undefined)
        const looking = this.#file(node, name, path, stat, previous, former)
        if (looking !== undefined) await looking
      } else {
        const below = stat.type === 'dir' ? inner.descend(name) : inner
        later.push(...(await this.#entry(node, name, path, stat, previous, below, device, depth)))
      }
    }
    if (this.#ports.queue.isCrowded) await this.#ports.queue.room()
    await this.#breath()
    for (const step of later) await step()
    node.listed()
    this.settled(node)
  }

  #streamedIn(node: DirectoryNode): ReadonlyMap<string, StreamedDirectory> {
    return node.parent === undefined ? this.#streamed : NO_STREAMS
  }

  async #streams(
    node: DirectoryNode,
    { name, files }: StreamedDirectory,
    previous: Uint8Array | undefined,
  ): Promise<void> {
    const { events, queue, clock } = this.#ports
    const path = joinPath(node.path, name)
    const stat = streamedStat('dir', clock.now())
    events.found(path, stat)
    const parent = { node, slot: node.reserve() }
    const child = await this.#child(parent, name, path, stat, previous)
    const before = new PreviousNames(child.previous)
    const sorted = files.toSorted((a, b) => compareNames(a.name, b.name))
    for (const file of sorted) {
      const former = before.find(file.name)
      const why = former === undefined ? 'new' : 'changed'
      const place = joinPath(path, file.name)
      events.found(place, streamedStat('file', clock.now()))
      events.queued(place, why)
      queue.addStream({ node: child, slot: child.reserve(), path: place, name: file.name, why, former, file })
    }
    child.listed()
    this.settled(child)
  }

  /** The node is given up then: nothing is in it yet. */
  #isReplacedDirectory({ parent, path, name, replaced }: DirectoryNode, reason: string): boolean {
    return (
      parent !== undefined && this.#replaced.keeps({ ...parent, path, name, type: 'dir', replaced }, reason)
    )
  }

  /** What is still to do for the entry, if it is a directory; `rules` are those inside it then. */
  async #entry(
    node: DirectoryNode,
    name: string,
    path: string,
    stat: FileStat,
    previous: Uint8Array | undefined,
    rules: Rules,
    device: number,
    depth: number,
  ): Promise<(() => Promise<void>)[]> {
    if (stat.type === 'file') {
      await this.#file(node, name, path, stat, previous)
      return []
    }
    if (stat.type === 'dir') {
      if (depth >= DIRECTORY_DEPTH_MAX) {
        node.push(this.#tooDeep(name, path, stat))
        return []
      }
      this.#ports.events.found(path, stat)
      const parent = { node, slot: node.reserve() }
      if (this.#exclusions.isBeyond(stat, device)) {
        this.#leaveEmpty(await this.#child(parent, name, path, stat, previous))
        return []
      }
      return [
        async () => {
          const below = depth + 1
          if (await this.#isTakenOver(parent, path, previous, rules, device, below)) return
          await this.#directory(await this.#child(parent, name, path, stat, previous), rules, device, below)
        },
      ]
    }
    const special = this.#special(name, path, stat)
    if (typeof special === 'string') {
      const slot = node.reserve()
      this.#specialFailed({ node, slot, path, name, type: stat.type, replaced: 0 }, special)
      return []
    }
    this.#ports.events.found(path, stat)
    node.push(special)
    return []
  }

  /** A link, FIFO, device or socket, encoded; or why it could not be read. */
  #special(name: string, path: string, stat: FileStat): Uint8Array | string {
    return specialEntry(this.#ports.source, name, path, stat, this.#xattrs(path))
  }

  /** Its slot is dropped, unless it is looked at again. */
  #specialFailed(entry: ReplacedEntry, reason: string): void {
    if (reason !== 'ENOENT') {
      if (this.#replaced.keeps(entry, reason)) return
      entry.node.unreadable ??= reason
      this.#ports.events.unreadable(entry.path, reason)
    }
    this.#drop(entry.node)
  }

  #tooDeep(name: string, path: string, stat: FileStat): Uint8Array {
    this.#ports.events.unreadable(path, 'TOO_DEEP')
    return encodeEntry({ ...entryOf(name, stat, undefined), unreadable: 'TOO_DEEP' })
  }

  /** The place of a mount, without what is mounted there: a restore has somewhere to mount to. */
  #leaveEmpty(node: DirectoryNode): void {
    this.#ports.events.excluded(node.path, 'another file system: the directory alone is kept')
    node.listed()
    this.settled(node)
  }

  /** Fills the slot with the entry of the parent snapshot where the threads have found nothing else there. */
  async #isTakenOver(
    parent: DirectoryPlace,
    path: string,
    entry: Uint8Array | undefined,
    rules: Rules,
    device: number,
    depth: number,
  ): Promise<boolean> {
    const { scan, events } = this.#ports
    if (scan === undefined || entry === undefined || !rules.areNone || !isDirectoryEntry(entry)) return false
    const sums = await scan.same({ path, entry, device, depth })
    if (sums === undefined) return false
    events.takenOver(sums)
    this.#fill(parent.node, parent.slot, entry)
    return true
  }

  async #child(
    parent: DirectoryPlace,
    name: string,
    path: string,
    stat: FileStat,
    previous: Uint8Array | undefined,
  ): Promise<DirectoryNode> {
    const before = previous === undefined ? undefined : await this.#ports.previousOf(previous)
    return new DirectoryNode({ name, path, stat, previous: before, parent })
  }

  /**
   * `former`: what the file is the next version of, its own entry or a like one. A promise where it takes reading to tell whether the
   * repository has all of it; the next name waits for that, since slots are in order.
   */
  #file(
    node: DirectoryNode,
    name: string,
    path: string,
    stat: FileStat,
    previous: Uint8Array | undefined,
    former: Uint8Array | undefined = previous,
  ): Promise<void> | undefined {
    const { events, queue, isStored } = this.#ports
    events.found(path, stat)
    const enqueue = (why: WhyQueued): void => {
      events.queued(path, why)
      queue.add({ node, slot: node.reserve(), path, name, stat, why, former })
    }
    if (previous === undefined || !isSameFile(previous, stat)) {
      enqueue(previous === undefined ? 'new' : 'changed')
      return undefined
    }
    const settle = (stored: boolean): void => {
      if (!stored) enqueue('lost')
      else if (this.#options.full) enqueue('reread')
      else {
        node.push(previous)
        events.unmodified(path, stat.size)
      }
    }
    const stored = isStored(previous)
    if (typeof stored !== 'boolean') return stored.then(settle)
    settle(stored)
    return undefined
  }

  /** `undefined`: gone by now, or reported as unreadable, which `node` then records: nothing else says that the name was there. */
  #lstat(path: string, node?: DirectoryNode): FileStat | undefined {
    try {
      return this.#ports.source.lstat(path)
    } catch (error) {
      const reason = sourceReason(error)
      if (GONE.has(reason)) return undefined
      if (node !== undefined) node.unreadable ??= reason
      this.#ports.events.unreadable(path, reason)
      return undefined
    }
  }
}
