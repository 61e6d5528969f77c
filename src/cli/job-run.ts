/** A run of a job as the command line makes it: on record, within its limit of time, and at the priority that the job asks for. */
import { formatDuration } from '../base/duration.ts'
import { withoutSecrets } from '../base/without-secrets.ts'
import type { PingMoment } from '../jobs/config/channel.ts'
import type { Config, JobConfig } from '../jobs/config/config.ts'
import type { RunRecord } from '../jobs/runs/run-record.ts'
import type { RunEnd } from '../jobs/state/runs-table.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import type { CommandContext } from './context.ts'
import { variable } from './locations.ts'
import { plural } from './output/human.ts'
import { stderrWarning } from './output/notes.ts'
import type { TextSink } from './output/progress.ts'

const SECRET_VARIABLES = ['SNAP_PASSWORD', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

/** What a run of a job has come to. */
export type JobResult = {
  readonly snapshot: string
  readonly bytes: { readonly read: number; readonly added: number }
  /** Paths that could not be read. */
  readonly unreadable: number
}

/** `saved` is told of the snapshot before what follows it: that may fail. */
export type JobOperation = (context: CommandContext, saved: (result: JobResult) => void) => Promise<JobResult>

/** Runs `operate` as a run of the job, and returns how many paths could not be read. `JOB_RUNNING` where one is under way; `TIME_LIMIT` where it took too long; else its own errors. */
export async function runJob(
  context: CommandContext,
  config: Config,
  job: JobConfig,
  operate: JobOperation,
): Promise<number> {
  const secrets = await knownSecrets(context, config)
  using record = await beginRecord(context, config, job, secrets)
  const { journal } = record
  using limit = limitOf(context.signal, job)
  const { stdout, stderr } = context
  const inner = {
    ...context,
    journal,
    signal: limit.signal,
    stdout: sinkWithout(stdout, secrets),
    stderr: sinkWithout(stderr, secrets),
  }
  await setPriority(inner, job)
  journal?.note('began', { snap: context.version, repository: job.repository.name })
  const started = pinged(inner, job, 'start', '')
  const ended = async (end: RunOutcomeOf, said: string): Promise<void> => {
    record.end(end)
    await started
    await pinged(inner, job, end.outcome === 'ok' ? 'success' : 'fail', said)
    const { tellAfterRun } = await import('./tell.ts')
    await tellAfterRun(inner, config, {
      job: job.name,
      repository: job.repository.name,
      run: record.id,
      ...end,
    })
  }
  let saved: Pick<JobResult, 'snapshot' | 'bytes'> | undefined
  try {
    const { unreadable } = await operate(inner, (result) => {
      saved = result
    })
    const message = unreadable > 0 ? `${plural(unreadable, 'path')} could not be read` : undefined
    const outcome = unreadable > 0 ? 'incomplete' : 'ok'
    journal?.note('ended', { outcome, message })
    const said = message ?? `snapshot ${saved?.snapshot}`
    await ended({ outcome, message, snapshot: saved?.snapshot, bytes: saved?.bytes }, said)
    return unreadable
  } catch (error) {
    const { failureOf } = await import('../jobs/runs/run-record.ts')
    const clean = errorWithout(error, secrets)
    const failure = failureOf(clean)
    journal?.failure(messageOf(clean), { outcome: failure.outcome, code: failure.code })
    await ended({ ...failure, snapshot: saved?.snapshot, bytes: saved?.bytes }, messageOf(clean))
    throw clean
  }
}

type RunOutcomeOf = Omit<RunEnd, 'endedMs'>

async function pinged(
  context: CommandContext,
  { ping: addresses }: JobConfig,
  moment: PingMoment,
  said: string,
): Promise<void> {
  if (addresses === undefined) return
  const { ping } = await import('../jobs/alerts/ping.ts')
  const warning = await ping(addresses, moment, said)
  if (warning !== undefined) stderrWarning(context, warning)
}

async function knownSecrets(context: CommandContext, config: Config): Promise<string[]> {
  const { secretsOf } = await import('../jobs/config/secrets-of.ts')
  const inEnvironment = SECRET_VARIABLES.flatMap((name) => variable(context.env, name) ?? [])
  return [...secretsOf(config), ...inEnvironment]
}

/** What commands and servers say of themselves may repeat a secret: a journal or a mail would keep it. */
function sinkWithout(sink: TextSink, secrets: readonly string[]): TextSink {
  return {
    write: (text) => sink.write(withoutSecrets(text, secrets)),
    isTTY: sink.isTTY,
    get columns() {
      return sink.columns
    },
  }
}

/** Its causes may say it too: they go where it does. */
function errorWithout(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof SnapError)) return error
  const texts = [error.message, error.hint ?? '', ...error.also]
  const clean = texts.map((text) => withoutSecrets(text, secrets))
  if (clean.every((text, index) => text === texts[index])) return error
  const [message = '', hint = '', ...also] = clean
  return new SnapError(error.code, message, { ...(hint === '' ? {} : { hint }), also })
}

async function beginRecord(
  context: CommandContext,
  config: Config,
  job: JobConfig,
  secrets: readonly string[],
): Promise<RunRecord> {
  const { configKey, stateDirectory } = await import('./state.ts')
  const { RunRecord } = await import('../jobs/runs/run-record.ts')
  const { runVariables } = await import('../jobs/runs/run-variables.ts')
  const { systemRandom } = await import('../crypto/random.ts')
  const { env, clock } = context
  return RunRecord.begin(
    stateDirectory(context),
    {
      config: configKey(config),
      job: job.name,
      repository: job.repository.name,
      ...runVariables(env),
      secrets,
      ...config.history,
    },
    { clock, random: systemRandom, warn: (text) => stderrWarning(context, text) },
  )
}

type Limit = Disposable & { readonly signal: AbortSignal }

/** Aborted by `signal`, and when the job has taken as long as it may. */
function limitOf(signal: AbortSignal, { name, timeLimitMs }: JobConfig): Limit {
  if (timeLimitMs === undefined) return { signal, [Symbol.dispose]: () => undefined }
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const text = `${name} was ended: it took longer than ${formatDuration(timeLimitMs)}`
    controller.abort(
      new SnapError('TIME_LIMIT', text, {
        hint: 'The next run goes on where it ended. Raise time-limit where it needs longer.',
      }),
    )
  }, timeLimitMs)
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

async function setPriority(context: CommandContext, { nice, ioClass }: JobConfig): Promise<void> {
  if (nice === undefined && ioClass === undefined) return
  const { lowerPriority } = await import('../jobs/runs/priority.ts')
  await lowerPriority({ nice, ioClass }, (text) => stderrWarning(context, text))
}
