import { readdirSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { fastScratch, Sandbox } from '../support/snap.ts'
import {
  bytesBelow,
  filesBelow,
  rsyncDifferences,
  seededBytes,
  seededText,
  writeLarge,
  writeTree,
} from '../support/tree.ts'

const MIB = 1_048_576
const KILLS = 12
const THREADS = 2
const PACK_BYTES = 33 * MIB

describe('a backup that is killed', () => {
  const box = new Sandbox(fastScratch(2048 * MIB))
  const first = box.path('first')
  const large = box.path('large')

  /** Content that no run has stored before: a part of it is new for every kill. */
  function grow(step: number): void {
    writeTree(large, {
      [`${step}/a.txt`]: seededText(300_000, step),
      [`${step}/b.bin`]: seededBytes(4 * MIB, step),
    })
    writeLarge(`${large}/${step}/c.sql`, 12 * MIB, step * 1000, 'text')
  }

  beforeAll(async () => {
    writeTree(first, { 'a.txt': 'the earlier snapshot', 'deep/b.bin': seededBytes(200_000, 1) })
    for (let step = 100; step < 104; step++) {
      writeTree(large, { [`${step}/small`]: `${step}` })
      writeLarge(`${large}/${step}/big.bin`, 40 * MIB, step * 1000)
    }
    await box.init()
    await box.ok(['backup', first])
  }, 120_000)

  it(`at ${KILLS} moments loses nothing, and the next backup just works`, async () => {
    const startedAt = Date.now()
    await box.ok(['backup', large, '--dry-run'])
    const startUp = Date.now() - startedAt
    let span = Math.max(1500, startUp * 4)
    let killed = 0
    for (let tries = 0; killed < KILLS && tries < 4 * KILLS; tries++) {
      grow(tries)
      const running = box.start(['backup', large])
      await setTimeout(startUp * 0.3 + ((tries * 7919) % KILLS) * (span / KILLS) * 0.7)
      running.child.kill('SIGKILL')
      const { signal } = await running.ended
      if (signal === 'SIGKILL') killed += 1
      // On a fast machine it was through before.
      else span *= 0.8
      if (signal !== 'SIGKILL' || killed % 4 !== 0) continue
      expect((await box.summary(['verify'])).damaged_objects, `after kill ${killed}`).toBe(0)
      rmSync(box.path('check'), { recursive: true, force: true })
      await box.ok(['restore', `latest:${first}`, '--path', first, '--target', box.path('check')])
      expect(rsyncDifferences(first, box.path('check'))).toEqual([])
    }
    expect(killed).toBe(KILLS)

    await box.ok(['backup', large])
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
    rmSync(box.path('check'), { recursive: true, force: true })
    await box.ok(['restore', `latest:${large}`, '--path', large, '--target', box.path('check')])
    expect(rsyncDifferences(large, box.path('check'))).toEqual([])
  }, 170_000)

  it('while it writes leaves a temporary file, which the next backup removes', async () => {
    const left = (): string[] => readdirSync(`${box.repository}/tmp`).filter((name) => name !== 'reserve')
    for (let tries = 0; left().length === 0 && tries < 20; tries++) {
      grow(200 + tries)
      const running = box.start(['backup', large])
      let ended = false
      void running.ended.then(() => {
        ended = true
      })
      while (!ended && left().length === 0) await setTimeout(1)
      running.child.kill('SIGKILL')
      await running.ended
    }
    expect(left()).not.toEqual([])
    await box.ok(['backup', large])
    expect(left()).toEqual([])
  }, 120_000)

  it('leaves nothing outside of the known directories, and no temporary file once a backup has run again', async () => {
    const strangers = filesBelow(box.repository)
      .map((path) => path.slice(box.repository.length + 1))
      .filter((path) => !/^(config|tmp\/reserve|(slots|packs|index|log|lists)\/.+)$/.test(path))
    expect(strangers).toEqual([])
    expect(
      readdirSync(box.repository)
        .filter((name) => name !== 'tmp')
        .sort(),
    ).toEqual([...['config', 'index', 'log', 'packs', 'slots']])
    expect(await box.summary(['verify', '--data'])).toMatchObject({ damaged_objects: 0 })
  })
})

describe('what had been stored', () => {
  const box = new Sandbox(fastScratch(1024 * MIB))
  const large = box.path('large')

  it('before a kill is used by the next backup', async () => {
    writeTree(large, {})
    for (let part = 0; part < 10; part++) writeLarge(`${large}/${part}.bin`, 40 * MIB, part * 1000)
    await box.init()
    const running = box.start(['backup', large])
    const packs = `${box.repository}/packs`
    const stored = (): number => bytesBelow(packs)
    for (let waited = 0; stored() < 5 * PACK_BYTES && waited < 3000; waited++) await setTimeout(5)
    running.child.kill('SIGKILL')
    await running.ended
    const before = stored()
    expect(before).toBeGreaterThan(4 * PACK_BYTES)
    const total = 400 * MIB
    expect(before).toBeLessThan(total)
    await box.ok(['backup', large])
    // What was missing, and a pack for each thread that was not finished.
    expect(stored() - before).toBeLessThan(total - before + THREADS * PACK_BYTES)
    const verified = await box.summary(['verify', '--data'])
    expect(verified.damaged_objects).toBe(0)
  }, 120_000)
})

describe('a backup that is interrupted', () => {
  const box = new Sandbox(fastScratch(2048 * MIB))
  const parts = 12
  const large = box.path('large')

  it('says so, leaves nothing to clean, and goes on where it was', async () => {
    writeTree(large, {})
    for (let part = 0; part < parts; part++) writeLarge(`${large}/${part}.bin`, 40 * MIB, part * 1000)
    await box.init()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const running = box.start(['backup', large])
      const packs = `${box.repository}/packs`
      const before = bytesBelow(packs)
      for (let waited = 0; bytesBelow(packs) === before && waited < 3000; waited++) await setTimeout(5)
      running.child.kill(signal)
      const run = await running.ended
      expect(run.status, run.stderr).toBe(130)
      expect(run.stderr).toContain(signal)
      expect(run.stderr).toMatch(/Nothing has to be cleaned up/)
    }
    expect(await box.snapshots()).toEqual([])
    await box.ok(['backup', large])
    expect(bytesBelow(`${box.repository}/packs`)).toBeLessThan(
      parts * 40 * MIB + (2 * THREADS + 1) * PACK_BYTES,
    )
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
  }, 120_000)
})

describe('two backups at once into one repository', () => {
  const box = new Sandbox()

  it('are both saved', async () => {
    const names = ['one', 'two', 'three']
    for (const name of names)
      writeTree(box.path(name), {
        own: `of ${name}`,
        shared: seededBytes(3 * MIB, 5),
        more: seededBytes(MIB, name.length),
      })
    await box.init()
    await Promise.all(
      names.map((name) =>
        box.ok(['backup', box.path(name)], {
          env: { SNAP_CACHE_DIR: name === 'three' ? box.path('other cache') : undefined },
        }),
      ),
    )
    expect((await box.snapshots()).map(({ paths }) => paths[0]).sort()).toEqual(
      names.map((name) => box.path(name)).sort(),
    )
    expect((await box.summary(['verify', '--data'])).damaged_objects).toBe(0)
    for (const name of names) {
      await box.ok([
        'restore',
        `latest:${box.path(name)}`,
        '--path',
        box.path(name),
        '--target',
        box.path(`${name} back`),
      ])
      expect(rsyncDifferences(box.path(name), box.path(`${name} back`))).toEqual([])
    }
    expect(readdirSync(`${box.repository}/log`).length).toBeGreaterThanOrEqual(4)
  })
})
