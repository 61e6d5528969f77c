/** What a run at several sizes leaves behind, and its tables. */
import { table } from '../report/markdown.ts'
import type { Machine } from '../result.ts'
import type { ScaleRun } from './steps.ts'

export interface ScaleResult {
  readonly command: string
  readonly machine: Machine
  /** By size, in the order in which they were asked for. */
  readonly files: readonly ScaleRun[]
  readonly chunks: readonly ScaleRun[]
}

const MB = 1e6

/** One row for each step, one column for each size: seconds of wall clock, of the processor, peak memory. */
function tableOf(runs: readonly ScaleRun[], unit: string): string {
  const steps = runs[0]?.steps ?? []
  const rows = steps.map(({ step }, at) => [
    step,
    ...runs.map((run) => {
      const taken = run.steps[at]
      return taken === undefined
        ? ''
        : `${taken.seconds.toFixed(2)} s (${taken.processorSeconds.toFixed(2)}), ${(taken.peakBytes / MB).toFixed(0)} MB`
    }),
  ])
  const manifests = ['manifest', ...runs.map((run) => `${(run.manifestBytes / MB).toFixed(0)} MB`)]
  const heads = ['step', ...runs.map(({ size }) => `${size.toLocaleString('en')} ${unit}`)]
  return table(heads, [...rows, manifests])
}

export const scaleReport = ({ command, files, chunks }: ScaleResult): string =>
  [
    ...(files.length > 0 ? [tableOf(files, 'files')] : []),
    ...(chunks.length > 0 ? [tableOf(chunks, 'chunks')] : []),
    `Wall seconds (seconds of the processor), peak memory. \`${command}\``,
  ].join('\n\n')
