/** What the API can be asked: each operation with its place, its description for the OpenAPI document, and what it does. */
import type { ServerResponse } from 'node:http'
import type { Config } from '../../jobs/config/config.ts'
import { triggerArguments } from '../../jobs/runs/trigger-arguments.ts'
import type { Run } from '../../jobs/state/run.ts'
import { jsonOfRun } from '../../jobs/state/run-json.ts'
import type { StatusReport } from '../../jobs/status/report.ts'
import { jsonOfDrill, jsonOfReport } from '../../jobs/status/report-json.ts'
import { SnapError } from '../../model/errors.ts'
import type { DaemonEvent, EventListener } from '../events.ts'

/** The daemon as the API sees it. */
export type DaemonPort = {
  readonly config: () => Config
  readonly report: () => StatusReport
  readonly metrics: () => string
  readonly runs: (filter: { readonly job?: string | undefined; readonly limit: number }) => readonly Run[]
  /** By its whole id. */
  readonly run: (id: string) => Run | undefined
  readonly log: (run: Run, signal: AbortSignal) => AsyncIterable<string>
  /** Returns the id of the run. */
  readonly start: (job: string, args: readonly string[]) => string
  readonly listen: (listener: EventListener) => Disposable
}

export type Call = {
  readonly parameters: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** What was sent, as JSON; `undefined` without any. */
  readonly body: unknown
  readonly response: ServerResponse
  readonly signal: AbortSignal
}

export type Answer =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly text: string; readonly type: string }
  /** It writes to the response itself. */
  | 'streamed'

export type Operation = {
  readonly method: 'GET' | 'POST'
  /** Parameters stand in braces. */
  readonly path: string
  readonly id: string
  readonly summary: string
  /** Without a token. */
  readonly isOpen?: boolean
  /** It may go on for as long as the other side listens. */
  readonly isStream?: boolean
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  /** By status. */
  readonly answers: Readonly<Record<number, string>>
  readonly contentType?: string
  /** A JSON Schema of what a success answers; absent where the documents of the command of that name have it. */
  readonly success?: Readonly<Record<string, unknown>>
  readonly run: (daemon: DaemonPort, call: Call) => Answer | Promise<Answer>
}

const startedOf = (name: string): NonNullable<Operation['success']> => ({
  type: 'object',
  required: [name, 'run_id'],
  properties: { [name]: { type: 'string' }, run_id: { type: 'string' } },
})

const RUNS = 50
const RUNS_MAX = 1_000
const HEARTBEAT_MS = 15_000
/** Whoever does not read what is sent is cut off. Bytes. */
const UNREAD_BYTES_MAX = 1_048_576
const STALLED_MS = 60_000
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'

export const OPERATIONS: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/health',
    id: 'health',
    summary: 'Whether the daemon answers',
    isOpen: true,
    answers: { 200: 'It does' },
    run: () => ({ status: 200, json: { ok: true } }),
  },
  {
    method: 'GET',
    path: '/v1/status',
    id: 'status',
    summary: 'How it stands with every job and repository, as `snap status --json`',
    answers: { 200: 'The report' },
    run: (daemon) => ({ status: 200, json: jsonOfReport(daemon.report()) }),
  },
  {
    method: 'GET',
    path: '/v1/jobs',
    id: 'jobs',
    summary: 'The jobs of the configuration',
    answers: { 200: 'Their names, repositories and schedules' },
    run: (daemon) => ({ status: 200, json: { jobs: [...daemon.config().jobs.values()].map(jobFields) } }),
  },
  {
    method: 'POST',
    path: '/v1/jobs/{job}/runs',
    id: 'startRun',
    summary: 'Start a run of a job',
    body: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scope: { type: 'array', items: { type: 'string' }, description: "categories instead of the job's" },
        full: { type: 'boolean', description: 'read every file again' },
        label: { type: 'string', description: 'a label for the snapshot' },
        tags: { type: 'array', items: { type: 'string' }, description: 'more tags for the snapshot' },
      },
    },
    success: startedOf('job'),
    answers: {
      202: 'The id of the run',
      400: 'The body cannot be understood',
      404: 'There is no such job',
      409: 'It runs already',
    },
    run: (daemon, { parameters, body }) => {
      const job = parameters.get('job') ?? ''
      if (!daemon.config().jobs.has(job)) throw unknown(`there is no job "${job}"`)
      const args = triggerArguments(body, [...daemon.config().categories.keys()])
      return { status: 202, json: { job, run_id: daemon.start(job, args) } }
    },
  },
  {
    method: 'GET',
    path: '/v1/drills',
    id: 'drills',
    summary: 'The drills of the configuration, and how the last of each ended',
    answers: { 200: 'The drills, as in `snap drill --list --json`' },
    run: (daemon) => {
      const { drills, at } = daemon.report()
      return { status: 200, json: { drills: drills.map((drill) => jsonOfDrill(drill, at)) } }
    },
  },
  {
    method: 'POST',
    path: '/v1/drills/{drill}/runs',
    id: 'startDrill',
    summary: 'Start a run of a drill',
    success: startedOf('drill'),
    answers: { 202: 'The id of the run', 404: 'There is no such drill', 409: 'It runs already' },
    run: (daemon, { parameters }) => {
      const drill = parameters.get('drill') ?? ''
      if (!daemon.config().drills.has(drill)) throw unknown(`there is no drill "${drill}"`)
      return { status: 202, json: { drill, run_id: daemon.start(drill, []) } }
    },
  },
  {
    method: 'GET',
    path: '/v1/runs',
    id: 'runs',
    summary: 'Runs, newest first, as `snap runs --json`',
    query: { job: 'only of this job', limit: `so many at most (${RUNS})` },
    answers: { 200: 'The runs', 400: 'The limit is no count' },
    run: (daemon, { query }) => {
      const filter = { job: query.get('job') ?? undefined, limit: limitOf(query.get('limit')) }
      return { status: 200, json: { runs: daemon.runs(filter).map(jsonOfRun) } }
    },
  },
  {
    method: 'GET',
    path: '/v1/runs/{run}',
    id: 'run',
    summary: 'A run',
    answers: { 200: 'The run', 404: 'There is no such run' },
    run: (daemon, { parameters }) => ({ status: 200, json: jsonOfRun(runOf(daemon, parameters)) }),
  },
  {
    method: 'GET',
    path: '/v1/runs/{run}/log',
    id: 'log',
    isStream: true,
    summary: 'The log of a run, a JSON object a line; while it runs, as it comes',
    answers: { 200: 'The lines', 404: 'There is no such run', 503: 'Too many listen' },
    contentType: 'application/x-ndjson',
    run: async (daemon, { parameters, response, signal }): Promise<Answer> => {
      const run = runOf(daemon, parameters)
      if (run.log === undefined) throw unknown(`${run.id} has no log: ${run.message ?? 'it was not begun'}`)
      const lines = daemon.log(run, signal)
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      for await (const line of lines) if (!response.write(`${line}\n`)) await drained(response, signal)
      response.end()
      return 'streamed'
    },
  },
  {
    method: 'GET',
    path: '/v1/events',
    id: 'events',
    isStream: true,
    summary:
      'What happens, as server-sent events: run_queued, run_started, run_progress, run_ended, run_skipped, reloaded',
    query: { run: 'only of this run; the stream ends with it' },
    answers: { 200: 'The events', 503: 'Too many listen' },
    contentType: 'text/event-stream',
    run: (daemon, call) => streamEvents(daemon, call),
  },
  {
    method: 'GET',
    path: '/metrics',
    id: 'metrics',
    summary: 'Metrics for Prometheus',
    answers: { 200: 'In the text format' },
    contentType: 'text/plain',
    run: (daemon) => ({ status: 200, text: daemon.metrics(), type: PROMETHEUS }),
  },
]

function jobFields({
  name,
  repository,
  schedule,
  label,
}: NonNullable<ReturnType<Config['jobs']['get']>>): unknown {
  return {
    job: name,
    repository: repository.name,
    ...(label === undefined ? {} : { label }),
    ...(schedule === undefined ? {} : { schedule: schedule.texts.at, timezone: schedule.texts.timeZone }),
  }
}

function runOf(daemon: DaemonPort, parameters: ReadonlyMap<string, string>): Run {
  const id = parameters.get('run') ?? ''
  const run = daemon.run(id)
  if (run === undefined) throw unknown(`there is no run "${id}"`)
  return run
}

const unknown = (message: string): SnapError => new SnapError('RUN_UNKNOWN', message)

function limitOf(text: string | null): number {
  if (text === null) return RUNS
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit > 0 && limit <= RUNS_MAX) return limit
  throw new SnapError('USAGE', `limit is no number from 1 to ${RUNS_MAX}`)
}

/** Resolves when more can be written, or nobody listens any more: who reads nothing for long is cut off. */
async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const timer = setTimeout(() => response.destroy(), STALLED_MS)
  const listening = new AbortController()
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true, signal: listening.signal })
    if (signal.aborted) resolve()
  })
  listening.abort()
  clearTimeout(timer)
}

async function streamEvents(daemon: DaemonPort, { query, response, signal }: Call): Promise<Answer> {
  const only = query.get('run')
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': here\n\n')
  await new Promise<void>((resolve) => {
    const send = (text: string): void => {
      response.write(text)
      if (response.writableLength <= UNREAD_BYTES_MAX) return
      // Not ended: that would wait until all of it is read.
      response.destroy()
      end()
    }
    const heart = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS)
    const listening = daemon.listen((event: DaemonEvent) => {
      if (only !== null && event.run_id !== only) return
      send(`event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`)
      if (only !== null && event.event === 'run_ended') end()
    })
    const end = (): void => {
      clearInterval(heart)
      listening[Symbol.dispose]()
      resolve()
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
  response.end()
  return 'streamed'
}
