/** A run of a job or a drill, as the history has it. */

/** Who started it: somebody at a command line, the schedule, or the API. */
export const TRIGGERS = ['hand', 'schedule', 'api'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** `died`: its process has gone without a word. `skipped`: it was due while the one before was running still. */
export const OUTCOMES = ['ok', 'incomplete', 'failed', 'interrupted', 'died', 'skipped'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Which of them counts for what: a drill saves nothing, and a part of a job's scope is not what is asked of the job. */
export const RUN_KINDS = ['backup', 'part', 'drill'] as const
export type RunKind = (typeof RUN_KINDS)[number]

export type Run = {
  readonly id: string
  readonly kind: RunKind
  /** The file of the configuration; with the job's name it tells jobs apart. */
  readonly config: string
  /** The name of the job, or of the drill. */
  readonly job: string
  readonly repository: string
  readonly trigger: Trigger
  /** When it was to start by its schedule. ms */
  readonly dueMs: number | undefined
  /** ms */
  readonly startedMs: number
  /** ms; `undefined` while it runs, and where nobody knows. */
  readonly endedMs: number | undefined
  /** `undefined`: it runs. */
  readonly outcome: Outcome | undefined
  /** Of its error. */
  readonly code: string | undefined
  readonly message: string | undefined
  readonly snapshot: string | undefined
  /** Bytes read, and added to the repository. */
  readonly bytes: { readonly read: number; readonly added: number } | undefined
  /** The file of its log. */
  readonly log: string | undefined
}
