import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keyedHash } from '../../../src/crypto/blake3.ts'
import { TREE_KEPT_BYTES_MAX } from '../../../src/manifest/trees-table.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { ProgressEvent } from '../../../src/model/progress.ts'
import { EntryIndex, type EntryIndexReport } from '../../../src/repository/entry-index.ts'
import { type Content, decodeContent } from '../../../src/snapshot/content.ts'
import { encodeEntry } from '../../../src/snapshot/entry.ts'
import { encodeTree, treeId } from '../../../src/snapshot/tree.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

const idKey = () => repo.repository.keys.idKey
const entries = () => repo.repository.manifest.entries
const noOf = (content: Content) => repo.repository.manifest.trees.noOf(treeId(idKey(), content)) ?? -1
const namesOf = (tree: number) =>
  entries()
    .of(tree)
    .map(({ name }) => Buffer.from(name).toString())

type Made = { readonly content: Content; readonly bytes: Uint8Array }

/** Directories by their contents, as the repository has them. */
class MadeTrees {
  readonly #made = new Map<string, Uint8Array>()
  reads = 0

  /** Names with `undefined` are files. */
  make(names: Readonly<Record<string, Content | undefined>>): Made {
    const time = { mtimeSec: 1, mtimeNsec: 0, ctimeSec: 1, ctimeNsec: 0 }
    const encoded = Object.entries(names)
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([name, content]) =>
        encodeEntry({
          name,
          ...{ type: content === undefined ? 'file' : 'dir', mode: 0o755, uid: 0, gid: 0, size: 0, inode: 1 },
          ...time,
          content,
        }),
      )
    const bytes = encodeTree([], encoded)
    const hash = keyedHash(idKey(), new Uint8Array(0), bytes)
    const content = { levels: 0, items: Buffer.concat([Uint8Array.of(1), hash]) }
    this.#made.set(Buffer.from(content.items).toString('hex'), bytes)
    return { content, bytes }
  }

  forget({ content }: Made): void {
    this.#made.delete(Buffer.from(content.items).toString('hex'))
  }

  async bytes(content: Content): Promise<Uint8Array> {
    this.reads += 1
    const bytes = this.#made.get(Buffer.from(content.items).toString('hex'))
    if (bytes === undefined) throw new SnapError('OBJECT_MISSING', 'it is not there')
    return bytes
  }
}

function update(
  trees: MadeTrees,
  roots: readonly Content[],
  ports: { progress?: (event: ProgressEvent) => void; signal?: AbortSignal } = {},
): Promise<EntryIndexReport> {
  const { manifest, keys } = repo.repository
  const index = new EntryIndex({ manifest, trees, idKey: keys.idKey })
  const { progress = () => undefined, signal = new AbortController().signal } = ports
  return index.update(roots, { progress, signal })
}

test('a backup makes no rows; asking makes them, without reading the repository, and once', async () => {
  mkdirSync(repo.source('a'), { recursive: true })
  writeFileSync(repo.source('a', 'one'), 'text')
  await repo.backup()
  expect(entries().lastTree()).toBe(0)
  const [snapshot] = repo.repository.manifest.snapshots.list()
  const root = decodeContent(snapshot!.root)
  const nothing = new MadeTrees()
  const report = await update(nothing, [root])
  expect(report).toMatchObject({ leftOut: [] })
  expect(report.trees).toBe(repo.source('a').split('/').length)
  expect(nothing.reads).toBe(0)
  let tree = noOf(root)
  for (const name of repo.source('a').split('/').slice(1)) {
    const row = entries()
      .of(tree)
      .find((candidate) => Buffer.from(candidate.name).toString() === name)
    tree = row?.child ?? -1
  }
  expect(entries().of(tree)).toMatchObject([{ name: Buffer.from('one'), type: 1, size: 4, child: null }])
  expect(entries().of(tree)[0]?.content).toHaveLength(9)
  expect(await update(nothing, [root])).toEqual({ trees: 0, entries: 0, leftOut: [] })
})

test('trees that were made elsewhere are read once and kept', async () => {
  const trees = new MadeTrees()
  const shared = trees.make({ file: undefined })
  const left = trees.make({ x: shared.content, y: shared.content })
  const root = trees.make({ left: left.content, right: shared.content })
  const other = trees.make({ elsewhere: shared.content })
  expect(await update(trees, [root.content, other.content])).toMatchObject({ trees: 4, entries: 6 })
  expect(trees.reads).toBe(4)
  expect(repo.repository.manifest.trees.byId(treeId(idKey(), left.content))?.bytes).toEqual(
    Buffer.from(left.bytes),
  )
  const parents = entries().parentsOf(noOf(shared.content), 10)
  expect(parents.map(({ name }) => Buffer.from(name).toString()).sort()).toEqual([
    'elsewhere',
    'right',
    'x',
    'y',
  ])
})

test('a directory above the kept size comes from the repository, in transactions of bounded size', async () => {
  const trees = new MadeTrees()
  const names = Array.from({ length: 40_000 }, (_, index) => [`file ${index}`, undefined] as const)
  const large = trees.make(Object.fromEntries(names))
  expect(large.bytes.length).toBeGreaterThan(TREE_KEPT_BYTES_MAX)
  const root = trees.make({ large: large.content })
  const { manifest } = repo.repository
  const transaction = manifest.transaction.bind(manifest)
  const written: number[] = []
  manifest.transaction = (work) => {
    const before = manifest.statistics().tables.find(({ name }) => name === 'entries')?.rows ?? 0
    const result = transaction(work)
    written.push((manifest.statistics().tables.find(({ name }) => name === 'entries')?.rows ?? 0) - before)
    return result
  }
  expect(await update(trees, [root.content])).toMatchObject({ trees: 2, entries: 40_001, leftOut: [] })
  expect(Math.max(...written)).toBeLessThanOrEqual(16_384)
  expect(manifest.trees.byId(treeId(idKey(), large.content))?.bytes).toBeNull()
  expect(namesOf(noOf(large.content))).toHaveLength(40_000)
})

test('a run that was interrupted goes on where it was', async () => {
  const trees = new MadeTrees()
  const below = Array.from({ length: 300 }, (_, index) => trees.make({ [`file ${index}`]: undefined }))
  const root = trees.make(Object.fromEntries(below.map(({ content }, index) => [`dir ${index}`, content])))
  const controller = new AbortController()
  const stop = (event: ProgressEvent) => {
    if (event.kind === 'done' && event.files > 1) controller.abort(new SnapError('INTERRUPTED', 'stopped'))
  }
  const interrupted = update(trees, [root.content], { progress: stop, signal: controller.signal })
  await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED' })
  const done = trees.reads
  expect(done).toBeGreaterThan(1)
  expect(done).toBeLessThan(300)
  expect(entries().waitingCount()).toBe(301 - done)
  await repo.reopen()
  expect(await update(trees, [root.content])).toMatchObject({ trees: 301 - done, leftOut: [] })
  expect(trees.reads).toBe(301)
  for (const { content } of below) expect(entries().hasRows(noOf(content))).toBe(true)
})

test('a directory that is missing is left out and tried again; all else has its rows', async () => {
  const trees = new MadeTrees()
  const lost = trees.make({ secret: undefined })
  const beside = trees.make({ file: undefined })
  const root = trees.make({ beside: beside.content, lost: lost.content })
  trees.forget(lost)
  const report = await update(trees, [root.content])
  expect(report.leftOut).toMatchObject([{ tree: noOf(lost.content), error: { code: 'OBJECT_MISSING' } }])
  expect(namesOf(noOf(beside.content))).toEqual(['file'])
  expect(entries().hasRows(noOf(lost.content))).toBe(false)
  trees.make({ secret: undefined })
  expect(await update(trees, [root.content])).toEqual({ trees: 1, entries: 1, leftOut: [] })
})

test('progress counts the directories', async () => {
  const trees = new MadeTrees()
  const root = trees.make({ a: trees.make({ b: trees.make({}).content }).content })
  const events: ProgressEvent[] = []
  await update(trees, [root.content], { progress: (event) => events.push(event) })
  const done = events.map((event) => (event.kind === 'done' ? event.files : 0))
  expect(done.reduce((sum, files) => sum + files)).toBe(3)
  expect(events.filter(({ kind }) => kind === 'total').at(-1)).toMatchObject({ files: 3 })
})
