/** A drill in `snap.yaml`. */
import { z } from 'zod'
import { type RawSchedule, schedule } from './schedule.ts'
import { command, duration, name, names, secret, text, variables } from './words.ts'

export type RawProbe =
  | string
  | string[]
  | {
      command: string[]
      env?: Record<string, string> | undefined
      timeout?: string | undefined
    }

export type RawDrill = {
  job: string
  categories?: string[] | undefined
  types?: string[] | undefined
  paths?: string[] | undefined
  into?: string | undefined
  databases?: boolean | { to: string } | undefined
  probes?: RawProbe[] | undefined
  schedule?: RawSchedule | undefined
  'time-limit'?: string | undefined
  nice?: number | undefined
  ionice?: 'idle' | 'best-effort' | undefined
  keep?: 'never' | 'failed' | undefined
}

const argv = command('a program and its arguments; no shell is between')
const probe = z.union(
  [
    z.string().min(1),
    argv,
    z.strictObject({
      command: argv,
      env: variables('variables of the command').optional(),
      timeout: duration('how long the command may run').optional(),
    }),
  ],
  'a command line for the shell, a program with its arguments, or command with env and timeout',
)

const databases = z.union(
  [z.boolean(), z.strictObject({ to: secret('postgresql://USER:PASSWORD@HOST:PORT of another server') })],
  'true, false, or to with the address of a server',
)

export const drill: z.ZodType<RawDrill> = z
  .strictObject({
    job: name('job').describe('whose newest complete snapshot is restored'),
    categories: names('category').describe('what of it; everything').optional(),
    types: names('data type').describe('data types of it').optional(),
    paths: z.array(text('a path of the snapshot')).describe('paths and globs of it').optional(),
    into: text('where a directory is made for it; the state directory').optional(),
    databases: databases
      .describe('whether databases are checked, and where PostgreSQL restores them (true)')
      .optional(),
    probes: z.array(probe).describe('commands that end with 0 where what was restored is good').optional(),
    schedule: schedule.optional(),
    'time-limit': duration('how long a drill may take').optional(),
    nice: z.int().min(0).max(19).describe('how little of the processor it asks for').optional(),
    ionice: z.enum(['idle', 'best-effort']).describe('how little of the disks it asks for').optional(),
    keep: z
      .enum(['never', 'failed'])
      .describe('whether what a drill that failed has restored stays (never)')
      .optional(),
  })
  .describe('a recovery that is tried: restored into a scratch directory, checked and measured')
