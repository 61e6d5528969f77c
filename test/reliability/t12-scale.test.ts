import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { chunksRun, filesRun, type ScaleRun, type ScaleStep } from '../../bench/scale/steps.ts'
import { Figures, sized } from '../support/figures.ts'
import { fastScratch } from '../support/snap.ts'

const FILES = sized([3_000], [100_000, 300_000, 1_000_000])
const CHUNKS = sized([100_000], [1_000_000, 4_000_000, 16_000_000])
/** Of what is backed up into the repository of many chunks, where 1 is 1 GB. */
const BACKUP_SCALE = sized(0.02, 1)
const SCRATCH_BYTES = sized(300_000_000, 8_000_000_000)
const PEAK_MIB_MAX = sized(256, 512)
const UNCHANGED_SECONDS_MAX = 12
/** The small run shares its cores with other tests. */
const OPENING_SECONDS_MAX = sized(10, 1)
const MB = 1_000_000

const figures = new Figures('T12', import.meta.url)
const scratch = mkdtempSync(join(fastScratch(SCRATCH_BYTES), 'snap-scale-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const largest = (runs: readonly ScaleRun[]): number => Math.max(...runs.map(({ size }) => size))
const count = (value: number): string => value.toLocaleString('en')

/** The memory of every command, and how it grows from the smallest size to the largest. */
function recordPeaks(runs: readonly ScaleRun[], unit: string): ScaleStep[] {
  const steps = runs.flatMap((run) => run.steps)
  const above = steps.filter(({ peakBytes }) => peakBytes > PEAK_MIB_MAX * 1_048_576)
  figures.record({
    tried: `commands beside up to ${count(largest(runs))} ${unit}`,
    count: steps.length,
    wrongly: `that took more than ${PEAK_MIB_MAX} MiB of memory`,
    wrong: above.length,
    target: { count: runs.length * 5, wrong: 0 },
  })
  for (const [at, { step }] of (runs[0]?.steps ?? []).entries()) {
    const peaks = runs.map((run) => Math.round((run.steps[at]?.peakBytes ?? 0) / MB))
    figures.measure({
      name: `${unit}: ${step}: peak at the largest size`,
      value: peaks.at(-1) ?? 0,
      unit: 'MB',
    })
    figures.measure({
      name: `${unit}: ${step}: growth of the peak from ${count(runs[0]?.size ?? 0)} to ${count(largest(runs))}`,
      value: (peaks.at(-1) ?? 0) - (peaks[0] ?? 0),
      unit: 'MB',
    })
  }
  return above
}

function recordSeconds(runs: readonly ScaleRun[], unit: string, step: string, most: number): number {
  const seconds = runs.map((run) => run.steps.find((one) => one.step === step)?.seconds ?? Number.NaN)
  const late = seconds.filter((value) => !(value <= most)).length
  figures.record({
    tried: `times that "${step}" was timed beside up to ${count(largest(runs))} ${unit}`,
    count: seconds.length,
    wrongly: `that took more than ${most} s`,
    wrong: late,
    target: { count: runs.length, wrong: 0 },
  })
  return late
}

it('real small files: backup, unchanged backup, restore, verify and prune stay within their memory', () => {
  const runs = FILES.map((size) => filesRun(join(scratch, 'run'), size))
  const above = recordPeaks(runs, 'files')
  const late = recordSeconds(runs, 'files', 'unchanged', UNCHANGED_SECONDS_MAX)
  expect({ above, late }).toEqual({ above: [], late: 0 })
})

it('a repository of many chunks: open, backup, verify and the plan of a prune stay within their memory', async () => {
  const runs: ScaleRun[] = []
  for (const size of CHUNKS) runs.push(await chunksRun(join(scratch, 'run'), size, BACKUP_SCALE))
  const above = recordPeaks(runs, 'chunks')
  const late = recordSeconds(runs, 'chunks', 'open, warm manifest', OPENING_SECONDS_MAX)
  expect({ above, late }).toEqual({ above: [], late: 0 })
})
