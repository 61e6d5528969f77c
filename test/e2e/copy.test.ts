import { chmodSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { fastScratch, type Json, jsonLines, Sandbox } from '../support/snap.ts'
import {
  bytesBelow,
  filesBelow,
  listing,
  overwrite,
  rsyncDifferences,
  seededBytes,
  seededText,
  writeLarge,
  writeTree,
} from '../support/tree.ts'
import { BIG_FILE_BYTES, makeZoo } from '../support/zoo.ts'

const MIB = 1_048_576
const KILLS = 10

/** A second repository, with a key of its own. */
class Copying extends Sandbox {
  readonly copies = this.path('copies')
  readonly copiesKey = this.path('home', 'copies.key')
  readonly toCopies = ['--to', this.copies, '--to-key-file', this.copiesKey]
  /** What a command takes that is about the copies. */
  readonly there = { env: { SNAP_REPOSITORY: this.copies, SNAP_KEY_FILE: this.copiesKey } }

  async initBoth(): Promise<void> {
    await this.init()
    await this.initCopies()
  }

  async initCopies(): Promise<void> {
    const args = ['init', '--repo', this.copies, '--key-file', this.copiesKey]
    await this.ok(args, { env: { SNAP_KEY_FILE: undefined, SNAP_REPOSITORY: undefined } })
  }

  copy(...args: string[]): Promise<Json> {
    return this.summary(['copy', ...this.toCopies, ...args])
  }

  async expectVerified(): Promise<void> {
    expect((await this.summary(['verify', '--data'], this.there)).damaged_objects).toBe(0)
  }
}

describe('a copy of every kind of entry', () => {
  const box = new Copying()
  const zoo = box.path('zoo')
  let copied: Json

  beforeAll(async () => {
    await makeZoo(zoo)
    await box.initBoth()
    await box.ok(['backup', zoo, '--tag', 'animals', '--label', 'full'])
    copied = await box.copy()
  }, 120_000)

  it('is restored as the original is', async () => {
    const [from, back] = [box.path('from original'), box.path('from copy')]
    await box.ok(['restore', `latest:${zoo}`, '--target', from])
    await box.ok(['restore', `latest:${zoo}`, '--target', back], box.there)
    expect(listing(back)).toEqual(listing(from))
    expect(rsyncDifferences(from, back)).toEqual([])
  })

  it('reads no holes, and says what it says of itself', async () => {
    expect(copied).toMatchObject({ snapshots_copied: 1, snapshots_failed: 0, damaged: 0 })
    expect(copied.bytes_read).toBeLessThan(BIG_FILE_BYTES + 12_000_000)
    const [original] = await box.snapshots()
    const [copy] = await box.snapshots([], box.there)
    const { id, tree: _tree, short_id: _short, ...says } = original
    expect(copy).toMatchObject(says)
    expect(copy.copied_from).toMatchObject({ snapshot: id })
    const listed = async (more: object) =>
      jsonLines(await box.ok(['ls', 'latest', '--json', '-R'], more)).slice(1)
    expect(await listed(box.there)).toEqual(await listed({}))
  })

  it('is whole; of the next one nothing is read, and next to nothing stored', async () => {
    await box.expectVerified()
    expect(await box.copy()).toMatchObject({ snapshots_copied: 0, bytes_read: 0 })
    await box.ok(['backup', zoo])
    const before = bytesBelow(box.copies)
    expect(await box.copy()).toMatchObject({ snapshots_copied: 1, files_read: 0, bytes_read: 0 })
    expect(bytesBelow(box.copies) - before).toBeLessThan(200_000)
  })

  it('is noted in both audit trails', async () => {
    const notes = async (more: object): Promise<Json[]> =>
      jsonLines(await box.ok(['audit', '--json'], more)).filter(({ note }) => note?.operation === 'copy')
    const [here] = await notes({})
    const [there] = await notes(box.there)
    expect(here.note).toMatchObject({ result: 'ok', target: box.copies, counts: { snapshots_copied: 1 } })
    const [copy] = await box.snapshots([], box.there)
    expect(there.note).toMatchObject({ result: 'ok', snapshots: [copy.id] })
    expect(await notes({})).toHaveLength(2)
  })
})

describe('snap copy', () => {
  const box = new Copying()
  const source = box.path('source')

  beforeAll(async () => {
    await box.initBoth()
    for (const [day, host] of [
      ['2025-11-01T02:00:00Z', 'web1'],
      ['2025-11-02T02:00:00Z', 'web2'],
      ['2025-11-03T02:00:00Z', 'web1'],
    ] as const) {
      writeTree(source, { day, [`${day}.txt`]: seededText(50_000, day.length) })
      await box.ok(['backup', source, '--time', day, '--host', host])
    }
  })

  it('says with --dry-run what it would copy', async () => {
    const run = await box.ok(['copy', ...box.toCopies, '--since', '2025-11-02', '--dry-run', '--json'])
    const [plan] = jsonLines(run)
    expect(plan).toMatchObject({
      message_type: 'copy_plan',
      snapshots: [{ state: 'missing' }, { state: 'missing' }],
    })
    expect(await box.snapshots([], box.there)).toEqual([])
  })

  it('copies those that pass the filters, those that are named, and then all that are missing', async () => {
    expect(await box.copy('--host', 'web2')).toMatchObject({ snapshots_copied: 1 })
    expect(await box.copy('latest')).toMatchObject({ snapshots_copied: 1 })
    const times = async (): Promise<string[]> => (await box.snapshots([], box.there)).map(({ time }) => time)
    expect((await times()).map((time) => time.slice(0, 10))).toEqual(['2025-11-02', '2025-11-03'])
    const all = await box.ok(['copy', ...box.toCopies])
    expect(all.stdout).toContain('1 snapshot copied in')
    const nothing = await box.ok(['copy', ...box.toCopies])
    expect(nothing.stdout).toBe('nothing to copy: all snapshots are there\n')
    expect(await times()).toHaveLength(3)
  })

  it('refuses what it cannot open, and says which of the two is meant', async () => {
    const noKey = await box.expect(12, ['copy', '--to', box.copies])
    expect(noKey.stderr).toMatch(/copies, to be copied to: no password.*\n.*--to-key-file/s)
    const wrong = await box.expect(12, ['copy', '--to', box.copies, '--to-key-file', box.keyFile])
    expect(wrong.stderr).toContain('copies, to be copied to')
    const env = { SNAP_TO_PASSWORD: 'wrong', SNAP_PASSWORD: 'of the other' }
    await box.expect(12, ['copy', '--to', box.copies], { env })
    await box.expect(12, ['copy', ...box.toCopies], { env: { SNAP_KEY_FILE: box.copiesKey } })
    await box.expect(10, ['copy', '--to', box.path('nowhere'), '--to-key-file', box.copiesKey])
    await box.expect(2, ['copy', '--to', box.repository, '--to-key-file', box.keyFile])
  })

  it('takes a password of its own, and a name of the configuration', async () => {
    const place = box.path('with password')
    const init = { env: { SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'of its own' } }
    await box.ok(['init', '--repo', place], init)
    await box.ok(['copy', 'latest', '--to', place], { env: { SNAP_TO_PASSWORD: 'of its own' } })
    writeFileSync(box.path('password'), 'of its own\n', { mode: 0o600 })
    const again = await box.ok(['copy', 'latest', '--to', place, '--to-password-file', box.path('password')])
    expect(again.stderr).toContain('is there')
    writeFileSync(
      box.path('snap.yaml'),
      `repositories: { usb: { path: ${box.copies}, key-file: ${box.copiesKey} } }\n`,
      { mode: 0o600 },
    )
    await box.ok(['copy', '--to', 'usb', '--config', box.path('snap.yaml')])
  })

  it('names what is damaged, and goes on: status 3', async () => {
    const damaged = box.path('damaged')
    writeTree(damaged, { good: seededBytes(300_000, 5) })
    await box.ok(['backup', damaged])
    const before = new Set(filesBelow(`${box.repository}/packs`))
    writeTree(damaged, { bad: seededBytes(3 * MIB, 6) })
    await box.ok(['backup', damaged])
    const fresh = filesBelow(`${box.repository}/packs`).filter((path) => !before.has(path))
    for (const path of fresh.filter((pack) => lstatSync(pack).size > MIB)) {
      chmodSync(path, 0o600)
      overwrite(path, MIB, Buffer.from('damage'))
    }
    const run = await box.expect(3, ['copy', ...box.toCopies])
    expect(run.stderr).toContain(`${damaged}/bad: it was damaged in the repository`)
    const [last] = (await box.snapshots([], box.there)).slice(-1)
    expect(last).toMatchObject({ incomplete: true })
    await box.expectVerified()
    const back = box.path('back from damage')
    await box.expect(3, ['restore', `latest:${damaged}`, '--target', back], box.there)
    expect(filesBelow(back).map((path) => path.slice(back.length))).toEqual(['/good'])
  })
})

describe('copies that are killed', () => {
  const box = new Copying(fastScratch(2048 * MIB))
  const source = box.path('source')

  beforeAll(async () => {
    await box.initBoth()
    for (let step = 0; step < 5; step++) {
      writeTree(source, {
        [`${step}/a.txt`]: seededText(3 * MIB, step),
        [`${step}/b.bin`]: seededBytes(6 * MIB, step),
      })
      for (let file = 0; file < 200; file++)
        writeTree(source, { [`${step}/many/${file}`]: seededText(9_000, step * 1000 + file) })
      writeLarge(`${source}/${step}/c.sql`, 25 * MIB, step * 1000, 'text')
      await box.ok(['backup', source])
    }
  }, 120_000)

  it(`at ${KILLS} moments leave a repository that is whole, and the next goes on`, async () => {
    const startedAt = Date.now()
    await box.copy()
    const took = Date.now() - startedAt
    rmSync(box.copies, { recursive: true })
    rmSync(box.copiesKey)
    await box.initCopies()
    let killed = 0
    for (let tries = 0; killed < KILLS && tries < 4 * KILLS; tries++) {
      const running = box.start(['copy', ...box.toCopies])
      await setTimeout(100 + ((tries * 7919) % KILLS) * ((took * 0.6) / KILLS))
      running.child.kill('SIGKILL')
      if ((await running.ended).signal === 'SIGKILL') killed += 1
      await box.expectVerified()
      if ((await box.snapshots([], box.there)).length < 5) continue
      // All came through: once more from the beginning.
      rmSync(box.copies, { recursive: true })
      rmSync(box.copiesKey)
      await box.initCopies()
    }
    expect(killed).toBe(KILLS)
    await box.copy()
    expect(await box.snapshots([], box.there)).toHaveLength(5)
    await box.expectVerified()
    const back = box.path('back')
    await box.ok(['restore', `latest:${source}`, '--target', back], box.there)
    expect(rsyncDifferences(source, back)).toEqual([])
  }, 300_000)

  it('and two at once: each snapshot is copied once', async () => {
    rmSync(box.copies, { recursive: true })
    rmSync(box.copiesKey)
    await box.initCopies()
    const cache = box.path('another cache')
    const runs = await Promise.all([box.copy(), box.copy(), box.copy('--cache-dir', cache)])
    expect(runs.reduce((sum, { snapshots_copied: count }) => sum + count, 0)).toBe(5)
    expect(await box.snapshots([], box.there)).toHaveLength(5)
    await box.expectVerified()
    const audit = jsonLines(await box.ok(['audit', '--json'], box.there))
    expect(audit.at(-1)).toMatchObject({ whole: true, broken_total: 0 })
  }, 120_000)
})

describe('a job that copies', () => {
  const box = new Copying()
  const source = box.path('source')
  const config = box.path('snap.yaml')
  const usb = box.path('usb')
  let night = 0

  beforeAll(async () => {
    await box.initBoth()
    const env = { SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'of the stick' }
    await box.ok(['init', '--repo', usb], { env })
    writeFileSync(
      config,
      `
repositories:
  local: { path: ${box.repository}, key-file: ${box.keyFile} }
  offsite: { path: ${box.copies}, key-file: ${box.copiesKey} }
  usb: { path: ${usb}, password: of the stick }
sources:
  data: { files: [${source}] }
jobs:
  nightly:
    repository: local
    sources: [data]
    retention: { keep-last: 2 }
    after:
      copy: [{ to: offsite, retention: { keep-last: 4 }, prune: true }, usb]
      prune: true
`,
      { mode: 0o600 },
    )
  })

  /** What the environment says of the repositories must not be needed. */
  const bare = { env: { SNAP_REPOSITORY: undefined, SNAP_KEY_FILE: undefined } }
  async function run(status: number) {
    writeTree(source, { night: `${night++}`, [`${night}`]: seededText(20_000, night) })
    return await box.expect(status, ['backup', '--job', 'nightly', '--config', config], bare)
  }
  const stick = { env: { SNAP_REPOSITORY: usb, SNAP_KEY_FILE: undefined, SNAP_PASSWORD: 'of the stick' } }
  const counts = async (): Promise<number[]> =>
    Promise.all([{}, box.there, stick].map(async (more) => (await box.snapshots([], more)).length))

  it('copies after each backup, and keeps more there than here', async () => {
    for (let nights = 0; nights < 6; nights++) await run(0)
    expect(await counts()).toEqual([2, 4, 6])
    await box.expectVerified()
  }, 60_000)

  it('fails where one is away, when the others were tried; forgets nothing then, and makes up for it', async () => {
    renameSync(box.copies, box.path('away'))
    const first = await run(10)
    expect(first.stderr).toMatch(
      /warning: copy to offsite: there is no repository at|warning: copy to offsite: .*copies/,
    )
    expect(first.stderr).toContain('saved, but not copied to offsite')
    await run(10)
    const [last] = jsonLines(await box.ok(['runs', '--json', '--config', config], bare))
    expect(JSON.stringify(last)).toContain('not copied to offsite')
    renameSync(box.path('away'), box.copies)
    expect(await counts()).toEqual([4, 4, 8])
    await run(0)
    expect(await counts()).toEqual([2, 4, 9])
    const times = async (more: object): Promise<string[]> =>
      (await box.snapshots([], more)).map(({ time }) => time)
    expect(await times(box.there)).toEqual((await times(stick)).slice(-4))
    await box.expectVerified()
  }, 60_000)

  it('has them listed in its log', async () => {
    const log = await box.ok(['logs', 'nightly', '--config', config], bare)
    expect(log.stdout).toMatch(new RegExp(`copied.*${box.copies}`))
  })
})
