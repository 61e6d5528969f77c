/** Medians, and ratios taken pair by pair: runs of the same number came one after the other. */
import type { RunResult, StepResult, TrialResult } from '../result.ts'

export const OWN = 'snap'

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export const spread = (numbers: readonly number[]): Spread => ({
  median: median(numbers),
  least: Math.min(...numbers),
  most: Math.max(...numbers),
})

export type Figure = (run: RunResult, step: string) => number | undefined

const stepOf = (run: RunResult, name: string): StepResult | undefined => run.find(({ step }) => step === name)

export const seconds: Figure = (run, step) => stepOf(run, step)?.seconds
export const processorSeconds: Figure = (run, step) => stepOf(run, step)?.processorSeconds
export const peakBytes: Figure = (run, step) => stepOf(run, step)?.peakBytes
export const storedBytes: Figure = (run, step) => stepOf(run, step)?.storedBytes

/** What the repository grew by in a step. */
export const addedBytes: Figure = (run, step) => {
  const at = run.findIndex((result) => result.step === step)
  const after = run[at]?.storedBytes
  const before = run.slice(0, Math.max(at, 0)).findLast((result) => result.storedBytes !== undefined)
  return after === undefined ? undefined : after - (before?.storedBytes ?? 0)
}

/** What was timed, in the order of the trial: ours goes through every step, others not. */
export const stepsOf = ({ runs }: TrialResult): string[] => [
  ...new Set([OWN, ...Object.keys(runs)].flatMap((tool) => runs[tool]?.[0]?.map(({ step }) => step) ?? [])),
]

/** Of one tool in all its runs; none where the tool does not have the step. */
export function figuresOf(trial: TrialResult, tool: string, step: string, figure: Figure): number[] {
  return (trial.runs[tool] ?? []).map((run) => figure(run, step)).filter((value) => value !== undefined)
}

/** The median of `tool` by `base`, run by run; none where either does not have the step. */
export function ratio(
  trial: TrialResult,
  step: string,
  figure: Figure,
  tool: string,
  base: string,
): number | undefined {
  const ratios = (trial.runs[tool] ?? []).flatMap((run, index) => {
    const other = trial.runs[base]?.[index]
    const [above, below] = [figure(run, step), other && figure(other, step)]
    return above === undefined || below === undefined ? [] : [above / below]
  })
  return ratios.length === 0 ? undefined : median(ratios)
}
