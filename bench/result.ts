/** What a run of the bench leaves behind, as JSON: everything that a table or a chart is rendered from. */
import type { Measured } from './measured.ts'

export interface Result {
  readonly command: string
  readonly machine: Machine
  /** What each tool says that it is. */
  readonly versions: Readonly<Record<string, string>>
  readonly trials: readonly TrialResult[]
}

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly node: string
  readonly date: string
}

export interface TrialResult {
  readonly name: string
  readonly description: string
  /** Of the versions of the source: regular files, and their bytes together. */
  readonly versions: readonly { readonly files: number; readonly bytes: number }[]
  /** By tool, then by run: runs of the same number came one after the other. */
  readonly runs: Readonly<Record<string, readonly RunResult[]>>
}

export type RunResult = readonly StepResult[]

export interface StepResult extends Measured {
  readonly step: string
  /** What the repository holds after the step, in bytes, where the step is a backup or a prune. */
  readonly storedBytes?: number
}
