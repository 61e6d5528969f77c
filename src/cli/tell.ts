/** Tells people and Prometheus how it stands, as the configuration says: what is new, what lasts, and what is over. */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { withoutSecrets } from '../base/without-secrets.ts'
import { decodeMemory, encodeMemory, NOTHING_REMEMBERED } from '../jobs/alerts/alert-memory.ts'
import type { RunBytes } from '../jobs/alerts/anomaly.ts'
import type { Condition } from '../jobs/alerts/condition.ts'
import { conditionsOf } from '../jobs/alerts/conditions-of.ts'
import { failedDrill } from '../jobs/alerts/drill-conditions.ts'
import { missedObjectives } from '../jobs/alerts/missed-objectives.ts'
import type { Delivery } from '../jobs/alerts/plan-alerts.ts'
import { type RecentlyTold, tellPeople } from '../jobs/alerts/tell-people.ts'
import { unrecorded } from '../jobs/alerts/unrecorded.ts'
import type { Config } from '../jobs/config/config.ts'
import { secretsOf } from '../jobs/config/secrets-of.ts'
import { metricsOf } from '../jobs/metrics/metrics-of.ts'
import { writeTextfile } from '../jobs/metrics/write-textfile.ts'
import type { JobLock } from '../jobs/state/job-lock.ts'
import type { RunEnd } from '../jobs/state/runs-table.ts'
import type { State } from '../jobs/state/state.ts'
import { gatherReport } from '../jobs/status/gather.ts'
import type { StatusReport } from '../jobs/status/report.ts'
import { hasCode, messageOf } from '../model/errors.ts'
import type { CommandContext } from './context.ts'
import type { Runnable } from './job-run.ts'
import { stderrWarning } from './output/notes.ts'
import { configKey, openStateAnyhow } from './state.ts'

/** Two processes that told at once would tell everything twice. ms */
const WAIT_MS = 120_000
const POLL_MS = 250
/** As channels are told again of what lasts, where they say nothing else. ms */
const AGAIN_MS = 86_400_000
/** No job is called so. */
const LOCK = ' alerts'
/** What is usual of a job. */
const RECENT_RUNS = 30

/** Who cannot be told is a warning, and is told later. Where nothing can be remembered, the same is told once a day. */
export async function tellOfState(context: CommandContext, config: Config, state: State): Promise<void> {
  using lock = state.unkept === undefined ? await waitForLock(state, configKey(config)) : undefined
  const report = reportOf(context, config, state)
  await writeMetrics(context, config, report)
  if (config.channels.size === 0) return
  if (lock === undefined && state.unkept === undefined) {
    stderrWarning(context, 'nobody was told: another process has been telling for minutes')
    return
  }
  const name = `alerts ${configKey(config)}`
  const remembered = state.guarded((open) => open.recall(name))
  const { memory, failures } = await tellPeople(
    {
      config,
      conditions: conditionsIn(config, state, report, secretsIn(context, config)),
      memory: typeof remembered === 'string' ? decodeMemory(remembered) : NOTHING_REMEMBERED,
      secrets: secretsIn(context, config),
      host: hostname(),
      now: report.at,
      ...(state.unkept === undefined ? {} : { recently: recentlyTold(state, configKey(config), report.at) }),
    },
    // How it ended is to be told of what a signal has ended, too.
    { signal: new AbortController().signal },
  )
  for (const [channel, why] of failures) stderrWarning(context, `${channel} was not told: ${why}`)
  try {
    state.guarded((open) => open.remember(name, encodeMemory(memory)))
  } catch (error) {
    if (!hasCode(error, 'STATE_FAILED')) throw error
    stderrWarning(context, `${error.message}: what was told now is told again`)
  }
}

/** A run that has ended. */
export type EndedRun = Pick<RunEnd, 'outcome' | 'message'> & {
  readonly run: string
  readonly runnable: Pick<Runnable, 'kind' | 'name' | 'job' | 'repository'>
  /** In the history. */
  readonly isOnRecord: boolean
}

/** After a run. Of one that is not on record the state says nothing: then of the run alone, if it did not go well. */
export async function tellAfterRun(context: CommandContext, config: Config, run: EndedRun): Promise<void> {
  if (config.channels.size === 0 && config.metrics.textfile === undefined) return
  using state = openStateAnyhow(context)
  if (!run.isOnRecord || state.unkept !== undefined) await tellOfRun(context, config, run)
  if (run.isOnRecord || state.unkept !== undefined) await tellOfState(context, config, state)
}

/** The marks of who was told what. */
function recentlyTold(state: State, key: string, now: number): RecentlyTold {
  const nameOf = ({ channel, alert: { event, condition } }: Delivery): string =>
    `told ${key} ${channel} ${event} ${condition.key} ${condition.severity}`
  return {
    has: (delivery) => {
      const at = state.guarded((open) => open.recallTime(nameOf(delivery), now))
      return at !== undefined && Math.abs(now - at) < AGAIN_MS
    },
    add: (delivery) => state.guarded((open) => open.rememberTime(nameOf(delivery), now)),
  }
}

async function tellOfRun(context: CommandContext, config: Config, run: EndedRun): Promise<void> {
  if (run.outcome === 'ok') return
  const secrets = secretsIn(context, config)
  const conditions = [conditionOf(run, secrets)]
  const request = { config, conditions, memory: NOTHING_REMEMBERED, secrets }
  const { failures } = await tellPeople(
    { ...request, host: hostname(), now: context.clock.now() },
    { signal: new AbortController().signal },
  )
  for (const [channel, why] of failures) stderrWarning(context, `${channel} was not told: ${why}`)
}

function conditionOf(
  { run, runnable, outcome, message = outcome }: EndedRun,
  secrets: readonly string[],
): Condition {
  const { kind, name, job } = runnable
  const repository = runnable.repository.name
  const text = withoutSecrets(message, secrets)
  if (kind === 'drill')
    return failedDrill({ drill: name, job, repository }, { run, text, isWarning: outcome === 'interrupted' })
  return {
    key: `failed:${name}`,
    kind: 'failed',
    severity: 'critical',
    title: `${name} ${outcome === 'incomplete' ? 'left something out' : 'failed'}`,
    text,
    job,
    repository,
    run,
  }
}

export function reportOf({ clock }: CommandContext, config: Config, state: State): StatusReport {
  const request = { config, key: configKey(config), host: hostname(), nowMs: clock.now() }
  return state.guarded((open) => gatherReport(open, request))
}

/** Those of the context, where it has any: a run may have learned of more. */
const secretsIn = ({ secrets }: CommandContext, config: Config): readonly string[] =>
  secrets ?? secretsOf(config)

function conditionsIn(
  config: Config,
  state: State,
  report: StatusReport,
  secrets: readonly string[],
): Condition[] {
  const recent = new Map(
    [...config.jobs.keys()].map((job) => [job, recentRuns(state, configKey(config), job)]),
  )
  const found = [
    ...conditionsOf(report, config.alerts, recent),
    ...missedObjectives(config, report),
    ...unrecorded(state.unkept),
  ]
  return found.map((condition) => ({ ...condition, text: withoutSecrets(condition.text, secrets) }))
}

/** What good runs before the last read and added. */
function recentRuns(state: State, config: string, job: string): RunBytes[] {
  const runs = state.guarded((open) => open.runs.list({ config, job, limit: 2 * RECENT_RUNS }))
  const ended = runs.filter(
    ({ kind, outcome }) => kind === 'backup' && outcome !== undefined && outcome !== 'skipped',
  )
  return ended
    .slice(1)
    .flatMap(({ outcome, bytes }) => (outcome === 'ok' && bytes !== undefined ? [bytes] : []))
    .slice(0, RECENT_RUNS)
}

async function waitForLock(state: State, key: string): Promise<JobLock | undefined> {
  for (const began = performance.now(); performance.now() - began < WAIT_MS; ) {
    const lock = state.lock(key, LOCK)
    if (lock !== undefined) return lock
    await wait(POLL_MS)
  }
  return undefined
}

async function writeMetrics(context: CommandContext, config: Config, report: StatusReport): Promise<void> {
  const { textfile } = config.metrics
  if (textfile === undefined) return
  try {
    await writeTextfile(textfile, metricsOf(report))
  } catch (error) {
    stderrWarning(context, `the metrics cannot be written: ${messageOf(error)}`)
  }
}
