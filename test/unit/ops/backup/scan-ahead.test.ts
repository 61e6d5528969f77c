import { describe, expect, it } from 'vitest'
import { ScanAhead } from '../../../../src/ops/backup/scan-ahead.ts'
import type {
  ScannedDirectory,
  ScanResult,
  ScanTask,
  ScanUnit,
  TaskResult,
  Verdict,
} from '../../../../src/workers/tasks.ts'

const LIMITS = { oneFileSystem: false, ignoreFile: undefined, neverPaths: new Set<string>() }
const ENTRY = Uint8Array.of(1)

const unit = (path: string): ScanUnit => ({ path, entry: ENTRY, device: 1, depth: 1 })

function scanned(
  name: string,
  verdict: Verdict,
  children: readonly ScannedDirectory[] = [],
): ScannedDirectory {
  const counts = verdict === 'same' || verdict === 'open' ? 1 : 0
  const sums = { directories: counts, files: 10 * counts, bytes: 100 * counts, others: 0 }
  return { name, verdict, sums, children, ...(verdict === 'left' ? { entry: ENTRY } : {}) }
}

/** Threads whose tasks wait to be answered; this thread never scans. */
function held(scanners: number, verdicts: (unit: ScanUnit) => ScannedDirectory) {
  const tasks: { task: ScanTask; answer: () => void; fail: (error: Error) => void }[] = []
  const seen: string[] = []
  const run = (task: { kind: string }): Promise<TaskResult> => {
    const scan = task as ScanTask
    return new Promise((resolve, reject) => {
      const answer = (): void => resolve(resultOf(scan, verdicts, seen))
      tasks.push({ task: scan, answer, fail: reject })
    })
  }
  const own = (task: ScanTask): ScanResult => resultOf(task, verdicts, seen)
  return { tasks, seen, scan: new ScanAhead({ scanners, run }, own, LIMITS) }
}

function resultOf(
  task: ScanTask,
  verdicts: (unit: ScanUnit) => ScannedDirectory,
  seen: string[],
): ScanResult {
  seen.push(...task.units.map(({ path }) => path))
  return { kind: 'scan', units: task.units.map(verdicts) }
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('a scan ahead of the walk', () => {
  it('adds up what was left and looked at later, and forgets what lies below', async () => {
    const { scan, seen } = held(0, ({ path }) =>
      path === '/s'
        ? scanned('', 'open', [
            scanned('a', 'left'),
            scanned('b', 'same'),
            scanned('c', 'open', [scanned('d', 'left')]),
          ])
        : scanned('', 'same'),
    )
    expect(await scan.same(unit('/s'))).toEqual({ directories: 5, files: 50, bytes: 500, others: 0 })
    expect(seen).toEqual(['/s', '/a', '/c/d'].map((path) => (path === '/s' ? path : `/s${path}`)))
    expect(await scan.same(unit('/s/b'))).toEqual({ directories: 1, files: 10, bytes: 100, others: 0 })
    expect(seen).toHaveLength(4)
  })

  it('knows of a directory that differs which ones below are the same', async () => {
    const { scan, seen } = held(0, ({ path }) =>
      path === '/s/c/d'
        ? scanned('', 'differs')
        : scanned('', 'open', [scanned('a', 'same'), scanned('c', 'open', [scanned('d', 'left')])]),
    )
    expect(await scan.same(unit('/s'))).toBeUndefined()
    expect(await scan.same(unit('/s/a'))).toMatchObject({ files: 10 })
    expect(await scan.same(unit('/s/c'))).toBeUndefined()
    expect(await scan.same(unit('/s/c/d'))).toBeUndefined()
    expect(seen).toEqual(['/s', '/s/c/d'])
  })

  it('answers as soon as one directory differs, whatever is still to be looked at', async () => {
    const { scan, tasks } = held(1, ({ path }) =>
      path === '/s'
        ? scanned('', 'open', [scanned('a', 'left'), scanned('b', 'left')])
        : scanned('', path === '/s/a' ? 'differs' : 'same'),
    )
    const root = scan.same(unit('/s'))
    tasks[0]?.answer()
    await later()
    tasks[1]?.answer()
    expect(await root).toBeUndefined()
  })

  it('gives the threads no more tasks than they are to have', async () => {
    const many = Array.from({ length: 500 }, (_, index) => scanned(`d${index}`, 'left'))
    const { scan, tasks } = held(3, ({ path }) =>
      path === '/s' ? scanned('', 'open', many) : scanned('', 'same'),
    )
    const root = scan.same(unit('/s'))
    let answered = 0
    let most = 0
    while (answered < tasks.length) {
      most = Math.max(most, tasks.length - answered)
      tasks[answered++]?.answer()
      await later()
    }
    expect(most).toBe(3)
    expect(Math.max(...tasks.map(({ task }) => task.units.length))).toBeLessThanOrEqual(64)
    expect(await root).toMatchObject({ directories: 501 })
  })

  it('gives up where most differs', async () => {
    const many = Array.from({ length: 500 }, (_, index) => scanned(`d${index}`, 'left'))
    const { scan, seen } = held(0, ({ path }) =>
      path === '/s' ? scanned('', 'open', many) : scanned('', 'differs'),
    )
    expect(await scan.same(unit('/s'))).toBeUndefined()
    expect(await scan.same(unit('/s/d499'))).toBeUndefined()
    expect(await scan.same(unit('/elsewhere'))).toBeUndefined()
    expect(seen.length).toBeLessThan(200)
    expect(seen).not.toContain('/elsewhere')
  })

  it('goes on where a few differ', async () => {
    const many = Array.from({ length: 500 }, (_, index) => scanned(`d${index}`, 'left'))
    const { scan, seen } = held(0, ({ path }) =>
      path === '/s' ? scanned('', 'open', many) : scanned('', path.endsWith('0') ? 'differs' : 'same'),
    )
    expect(await scan.same(unit('/s'))).toBeUndefined()
    for (const [index] of many.entries()) await scan.same(unit(`/s/d${index}`))
    expect(new Set(seen).size).toBe(501)
    expect(seen).toHaveLength(501)
  })

  it('throws to who waits when it is stopped', async () => {
    const { scan } = held(1, () => scanned('', 'same'))
    const waiting = scan.same(unit('/s'))
    scan.stop(new Error('interrupted'))
    await expect(waiting).rejects.toThrow('interrupted')
    await expect(scan.same(unit('/t'))).rejects.toThrow('interrupted')
  })

  it('throws what a thread threw', async () => {
    const { scan, tasks } = held(1, () => scanned('', 'same'))
    const waiting = scan.same(unit('/s'))
    tasks[0]?.fail(new Error('a thread ended'))
    await expect(waiting).rejects.toThrow('a thread ended')
  })
})
