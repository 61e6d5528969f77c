/**
 * The shape of `snap.yaml`, key by key: what is checked when it is read, and what editors are told. What one key says of another,
 * as the name of a source, is checked in `read-config.ts`.
 */
import { z } from 'zod'
import { alerts, objective, type RawAlerts, type RawObjective } from './alerts.ts'
import { daemon, type RawDaemon } from './daemon.ts'
import { drill, type RawDrill } from './drill.ts'
import { job, type RawJob } from './job.ts'
import { channel, metrics, type RawChannel, type RawMetrics } from './notifications.ts'
import { type RawRepository, repository } from './repository.ts'
import { category, type RawSource, source } from './source.ts'
import { duration, name } from './words.ts'

export type RawHistory = { 'keep-runs'?: string | undefined; 'keep-logs'?: string | undefined }

/** As the file has it, references replaced. */
export type RawConfig = {
  repositories: Record<string, RawRepository>
  sources?: Record<string, RawSource> | undefined
  categories?: Record<string, Record<string, string[]>> | undefined
  jobs?: Record<string, RawJob> | undefined
  drills?: Record<string, RawDrill> | undefined
  daemon?: RawDaemon | undefined
  history?: RawHistory | undefined
  notifications?: Record<string, RawChannel> | undefined
  metrics?: RawMetrics | undefined
  alerts?: RawAlerts | undefined
  objectives?: Record<string, RawObjective> | undefined
}

const history = z
  .strictObject({
    'keep-runs': duration('how long it is known what ran (400d)').optional(),
    'keep-logs': duration('how long logs of runs are kept (90d)').optional(),
  })
  .describe('what this machine remembers of runs')

export const CONFIG_SCHEMA: z.ZodType<RawConfig> = z
  .strictObject({
    repositories: z.record(name('repository'), repository).describe('repositories by their names'),
    sources: z.record(name('source'), source).describe('sources by their names').optional(),
    categories: z
      .record(name('category'), category)
      .describe('categories by their names, as critical')
      .optional(),
    jobs: z.record(name('job'), job).describe('jobs by their names').optional(),
    drills: z.record(name('drill'), drill).describe('drills by their names').optional(),
    daemon: daemon.optional(),
    history: history.optional(),
    notifications: z
      .record(name('channel'), channel)
      .describe('channels that tell people, by their names')
      .optional(),
    metrics: metrics.optional(),
    alerts: alerts.optional(),
    objectives: z.record(name('category'), objective).describe('what is to be met, by category').optional(),
  })
  .describe('What snap protects, where it saves it and how long it keeps it')
