/**
 * Runs tasks of the pipeline, on this thread or on many. The owner of storage stands behind `store`; an executor
 * knows when packs are on their way and slows down before they pile up.
 */
import type { SourceFiles } from '../model/files.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import type { BaseAnswer, BaseRequest } from './bases.ts'
import type { CheckedPack } from './pack-filler.ts'
import type { PipelineSetup, Task, TaskResult } from './tasks.ts'

export type ExecutorPorts = {
  /** A fresh ticket for a data pack. */
  readonly ticket: () => PackTicket
  /** Makes the pack durable and records it; the bytes are the executor's again when it returns. */
  readonly store: (pack: CheckedPack) => Promise<void>
  /** Reads what deltas are made against. What cannot be read is left out; never rejects for what the repository lacks. */
  readonly bases: (request: BaseRequest) => Promise<BaseAnswer>
}

export interface Executor extends AsyncDisposable {
  /** How many tasks are worth having under way at once. */
  readonly parallel: number
  /** How many of them may be scans, beside one on the calling thread; 0 where there is no other thread. */
  readonly scanners: number
  /** Resolves when the task is done (its packs may still be filling). */
  run(task: Task): Promise<TaskResult>
  /** Resolves when every chunk of every task done so far lies in a stored pack. */
  flush(): Promise<void>
}

export type ExecutorFactory = (setup: PipelineSetup, ports: ExecutorPorts, source: SourceFiles) => Executor
