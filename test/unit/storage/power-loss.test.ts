import { describe, expect, it } from 'vitest'
import { createLocalDirectory, openLocalDirectory } from '../../../src/storage/local-directory.ts'
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { swallowingFs } from '../../support/storage/faulty-fs.ts'
import { bytesFor, PowerSession, REPOSITORY } from '../../support/storage/power-check.ts'
import { Killed } from '../../support/storage/recording-fs.ts'

type Wrap = (fs: StorageFs) => StorageFs
const asIs: Wrap = (fs) => fs

/** Counts fsyncs by what they sync, and swallows the one that is named (`/srv#2`: the second fsync of that directory). */
function swallowing(label?: string): { wrap: Wrap; labels: string[] } {
  const labels: string[] = []
  const wrap: Wrap = (fs) =>
    swallowingFs(fs, (_nth, what) => {
      const nth = labels.filter((known) => known.startsWith(`${what}#`)).length + 1
      labels.push(`${what}#${nth}`)
      return labels.at(-1) === label
    })
  return { wrap, labels }
}

/** One process does everything once. */
async function oneProcess(wrap: Wrap): Promise<PowerSession> {
  const session = new PowerSession()
  const storage = await createLocalDirectory(REPOSITORY, { fs: wrap(session.machine.process()) })
  const put = async (key: string, version = 1) => {
    const bytes = bytesFor(key, version)
    await storage.put(key, [bytes.subarray(0, 10), bytes.subarray(10)])
    return session.kept(key, version)
  }
  const config = await put('config')
  const pack = await put('packs/3f/aa')
  expect(await storage.create('log/0', bytesFor('log/0'))).toBe(true)
  session.kept('log/0')
  await put('packs/3f/bb')
  await put('packs/40/cc')
  expect(await storage.create('log/1', bytesFor('log/1'))).toBe(true)
  session.kept('log/1')
  pack.broken()
  await storage.remove('packs/3f/aa')
  session.gone('packs/3f/aa')
  config.broken()
  await put('config', 2)
  return session
}

/**
 * One process is killed after `ops` operations. The next one uses what it finds: it stores a pack of its own and makes
 * a log entry, after which that pack and all that were found must stay.
 */
async function killedThenContinued(
  ops: number,
  wrap: Wrap,
): Promise<{ session: PowerSession; killed: boolean }> {
  const session = new PowerSession()
  const first = async () => {
    const storage = await createLocalDirectory(REPOSITORY, { fs: session.machine.process(ops) })
    await storage.put('packs/3f/aa', [bytesFor('packs/3f/aa')])
    await storage.put('packs/40/bb', [bytesFor('packs/40/bb')])
    await storage.create('log/0', bytesFor('log/0'))
  }
  const killed = await first().then(
    () => false,
    (error: unknown) => {
      if (!(error instanceof Killed)) throw error
      return true
    },
  )
  const storage = await createLocalDirectory(REPOSITORY, { fs: wrap(session.machine.process()) })
  const found: string[] = []
  for await (const { key } of storage.list('packs/')) found.push(key)
  await storage.put('packs/3f/cc', [bytesFor('packs/3f/cc')])
  session.kept('packs/3f/cc')
  expect(await storage.create('log/9', bytesFor('log/9'))).toBe(true)
  for (const key of ['log/9', ...found]) session.kept(key)
  return { session, killed }
}

/** Another process acts on a log entry whose writer is between its link and its fsync. */
async function removedAfterReading(wrap: Wrap): Promise<PowerSession> {
  const session = new PowerSession()
  const writer = await createLocalDirectory(REPOSITORY, { fs: session.machine.process() })
  await writer.put('packs/3f/aa', [bytesFor('packs/3f/aa')])
  await writer.create('log/0', bytesFor('log/0'))
  const before = session.machine.journal.length
  await writer.create('log/1', bytesFor('log/1'))
  const upToLink = session.machine.journal.findIndex(({ verb }, i) => i >= before && verb === 'link') + 1
  const cut = new PowerSession()
  for (const op of session.machine.journal.slice(0, upToLink)) {
    cut.machine.disk.apply(op)
    cut.machine.journal.push(op)
  }
  const remover = openLocalDirectory(REPOSITORY, { fs: wrap(cut.machine.process()) })
  expect(await remover.read('log/1')).toEqual(bytesFor('log/1'))
  cut.promise('the entry that allows the removal', async (storage) => {
    const removed = (await storage.stat('packs/3f/aa')) === undefined
    return !removed || (await storage.stat('log/1')) !== undefined
  })
  await remover.remove('packs/3f/aa')
  cut.gone('packs/3f/aa')
  return cut
}

describe('after a power failure', () => {
  it('everything that one process was told is stored is there, and nothing in part', async () => {
    const { states, lost } = await (await oneProcess(asIs)).losses()
    expect(lost).toEqual([])
    expect(states).toBeGreaterThan(500)
  })

  it('any fsync left out of that would lose something', async () => {
    const { wrap, labels } = swallowing()
    await oneProcess(wrap)
    expect(labels.length).toBeGreaterThan(15)
    for (const label of labels) {
      const { lost } = await (await oneProcess(swallowing(label).wrap)).losses(true)
      expect(lost.length, `without the fsync of ${label}`).toBe(1)
    }
  })

  it('what a process found after another was killed anywhere, and then relied on, is there', async () => {
    let total = 0
    for (let ops = 0; ; ops += 1) {
      const { session, killed } = await killedThenContinued(ops, asIs)
      const { states, lost } = await session.losses()
      expect(lost, `killed after ${ops} operations`).toEqual([])
      total += states
      if (!killed) break
    }
    expect(total).toBeGreaterThan(5_000)
  })

  it('any fsync of the second process left out would lose something, for some moment of the kill', async () => {
    const needed = new Set<string>()
    const all = new Set<string>()
    for (let ops = 0, killed = true; killed; ops += 1) {
      const { wrap, labels } = swallowing()
      killed = (await killedThenContinued(ops, wrap)).killed
      for (const label of labels) {
        all.add(label)
        if (needed.has(label)) continue
        const { session } = await killedThenContinued(ops, swallowing(label).wrap)
        if ((await session.losses(true)).lost.length > 0) needed.add(label)
      }
    }
    expect([...needed].sort()).toEqual([...all].sort())
  })

  it('nothing was removed on the word of a log entry that did not survive', async () => {
    const { wrap, labels } = swallowing()
    expect((await (await removedAfterReading(wrap)).losses()).lost).toEqual([])
    expect(labels).toEqual([`${REPOSITORY}/log#1`, `${REPOSITORY}/packs/3f#1`])
    for (const label of labels) {
      expect(
        (await (await removedAfterReading(swallowing(label).wrap)).losses(true)).lost.length,
        label,
      ).toBe(1)
    }
  })
})
