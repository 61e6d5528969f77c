/** The golden repository: what was written as version 1 stays readable, by the program and by the independent reader. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { getuid } from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nameBytes } from '../../../src/base/names.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import { decodeKeyFile } from '../../../src/keys/key-file.ts'
import type { SlotSecret } from '../../../src/keys/slot.ts'
import { LOG_KINDS } from '../../../src/log/entry.ts'
import { TREE_BYTES_MAX } from '../../../src/model/limits.ts'
import { restore } from '../../../src/ops/restore/restore.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { openRepository } from '../../../src/repository/open-repository.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { type Content, decodeContent } from '../../../src/snapshot/content.ts'
import type { Entry } from '../../../src/snapshot/entry.ts'
import { decodeTree } from '../../../src/snapshot/tree.ts'
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { PackChecker, type PackCheckResult, type PackCheckTask } from '../../../src/workers/pack-check.ts'
import type { RestoreTask, RestoreTaskResult } from '../../../src/workers/restore-task.ts'
import { RestoreWriter } from '../../../src/workers/restore-writer.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { type GoldenFacts, makeGolden } from '../../golden/make.ts'
import {
  compareListings,
  digestTree,
  type ListingField,
  type ListingRecord,
  listingLines,
  walkedRecords,
} from '../../support/independent-reader/listing.ts'
import { readRepository, type Secret } from '../../support/independent-reader/read-repository.ts'
import { padme } from '../../support/independent-reader/sealing.ts'

const GOLDEN = new URL('../../golden/', import.meta.url).pathname
const V1 = join(GOLDEN, 'v1')
const facts: GoldenFacts = JSON.parse(readFileSync(join(GOLDEN, 'v1.json'), 'utf8'))
const keyFile = (role: string): string => readFileSync(join(GOLDEN, `v1.${role}.key`), 'utf8')
const signal = new AbortController().signal
const progress = (): void => undefined

let scratch: string
/** A copy, so that nothing can change what is kept. */
let copy: string

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-golden-test-'))
  copy = join(scratch, 'repository')
  cpSync(V1, copy, { recursive: true })
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function open(role: 'admin' | 'reader' | 'writer' | 'password'): Promise<Repository> {
  const secret: SlotSecret =
    role === 'password'
      ? { kind: 'password', password: Buffer.from(facts.password) }
      : { kind: 'key file', secret: decodeKeyFile(keyFile(role)).secret }
  const clock = { now: () => Date.UTC(2025, 11, 1) }
  const cacheDirectory = mkdtempSync(join(scratch, 'cache-'))
  return openRepository(
    { storage: openLocalDirectory(copy), cacheDirectory, clock, random: systemRandom },
    secret,
  )
}

const objects = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true, withFileTypes: true }) as import('node:fs').Dirent[])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()

const raw = (key: string): Buffer => readFileSync(join(V1, key))

describe('the independent reader', () => {
  const secrets: [string, Secret][] = [
    ['the key file of the admin', { keyFileText: keyFile('admin') }],
    ['the password', { password: facts.password }],
    ['the key file of the reader', { keyFileText: keyFile('reader') }],
  ]

  it.each(secrets)('finds in it what went in, with %s', async (_, secret) => {
    const repository = await readRepository(V1, secret)
    expect(repository.id).toBe(facts.repository)
    const { authors } = facts
    expect(repository.log.map(({ kind, author }) => ({ kind, author }))).toEqual(
      facts.log.map(({ kind, by }) => ({ kind, author: authors[by] })),
    )
    expect(repository.log.find(({ kind }) => kind === 'NOTE')?.note).toEqual(facts.note)
    expect([...repository.fold.condemnedPacks]).toEqual(facts.condemnedPacks)
    const found = repository.snapshots({ forgotten: true })
    expect(found.map(({ id }) => id)).toEqual(facts.snapshots.map(({ id }) => id))
    for (const [index, { entries, changed, unreadable, timeMs, ...wanted }] of facts.snapshots.entries()) {
      expect(found[index]).toMatchObject({ ...wanted, timeMs: BigInt(timeMs) })
      if (wanted.forgotten) continue
      expect(
        compareListings(entries, listingLines(await walkedRecords(repository.walk(wanted.id), '/'))),
      ).toEqual([])
      const marks = { changed: [] as string[], unreadable: {} as Record<string, string> }
      for await (const entry of repository.walk(wanted.id)) {
        const path = entry.path.toString('latin1')
        if (entry.changedWhileRead) marks.changed.push(path)
        if (entry.unreadable !== undefined) marks.unreadable[path] = entry.unreadable
      }
      expect(marks).toEqual({ changed, unreadable })
    }
    expect(repository.problems).toEqual([])
  })

  it('folds the same state for a writer, who can open neither packs nor details', async () => {
    const writer = await readRepository(V1, { keyFileText: keyFile('writer') })
    const admin = await readRepository(V1, { keyFileText: keyFile('admin') })
    expect(writer.fold).toEqual(admin.fold)
    expect(writer.fold.problems).toEqual([])
    expect(writer.snapshots().map(({ details }) => details)).toEqual([undefined, undefined])
  })
})

describe('the program', () => {
  it('finds in it what went in', async () => {
    for (const role of ['admin', 'password', 'reader'] as const) {
      await using repository = await open(role)
      const { state } = repository.log
      expect(state.problems).toEqual([])
      expect([...state.snapshots.keys()]).toEqual(facts.snapshots.map(({ id }) => id))
      expect([...state.condemnedPacks]).toEqual(facts.condemnedPacks)
      for (const { id, entries, forgotten } of facts.snapshots) {
        const snapshot = [...state.snapshots.values()].find((one) => one.id === id)
        expect(snapshot?.forgotten !== undefined).toBe(forgotten)
        if (snapshot === undefined || forgotten) continue
        const records = await recordsOf(repository, decodeContent(snapshot.root), Buffer.alloc(0))
        expect(compareListings(entries, listingLines(records))).toEqual([])
      }
    }
  })

  it('folds it for a writer without opening anything', async () => {
    await using repository = await open('writer')
    expect(repository.log.state.problems).toEqual([])
    expect(repository.log.state.next).toBe(facts.log.length)
    expect(repository.log.indexProblems).toEqual([])
  })

  it('finds nothing wrong when it verifies every byte', async () => {
    await using repository = await open('admin')
    const checker = new PackChecker(repository.keys.idKey)
    await using pool = createInThreadPool<PackCheckTask, PackCheckResult>((task) => checker.check(task))
    const report = await verify(repository, { data: true }, { pool, progress, signal })
    expect(report).toMatchObject({ damages: [], snapshots: 2, unreferenced: 0 })
    expect(report.packsChecked).toBe(objects(V1).filter((key) => key.startsWith('packs/')).length)
  })

  it('restores it', async () => {
    await using repository = await open('admin')
    const able = abilities()
    for (const { id, entries, forgotten, unreadable } of facts.snapshots) {
      if (forgotten) continue
      const target = join(scratch, `restored ${id}`)
      mkdirSync(target)
      const snapshot = [...repository.log.state.snapshots.values()].find((one) => one.id === id)
      const files = createTargetFiles()
      {
        using root = files.openRoot(target)
        using writer = new RestoreWriter(files, root, repository.keys.idKey)
        await using pool = createInThreadPool<RestoreTask, RestoreTaskResult>((task) => writer.run(task))
        await restore(
          repository,
          {
            root: snapshot?.root ?? new Uint8Array(0),
            select: [],
            strip: undefined,
            target,
            overwrite: 'always',
            deleteExtra: false,
            sources: [],
            keep: new Set(),
            dryRun: false,
            keepOwner: able.root,
          },
          { target: files, pool, progress, signal },
        )
      }
      const isAbsent = (line: string): boolean =>
        / socket /.test(line) ||
        line.includes('content=unreadable') ||
        (!able.devices && / (char|block) /.test(line))
      const wanted = without(
        entries.filter((line) => !isAbsent(line)),
        able.omit,
      )
      const found = listingLines(digestTree(target), { root: false, omit: able.omit })
      expect(compareListings(wanted, found)).toEqual([])
      expect(wanted.length).toBeGreaterThan(3)
      expect(Object.keys(unreadable).length).toBe(id === facts.snapshots[0]?.id ? 2 : 0)
    }
  })
})

/** Everything below a directory, by the program's own readers, no manifest trusted. */
async function recordsOf(repository: Repository, content: Content, parent: Buffer): Promise<ListingRecord[]> {
  const { entries } = decodeTree(await repository.chunks.bytes(content, TREE_BYTES_MAX))
  const records: ListingRecord[] = []
  for (const entry of entries) {
    const path = Buffer.concat([parent, nameBytes(entry.name)])
    records.push({ ...recordOf(entry, path), contentDigest: await digestOf(repository, entry) })
    if (entry.type === 'dir' && entry.content !== undefined)
      records.push(...(await recordsOf(repository, entry.content, Buffer.concat([path, Buffer.from('/')]))))
  }
  return records
}

async function digestOf({ chunks }: Repository, entry: Entry): Promise<string | undefined> {
  if (entry.type !== 'file' || (entry.content === undefined && entry.unreadable !== undefined))
    return undefined
  const digest = createHash('sha256')
  if (entry.content !== undefined)
    for await (const item of chunks.items(entry.content))
      digest.update('hole' in item ? Buffer.alloc(item.hole) : await chunks.chunk(item.chunk))
  return digest.digest('hex')
}

function recordOf(entry: Entry, path: Buffer): Omit<ListingRecord, 'contentDigest'> {
  const { type, mode, uid, gid, size, mtimeSec, mtimeNsec, target, device, hardLink, inode, xattrs } = entry
  return {
    path,
    type,
    mode,
    uid,
    gid,
    size,
    mtimeSec: BigInt(mtimeSec),
    mtimeNsec,
    target: target === undefined ? undefined : Buffer.from(nameBytes(target)),
    device,
    linkKey: hardLink && `${hardLink.device}:${inode}`,
    xattrs: (xattrs ?? []).map(({ name, value }) => ({
      name: Buffer.from(nameBytes(name)),
      value: Buffer.from(value),
    })),
  }
}

/** What this user may make on this file system: the rest is not compared. */
function abilities(): { root: boolean; devices: boolean; omit: ListingField[] } {
  const root = getuid?.() === 0
  const probe = join(scratch, 'probe')
  writeFileSync(probe, '')
  const attributes = spawnSync('setfattr', ['-n', 'user.probe', '-v', '1', probe]).status === 0
  const devices = spawnSync('mknod', [join(scratch, 'device'), 'c', '1', '3']).status === 0
  const omit: ListingField[] = [
    ...(root ? [] : (['owner'] as const)),
    ...(attributes ? [] : (['xattrs'] as const)),
  ]
  return { root, devices, omit }
}

const without = (lines: readonly string[], omit: readonly ListingField[]): string[] =>
  lines.map((line) =>
    line
      .split(' ')
      .filter((word, at) => at < 2 || !omit.includes(word.slice(0, word.indexOf('=')) as ListingField))
      .join(' '),
  )

describe('the objects', () => {
  const keys = objects(V1)
  const of = (prefix: string): string[] => keys.filter((key) => key.startsWith(prefix))
  const id = (key: string): string => key.slice(key.lastIndexOf('/') + 1)
  const types: [prefix: string, type: number][] = [
    ['config', 1],
    ['slots/', 2],
    ['packs/', 3],
    ['index/', 4],
    ['log/', 5],
    ['lists/', 6],
  ]

  it('are of every kind, with every kind of log entry', async () => {
    expect(types.map(([prefix]) => of(prefix).length)).toEqual([1, 4, 8, 3, 18, 1])
    expect(new Set(facts.log.map(({ kind }) => kind))).toEqual(
      new Set(LOG_KINDS.map((kind) => kind.toUpperCase())),
    )
    await using repository = await open('admin')
    const { packs } = repository.manifest
    const rows = packs.list('live').flatMap(({ no }) => packs.tableOf(no))
    expect(new Set(rows.map(({ depth }) => depth))).toEqual(new Set([0, 1, 2]))
    const kinds = packs.list('live').map(({ kind }) => kind)
    expect(new Set(kinds)).toEqual(new Set(['data', 'tree']))
  })

  it.each(types)('%s begin with magic, version, type, kind, zeros and the repository id', (prefix, type) => {
    for (const key of of(prefix)) {
      const bytes = raw(key)
      expect(bytes.toString('hex', 0, 8)).toBe('736e61706b656570')
      expect([...bytes.subarray(8, 10)]).toEqual([1, type])
      expect(type === 3 ? [1, 2] : [0]).toContain(bytes[10])
      expect(bytes.toString('hex', 11, 16)).toBe('0000000000')
      expect(bytes.toString('hex', 16, 32)).toBe(facts.repository)
    }
  })

  it('have packs of both kinds and padded sizes', () => {
    expect(new Set(of('packs/').map((key) => raw(key)[10]))).toEqual(new Set([1, 2]))
    for (const key of of('packs/')) expect([key, raw(key).length]).toEqual([key, padme(raw(key).length)])
    for (const key of [...of('config'), ...of('index/'), ...of('log/'), ...of('lists/')]) {
      const framed = raw(key).length - 32 - 48
      expect([key, framed]).toEqual([key, padme(framed)])
    }
    for (const key of of('slots/')) expect(raw(key).length).toBe(108 + 48 + 512)
  })

  it('hold their own id, packs in a directory named after its beginning', () => {
    for (const key of [...of('slots/'), ...of('packs/')])
      expect(raw(key).toString('hex', 32, 48)).toBe(id(key))
    for (const key of of('packs/')) expect(key).toBe(`packs/${id(key).slice(0, 2)}/${id(key)}`)
    expect(of('log/').map(id)).toEqual(facts.log.map((_, number) => String(number).padStart(16, '0')))
  })

  it('have slots whose key derivation is in clear', () => {
    const derivations = of('slots/').map((key) => {
      const bytes = raw(key)
      expect(bytes.toString('hex', 49, 52)).toBe('000000')
      expect(bytes.toString('hex', 60, 76)).not.toBe('00'.repeat(16))
      return [bytes[48], bytes.readUInt32LE(52), bytes.readUInt32LE(56)]
    })
    expect(derivations.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
      [1, 1, 8_192],
      [2, 0, 0],
      [2, 0, 0],
      [2, 0, 0],
    ])
  })

  it('are not what a later change of the writer makes of them', () => {
    const all = createHash('sha256')
    for (const key of keys) all.update(`${key}\0`).update(raw(key))
    expect(all.digest('hex')).toBe(DIGEST)
  })
})

/** SHA-256 over each key, a NUL and the object's bytes, in the order of the keys. */
const DIGEST = '6ffdc5a703d87dd75cde7343076ee24e877956f7523c5a696552008583132ad4'

describe('a golden repository made today', () => {
  it('holds for the independent reader the same as the one that is kept', async () => {
    const { objects: made, keyFiles, facts: fresh } = await makeGolden()
    const directory = join(scratch, 'today')
    for (const [key, bytes] of made) {
      mkdirSync(join(directory, dirname(key)), { recursive: true })
      writeFileSync(join(directory, key), bytes)
    }
    const repository = await readRepository(directory, { keyFileText: keyFiles.admin })
    expect(fresh.log).toEqual(facts.log)
    expect(fresh.snapshots.map(({ entries }) => entries)).toEqual(
      facts.snapshots.map(({ entries }) => entries),
    )
    for (const [index, { id, forgotten }] of fresh.snapshots.entries()) {
      if (forgotten) continue
      const lines = listingLines(await walkedRecords(repository.walk(id), '/'))
      expect(compareListings(facts.snapshots[index]?.entries ?? [], lines)).toEqual([])
    }
    expect(repository.problems).toEqual([])
  })
})
