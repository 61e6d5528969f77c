/** A run of a job or a drill as the command line makes it: on record, within its limit of time, and at the priority that the job asks for. */
import { formatDuration } from '../base/duration.ts'
import { withoutSecrets } from '../base/without-secrets.ts'
import type { PingMoment } from '../jobs/config/channel.ts'
import type { Config, JobConfig } from '../jobs/config/config.ts'
import type { RunRecord } from '../jobs/runs/run-record.ts'
import type { RunKind } from '../jobs/state/run.ts'
import type { RunEnd } from '../jobs/state/runs-table.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { type ConcealedContext, concealedContext } from './concealed-context.ts'
import type { CommandContext } from './context.ts'
import { concealedError } from './output/concealing.ts'
import { plural } from './output/human.ts'
import { stderrWarning } from './output/notes.ts'
import { safeText } from './output/safe-text.ts'

/** What is run: a job, or a drill. */
export type Runnable = Pick<
  JobConfig,
  'name' | 'repository' | 'timeLimitMs' | 'nice' | 'ioClass' | 'ping'
> & {
  readonly kind: RunKind
  /** Whose people hear of it. */
  readonly job: string
}

/** `isWhole`: all of its scope is saved. */
export const runnableJob = (job: JobConfig, isWhole: boolean): Runnable => ({
  ...job,
  kind: isWhole ? 'backup' : 'part',
  job: job.name,
})

/** What a run has come to. */
export type JobResult = {
  readonly snapshot: string
  /** What a drill reads is in its evidence. */
  readonly bytes?: { readonly read: number; readonly added: number } | undefined
  /** How many paths could not be read. */
  readonly unreadable: number
  /** The first of them, and why. */
  readonly firstUnreadable: string | undefined
}

/** `saved` is told of the snapshot before what follows it: that may fail. `run`: the id of the run. */
export type JobOperation = (
  context: CommandContext,
  saved: (result: Pick<JobResult, 'snapshot' | 'bytes'>) => void,
  run: string,
) => Promise<JobResult>

/** Runs `operate` as a run of it, and returns how many paths could not be read. `JOB_RUNNING` where one is under way; `TIME_LIMIT` where it took too long; else its own errors. */
export async function runJob(
  context: CommandContext,
  config: Config,
  runnable: Runnable,
  operate: JobOperation,
): Promise<number> {
  const concealed = await concealedContext(context, config)
  context.printing.isNeeded = false
  using record = await beginRecord(concealed, config, runnable)
  const { journal } = record
  using limit = limitOf(context.signal, runnable)
  const inner = { ...concealed, journal, signal: limit.signal }
  await setPriority(inner, runnable)
  journal?.note('began', { snap: context.version, repository: runnable.repository.name })
  const started = pinged(inner, runnable, 'start', '')
  const { end, said, failure, unreadable } = await ended(inner, operate, record.id)
  const isOnRecord = record.end(end)
  await started
  await pinged(inner, runnable, end.outcome === 'ok' ? 'success' : 'fail', said)
  const { tellAfterRun } = await import('./tell.ts')
  const run = { ...end, runnable, run: record.id, isOnRecord }
  await tellAfterRun(inner, config, run)
  if (failure !== undefined) throw failure.error
  return unreadable
}

type Ended = {
  readonly end: Omit<RunEnd, 'endedMs'>
  /** What became of it, in words. */
  readonly said: string
  readonly failure: { readonly error: unknown } | undefined
  readonly unreadable: number
}

/** Never rejects: how it failed is in the answer. */
async function ended(context: ConcealedContext, operate: JobOperation, run: string): Promise<Ended> {
  const { journal, secrets } = context
  let saved: Pick<JobResult, 'snapshot' | 'bytes'> | undefined
  try {
    const result = await operate(
      context,
      (early) => {
        saved = early
      },
      run,
    )
    const { snapshot, bytes, unreadable } = result
    const message = unreadableText(result, secrets)
    const outcome = unreadable > 0 ? 'incomplete' : 'ok'
    journal?.note('ended', { outcome, message })
    const said = message ?? `snapshot ${snapshot}`
    return { end: { outcome, message, snapshot, bytes }, said, failure: undefined, unreadable }
  } catch (cause) {
    const { failureOf } = await import('../jobs/runs/run-record.ts')
    const error = concealedError(cause, secrets) ?? cause
    const failed = failureOf(error)
    journal?.failure(messageOf(error), { outcome: failed.outcome, code: failed.code })
    const end = { ...failed, snapshot: saved?.snapshot, bytes: saved?.bytes }
    return { end, said: messageOf(error), failure: { error }, unreadable: 0 }
  }
}

function unreadableText(
  { unreadable, firstUnreadable }: JobResult,
  secrets: readonly string[],
): string | undefined {
  if (unreadable === 0) return undefined
  const first = firstUnreadable === undefined ? '' : withoutSecrets(safeText(firstUnreadable), secrets)
  return `${plural(unreadable, 'path')} could not be read: ${unreadable === 1 ? first : `${first}, and others`}`
}

async function pinged(
  context: CommandContext,
  { ping: addresses }: Runnable,
  moment: PingMoment,
  said: string,
): Promise<void> {
  if (addresses === undefined) return
  const { ping } = await import('../jobs/alerts/ping.ts')
  const warning = await ping(addresses, moment, said)
  if (warning !== undefined) stderrWarning(context, warning)
}

async function beginRecord(
  context: ConcealedContext,
  config: Config,
  { kind, name, repository }: Runnable,
): Promise<RunRecord> {
  const { configKey, stateDirectory } = await import('./state.ts')
  const { RunRecord } = await import('../jobs/runs/run-record.ts')
  const { RUN_VARIABLES, runVariables } = await import('../jobs/runs/run-variables.ts')
  const { systemRandom } = await import('../crypto/random.ts')
  const { env, clock, secrets } = context
  // A hook may run another job, which is a run of its own.
  for (const name of RUN_VARIABLES) delete process.env[name]
  return RunRecord.begin(
    stateDirectory(context),
    {
      config: configKey(config),
      kind,
      job: name,
      repository: repository.name,
      ...runVariables(env),
      secrets,
      ...config.history,
    },
    { clock, random: systemRandom, warn: (text) => stderrWarning(context, text) },
  )
}

type Limit = Disposable & { readonly signal: AbortSignal }

/** Aborted by `signal`, and when the job has taken as long as it may. */
function limitOf(signal: AbortSignal, { name, timeLimitMs, kind }: Runnable): Limit {
  if (timeLimitMs === undefined) return { signal, [Symbol.dispose]: () => undefined }
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const text = `${name} was ended: it took longer than ${formatDuration(timeLimitMs)}`
    controller.abort(
      new SnapError('TIME_LIMIT', text, {
        hint:
          kind === 'drill'
            ? 'What was restored by then is gone. Raise time-limit where it needs longer.'
            : 'The next run goes on where it ended. Raise time-limit where it needs longer.',
      }),
    )
  }, timeLimitMs)
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

async function setPriority(context: CommandContext, { nice, ioClass }: Runnable): Promise<void> {
  if (nice === undefined && ioClass === undefined) return
  const { lowerPriority } = await import('../jobs/runs/priority.ts')
  await lowerPriority({ nice, ioClass }, (text) => stderrWarning(context, text))
}
