import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fault, FaultyProxy } from '../support/s3/faulty-proxy.ts'
import { Radosgw, S3_ENVIRONMENT } from '../support/s3/radosgw.ts'
import { type RunOptions, Sandbox } from '../support/snap.ts'
import { rsyncDifferences, seededBytes, seededText, writeLarge, writeTree } from '../support/tree.ts'

const MIB = 1_048_576
const store = await Radosgw.start()
const proxy = await FaultyProxy.start(store.port)
const box = new Sandbox()
const source = box.path('source')
let step = 0

beforeAll(async () => {
  await store.makeBucket('snap')
  writeTree(source, {
    'a.txt': seededText(300_000, 1),
    'deep/er/c.txt': 'c',
    'b.bin': seededBytes(500_000, 2),
  })
  writeLarge(`${source}/large.bin`, 20 * MIB, 3)
})
afterAll(() => proxy[Symbol.asyncDispose]())

/** The repository `name` through the proxy, from a machine of its own. */
function through(name: string, cache = 'one'): RunOptions {
  const own = {
    SNAP_REPOSITORY: `${proxy.place}/snap/${name}`,
    SNAP_CACHE_DIR: box.path('home', `cache-${cache}`),
  }
  return { env: { ...S3_ENVIRONMENT, ...own } }
}

/** Makes the repository `name` with one snapshot, while nothing goes wrong. */
async function begin(name: string): Promise<RunOptions> {
  proxy.plan = () => undefined
  proxy.delayMs = 0
  const on = through(name)
  rmSync(box.keyFile, { force: true })
  await box.ok(['init', '--key-file', box.keyFile], { env: { ...on.env, SNAP_KEY_FILE: undefined } })
  await box.ok(['backup', source], on)
  return on
}

/** Changes the source: there is something to store, and something that is stored. */
function change(): void {
  step += 1
  writeTree(source, {
    [`${step}.bin`]: seededBytes(3 * MIB, step),
    'a.txt': seededText(300_000 + step, step),
  })
}

/** With nothing going wrong any more: `count` snapshots, all of them whole, the newest as the source is. */
async function isWhole(on: RunOptions, count: number): Promise<void> {
  proxy.plan = () => undefined
  proxy.delayMs = 0
  expect(await box.snapshots([], on)).toHaveLength(count)
  expect((await box.summary(['verify', '--data'], on)).damaged_objects).toBe(0)
  const target = box.path('restored')
  rmSync(target, { recursive: true, force: true })
  await box.ok(['restore', 'latest', '--target', target], on)
  expect(rsyncDifferences(source, `${target}${source}`)).toEqual([])
}

describe('a repository in an S3 store, over a network where things go wrong', () => {
  it.each<readonly Fault[]>([
    ['reset', 'cut body'],
    ['lost answer', 'answered 500', 'done twice'],
    ['unavailable', 'slow down', 'bad gateway', 'wrong byte up'],
  ])(
    'loses nothing where one request of five meets with: %s ...',
    async (...faults) => {
      const on = await begin(`one-of-five-${faults.length}`)
      change()
      const doneBefore = proxy.done.length
      proxy.plan = ({ count }) => (count % 5 === 0 ? faults[(count / 5) % faults.length] : undefined)
      await box.ok(['backup', source], on)
      await box.ok(['prune', '--max-unused', '0'], on)
      const target = box.path('meanwhile')
      rmSync(target, { recursive: true, force: true })
      await box.ok(['restore', 'latest', '--target', target], on)
      expect(rsyncDifferences(source, `${target}${source}`)).toEqual([])
      expect(new Set(proxy.done.slice(doneBefore).map(({ fault }) => fault))).toEqual(new Set(faults))
      await isWhole(on, 2)
    },
    120_000,
  )

  it('saves a snapshot once where the answer that it is saved is lost', async () => {
    const on = await begin('lost')
    change()
    const asked = new Map<string, number>()
    proxy.plan = ({ method, path }) => {
      if (method !== 'PUT' || !path.includes('/log/')) return undefined
      const times = (asked.get(path) ?? 0) + 1
      asked.set(path, times)
      return times < 4 ? 'lost answer' : undefined
    }
    await box.ok(['backup', source], on)
    expect([...asked.values()]).toContain(4)
    await isWhole(on, 2)
  }, 60_000)

  it('never restores other bytes than were saved', async () => {
    const on = await begin('wrong')
    for (const fault of ['wrong byte', 'short body'] as const) {
      proxy.plan = ({ method, path, count }) =>
        method === 'GET' && path.includes('/packs/') && count % 3 === 0 ? fault : undefined
      const doneBefore = proxy.done.length
      const target = box.path('wrong')
      rmSync(target, { recursive: true, force: true })
      const run = await box.run(['restore', 'latest', '--target', target], on)
      if (run.status === 0) expect(rsyncDifferences(source, `${target}${source}`), fault).toEqual([])
      else expect(run.stderr, fault).toMatch(/damaged|not restored|authenticate|other bytes/)
      expect(proxy.done.length, fault).toBeGreaterThan(doneBefore)
      const differing = rsyncDifferences(source, `${target}${source}`).filter((line) => line.startsWith('>f'))
      // What is there is right; what could not be had is not there.
      for (const line of differing) expect(line, fault).toMatch(/^>f\+{9}/)
    }
    await isWhole(on, 1)
  }, 60_000)

  it('says so where ranges are not known', async () => {
    const on = await begin('no-range')
    proxy.plan = ({ method }) => (method === 'GET' ? 'no range' : undefined)
    const target = box.path('none')
    const run = await box.run(['restore', 'latest', '--target', target], on)
    expect(run.status).not.toBe(0)
    expect(run.stderr).toContain('knows no ranges of objects')
    await isWhole(on, 1)
  }, 60_000)

  it('waits for a store that is started again', async () => {
    const on = await begin('restarted')
    change()
    proxy.delayMs = 30
    const running = box.start(['backup', source, '--full'], on)
    await sleep(700)
    await store.killGateway()
    await sleep(3_000)
    await store.startGateway()
    const { status, stderr } = await running.ended
    expect(status, stderr).toBe(0)
    await isWhole(on, 2)
  }, 120_000)

  it('has few packs in memory while the store is slow', async () => {
    const on = await begin('slow')
    const large = box.path('large')
    writeTree(large, { small: 'small' })
    writeLarge(`${large}/file.bin`, 240 * MIB, 7)
    proxy.delayMs = 500
    proxy.isCounted = ({ method, path }) => method === 'PUT' && path.includes('/packs/')
    // Each of them may have one that it has begun before the others were full.
    const threads = 2
    await box.ok(['backup', large, '--threads', `${threads}`], on)
    expect(proxy.mostAtOnce).toBeGreaterThan(1)
    expect(proxy.mostAtOnce).toBeLessThanOrEqual(3 + threads - 1)
    proxy.delayMs = 0
    expect((await box.summary(['verify'], on)).damaged_objects).toBe(0)
  }, 60_000)

  it('goes on where a killed backup ended', async () => {
    const on = await begin('killed')
    let killed = 0
    for (let kill = 0; kill < 6; kill += 1) {
      change()
      proxy.delayMs = 10
      const running = box.start(['backup', source], on)
      await sleep(300 + kill * 120)
      running.child.kill('SIGKILL')
      if ((await running.ended).signal === 'SIGKILL') killed += 1
    }
    expect(killed).toBeGreaterThan(2)
    proxy.delayMs = 0
    const before = (await box.snapshots([], on)).length
    await box.ok(['backup', source], on)
    await isWhole(on, before + 1)
    await box.ok(['prune', '--max-unused', '0'], on)
    await isWhole(on, before + 1)
  }, 120_000)

  it('is told of as full where its quota is used up, and goes on when there is room', async () => {
    const on = await begin('full')
    change()
    store.limit(1 * MIB)
    try {
      const { stderr, status } = await box.run(['backup', source], on)
      expect(stderr).toContain('the quota is used up')
      expect(stderr).toContain('Earlier snapshots are unharmed')
      expect(status).toBe(1)
    } finally {
      store.limit(-1)
    }
    await box.ok(['backup', source], on)
    await isWhole(on, 2)
  }, 120_000)

  it('lets machines behind bad networks commit at once, each snapshot once', async () => {
    await begin('many')
    const kinds: readonly Fault[] = ['lost answer', 'reset', 'answered 500', 'done twice']
    proxy.plan = ({ count }) => (count % 6 === 0 ? kinds[(count / 6) % kinds.length] : undefined)
    const names = ['a', 'b', 'c']
    await Promise.all(
      names.map(async (name) => {
        const own = box.path('machines', name)
        for (let round = 0; round < 3; round += 1) {
          writeTree(own, { [`${round}`]: seededBytes(200_000, round + name.charCodeAt(0)) })
          await box.ok(['backup', own, '--host', name], through('many', name))
        }
      }),
    )
    proxy.plan = () => undefined
    const saved = await box.snapshots([], through('many'))
    expect(saved.filter(({ hostname }) => names.includes(hostname)).length).toBe(9)
    expect((await box.summary(['verify', '--data'], through('many'))).damaged_objects).toBe(0)
  }, 120_000)
})
