/** A job in `snap.yaml`. */
import { z } from 'zod'
import { hooks, type RawHooks } from './hooks.ts'
import { ping, type RawPing } from './notifications.ts'
import { type RawRetention, retention } from './retention.ts'
import { type RawSchedule, schedule } from './schedule.ts'
import { duration, name, names, size, text } from './words.ts'

export type RawJob = {
  repository?: string | undefined
  sources?: string[] | undefined
  scope?: string[] | undefined
  exclude?: string[] | undefined
  'exclude-caches'?: boolean | undefined
  'exclude-larger-than'?: string | number | undefined
  'one-file-system'?: boolean | undefined
  'ignore-files'?: boolean | undefined
  full?: boolean | undefined
  compression?: 'off' | 'fast' | 'auto' | 'max' | undefined
  label?: string | undefined
  tags?: string[] | undefined
  host?: string | undefined
  retention?: RawRetention | undefined
  schedule?: RawSchedule | undefined
  'max-age'?: string | undefined
  'time-limit'?: string | undefined
  nice?: number | undefined
  ionice?: 'idle' | 'best-effort' | undefined
  hooks?: RawHooks | undefined
  notify?: string[] | undefined
  ping?: RawPing | undefined
  after?: RawAfter | undefined
}

export type RawAfter = {
  verify?: 'structure' | 'data' | undefined
  copy?: (string | RawCopy)[] | undefined
  prune?: boolean | undefined
}

export type RawCopy = { to: string; retention?: RawRetention | undefined; prune?: boolean | undefined }

const copy = z.union(
  [
    name('repository'),
    z.strictObject({
      to: name('repository').describe('the repository that its snapshots are copied into'),
      retention: retention.optional(),
      prune: z.boolean().describe('free the space of what retention has forgotten there').optional(),
    }),
  ],
  'the name of a repository, or to with retention and prune',
)

const after = z
  .strictObject({
    verify: z
      .enum(['structure', 'data'])
      .describe('check the repository: its structure, or all of its data')
      .optional(),
    copy: z.array(copy).describe('repositories that its snapshots are copied into').optional(),
    prune: z.boolean().describe('free the space of what retention has forgotten').optional(),
  })
  .describe('what follows a backup that was saved')

export const job: z.ZodType<RawJob> = z
  .strictObject({
    repository: name('repository')
      .describe('where it is saved; may be left out where there is only one')
      .optional(),
    sources: names('source').describe('what is saved').optional(),
    scope: names('category').describe('categories of which every data type is saved').optional(),
    exclude: z.array(z.string()).describe('patterns for all of it, in the syntax of gitignore').optional(),
    'exclude-caches': z.boolean().describe('leave out directories with a CACHEDIR.TAG').optional(),
    'exclude-larger-than': size('leave out files above a size').optional(),
    'one-file-system': z.boolean().describe('do not enter other file systems').optional(),
    'ignore-files': z.boolean().describe('read .snapignore files (true)').optional(),
    full: z.boolean().describe('read every file again').optional(),
    compression: z.enum(['off', 'fast', 'auto', 'max']).optional(),
    label: text('a label for its snapshots, as incremental, full or monthly').optional(),
    tags: z.array(z.string()).describe('tags for its snapshots').optional(),
    host: text('the host that its snapshots are filed under').optional(),
    retention: retention.optional(),
    schedule: schedule.optional(),
    'max-age': duration('its newest complete snapshot is to be no older').optional(),
    'time-limit': duration('how long a run may take').optional(),
    nice: z.int().min(0).max(19).describe('how little of the processor it asks for').optional(),
    ionice: z.enum(['idle', 'best-effort']).describe('how little of the disks it asks for').optional(),
    hooks: hooks.optional(),
    notify: names('channel').describe('channels that hear of it; all').optional(),
    ping: ping.optional(),
    after: after.optional(),
  })
  .describe('a backup: what, where to, and what follows')
