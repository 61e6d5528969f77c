import { afterEach, describe, expect, it } from 'vitest'
import {
  addInFlight,
  asTask,
  during,
  inStage,
  startTrace,
  stopTrace,
  timed,
} from '../../../src/base/trace.ts'
import { chromeTrace } from '../../../src/base/trace-events.ts'
import {
  HEADER_BYTES,
  RECORD_BYTES,
  type TraceRecord,
  TraceRecords,
} from '../../../src/base/trace-records.ts'

type Event = { name: string; ph: string; tid: number; ts: number; dur: number; args?: Record<string, number> }

const events = (records: TraceRecords): Event[] => JSON.parse(chromeTrace(records, 1))
const spansOf = (records: TraceRecords, name: string): Event[] =>
  events(records).filter((event) => event.ph === 'X' && event.name === name)

/** Keeps the thread busy. */
function spin(ms: number): void {
  for (const start = performance.now(); performance.now() - start < ms; );
}

afterEach(stopTrace)

describe('a trace', () => {
  it('has one span for each stage of a task, as long as all its parts, from the start of the task', () => {
    const records = startTrace()
    asTask('files', () => {
      for (let times = 0; times < 5; times++) {
        inStage('read', () => spin(2))
        inStage('cut', () => spin(1))
      }
    })
    const [task] = spansOf(records, 'files')
    const [read] = spansOf(records, 'read')
    const [cut] = spansOf(records, 'cut')
    expect(spansOf(records, 'read')).toHaveLength(1)
    expect(read).toMatchObject({ ts: task?.ts, args: { times: 5 } })
    expect(read?.dur).toBeGreaterThanOrEqual(10_000)
    expect(cut?.dur).toBeGreaterThanOrEqual(5_000)
    expect(cut?.ts).toBeCloseTo((read?.ts ?? 0) + (read?.dur ?? 0), 0)
    expect((cut?.ts ?? 0) + (cut?.dur ?? 0)).toBeLessThanOrEqual((task?.ts ?? 0) + (task?.dur ?? 0) + 1)
  })

  it('counts what is within a stage for that stage alone', () => {
    const records = startTrace()
    const object = timed({ hash: (ms: number) => spin(ms) }, { hash: 'identify' })
    asTask('flush', () => {
      inStage('recheck', () => object.hash(50))
      object.hash(1)
    })
    expect(spansOf(records, 'identify')).toMatchObject([{ args: { times: 1 } }])
    expect(spansOf(records, 'recheck')[0]?.dur).toBeGreaterThanOrEqual(50_000)
    expect(spansOf(records, 'identify')[0]?.dur).toBeLessThan(50_000)
  })

  it('draws what is under way at once on tracks of their own', async () => {
    const records = startTrace()
    let finish = (): void => undefined
    const first = during('store', () => new Promise<void>((resolve) => (finish = resolve)))
    await during('store', async () => undefined)
    await during('store', async () => undefined)
    finish()
    await first
    expect(spansOf(records, 'store').map(({ tid }) => tid)).toEqual([2, 2, 1])
  })

  it('keeps the span of what failed', async () => {
    const records = startTrace()
    await expect(during('commit', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(() =>
      asTask('piece', () =>
        inStage('read', () => {
          throw new Error('unreadable')
        }),
      ),
    ).toThrow('unreadable')
    const names = events(records).flatMap(({ ph, name }) => (ph === 'X' ? [name] : []))
    expect(names).toEqual(['start', 'commit', 'piece', 'read'])
    inStage('alone', () => undefined)
    expect(spansOf(records, 'alone')).toHaveLength(1)
  })

  it('says how many bytes are in flight', () => {
    const records = startTrace()
    addInFlight(100)
    addInFlight(-30)
    const values = events(records).filter(({ ph }) => ph === 'C')
    expect(values.map(({ name, args }) => [name, args?.['bytes']])).toEqual([
      ['bytes in flight, main', 100],
      ['bytes in flight, main', 70],
    ])
  })

  it('says how much found no room', () => {
    const records = new TraceRecords(new SharedArrayBuffer(HEADER_BYTES + 10 * RECORD_BYTES))
    const record: TraceRecord = {
      kind: 'span',
      track: 0,
      name: 'a name that has more characters than fit',
      startMs: 1,
      durationMs: 2,
      value: 3,
    }
    for (let times = 0; times < 12; times++) records.add(record)
    expect(records.dropped).toBe(2)
    expect([...records][9]).toEqual({ ...record, name: record.name.slice(0, 32) })
    expect(chromeTrace(records, 1)).toContain('"2 events found no room"')
  })
})

describe('without a trace', () => {
  it('everything is done all the same, and objects are left as they are', async () => {
    const object = { read: () => 1 }
    const { read } = object
    expect(timed(object, { read: 'read' }).read).toBe(read)
    expect(asTask('files', () => inStage('read', () => 2))).toBe(2)
    expect(await during('walk', async () => 3)).toBe(3)
    addInFlight(1)
  })
})
