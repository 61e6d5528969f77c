/** When a job runs, in `snap.yaml`. */
import { z } from 'zod'
import { duration, text } from './words.ts'

export type RawSchedule =
  | string
  | string[]
  | {
      at: string | string[]
      timezone?: string | undefined
      jitter?: string | undefined
      'catch-up'?: boolean | undefined
    }

const time = text('a time, as "daily at 02:00", "first sunday at 00:00", or the five fields of cron')
const times = z.union([time, z.array(time).min(1)], 'a time, or a list of times')

export const schedule: z.ZodType<RawSchedule> = z
  .union(
    [
      time,
      z.array(time).min(1),
      z.strictObject({
        at: times.describe('a time, or a list of times'),
        timezone: z.string().describe('whose clock counts').optional(),
        jitter: duration('begin so much later at most, each time and on each machine differently').optional(),
        'catch-up': z.boolean().describe('run once what was missed (true)').optional(),
      }),
    ],
    'a time, a list of times, or at with timezone, jitter and catch-up',
  )
  .describe('when it runs, by the daemon or `snap schedule run`')
