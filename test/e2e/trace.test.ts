import { readdirSync, readFileSync, statSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from '../support/snap.ts'
import { seededText, writeTree } from '../support/tree.ts'

type Event = {
  name: string
  ph: string
  pid: number
  tid: number
  ts: number
  dur: number
  args: { name: string; bytes: number }
}

/** Rounding to ns, in µs. */
const TOLERANCE = 0.01

const box = new Sandbox()
const docs = box.path('a-secret-name')
let number = 0

beforeAll(async () => {
  writeTree(docs, { 'a.txt': seededText(5000, 1), 'deep/er/b.txt': seededText(300_000, 2), 'deep/c': '' })
  await box.init()
  await box.ok(['backup', docs])
})

async function traced(status: number, args: readonly string[]): Promise<{ text: string; events: Event[] }> {
  const path = box.path(`trace-${number++}.json`)
  await box.expect(status, args, { env: { SNAP_TRACE: path } })
  const text = readFileSync(path, 'utf8')
  return { text, events: JSON.parse(text) }
}

const spans = (events: readonly Event[]): Event[] => events.filter(({ ph }) => ph === 'X')

/** Names of spans by the thread that had them, its number left out. */
function stages(events: readonly Event[]): Record<string, string[]> {
  const names = new Map(
    events
      .filter(({ name }) => name === 'thread_name')
      .map(({ tid, args }) => [tid, args.name.replace(/[ ,].*/, '')]),
  )
  const found: Record<string, Set<string>> = {}
  for (const { tid, name } of spans(events)) {
    const thread = names.get(tid) ?? 'unnamed'
    found[thread] ??= new Set()
    found[thread].add(name)
  }
  return Object.fromEntries(Object.entries(found).map(([thread, set]) => [thread, [...set]]))
}

/** Of any two spans on one track one holds the other, or they do not touch; none lies outside the run. */
function expectNested(events: readonly Event[]): void {
  const all = spans(events)
  const command = all.find(({ name }) => name === 'command')!
  const start = all.find(({ name }) => name === 'start')!
  expect(start.ts).toBeCloseTo(0, 0)
  for (const span of all) {
    expect(span.ts).toBeGreaterThanOrEqual(-TOLERANCE)
    expect(span.ts + span.dur).toBeLessThanOrEqual(command.ts + command.dur + TOLERANCE)
  }
  for (const tid of new Set(all.map((span) => span.tid))) {
    const open: number[] = []
    const track = all.filter((span) => span.tid === tid).sort((a, b) => a.ts - b.ts || b.dur - a.dur)
    for (const { ts, dur } of track) {
      while (open.length > 0 && open.at(-1)! <= ts + TOLERANCE) open.pop()
      expect(ts + dur).toBeLessThanOrEqual((open.at(-1) ?? Number.POSITIVE_INFINITY) + TOLERANCE)
      open.push(ts + dur)
    }
  }
}

describe('SNAP_TRACE', () => {
  it('records the stages of a backup on every thread', async () => {
    writeTree(docs, { 'new.txt': seededText(400_000, 3) })
    const { text, events } = await traced(0, ['backup', docs, '--threads', '2'])
    const { main, worker } = stages(events)
    expect(main).toEqual(
      expect.arrayContaining([
        ...['start', 'command', 'open repository', 'unlock', 'follow the log', 'begin to write', 'walk'],
        ...['flush', 'store a pack', 'manifest transaction', 'index object', 'commit', 'log append'],
      ]),
    )
    expect(worker).toEqual(
      expect.arrayContaining([
        ...['files', 'open and close', 'stat and attributes', 'read', 'cut', 'identify'],
        ...['flush', 'compress', 'seal', 'digest', 'recheck'],
      ]),
    )
    expectNested(events)
    expect(text).not.toContain('a-secret-name')
    expect(text).not.toContain('new.txt')
  })

  it('records bytes in flight, which are none at the end', async () => {
    writeTree(docs, { 'newer.txt': seededText(400_000, 4) })
    const { events } = await traced(0, ['backup', docs, '--threads', '1'])
    for (const thread of ['main', 'worker 1']) {
      const values = events.filter(({ name }) => name === `bytes in flight, ${thread}`)
      expect(Math.max(...values.map(({ args }) => args.bytes))).toBeGreaterThan(20_000)
      expect(values.at(-1)?.args.bytes).toBe(0)
    }
  })

  it('records the stages of a restore', async () => {
    const { events } = await traced(0, ['restore', 'latest', '--target', box.path('target')])
    const { main, restore } = stages(events)
    expect(main).toEqual(expect.arrayContaining(['walk', 'fetch', 'links and directories']))
    expect(restore).toEqual(
      expect.arrayContaining(['restore', 'create', 'decode', 'rehash', 'write', 'attributes and close']),
    )
    expectNested(events)
  })

  it('records the stages of a verification', async () => {
    const { events } = await traced(0, ['verify', '--data'])
    const { main, verify } = stages(events)
    expect(main).toEqual(expect.arrayContaining(['list the storage', 'read a pack', 'walk trees']))
    expect(verify).toEqual(expect.arrayContaining(['verify', 'open', 'decode', 'rehash']))
    expectNested(events)
  })

  it('records a command that fails', async () => {
    const { events } = await traced(1, ['ls', 'latest', '/nothing'])
    expect(stages(events)['main']).toEqual(expect.arrayContaining(['open repository', 'command']))
    expectNested(events)
  })

  it('writes a file for its owner alone', async () => {
    const path = box.path('private.json')
    await box.ok(['snapshots'], { env: { SNAP_TRACE: path } })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('refuses a file that cannot be made, before anything is done', async () => {
    const before = await box.snapshots()
    const run = await box.expect(2, ['backup', docs], { env: { SNAP_TRACE: box.path('no/where.json') } })
    expect(run.stderr).toContain('cannot write the trace file')
    expect(await box.snapshots()).toEqual(before)
  })

  it('writes nothing where it is not set or empty', async () => {
    const before = readdirSync(box.root).sort()
    await box.ok(['backup', docs])
    await box.ok(['backup', docs], { env: { SNAP_TRACE: '' } })
    expect(readdirSync(box.root).sort()).toEqual(before)
  })
})
