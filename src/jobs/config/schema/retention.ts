/** Which snapshots stay, in `snap.yaml`. */
import { z } from 'zod'

export type RawCount = number | 'unlimited'

export type RawRetention = {
  'keep-last'?: RawCount | undefined
  'keep-hourly'?: RawCount | undefined
  'keep-daily'?: RawCount | undefined
  'keep-weekly'?: RawCount | undefined
  'keep-monthly'?: RawCount | undefined
  'keep-yearly'?: RawCount | undefined
  'keep-within'?: string | undefined
  'keep-tags'?: string[] | undefined
  'keep-labels'?: Record<string, RawCount> | undefined
  'min-count'?: number | undefined
  'max-count'?: number | undefined
  timezone?: string | undefined
}

const count = z.union([z.int().min(0), z.literal('unlimited')], 'a whole number, or unlimited')

export const retention: z.ZodType<RawRetention> = z
  .strictObject({
    'keep-last': count.describe('the newest snapshots').optional(),
    'keep-hourly': count.describe('the newest of each of the last hours').optional(),
    'keep-daily': count.describe('the newest of each of the last days').optional(),
    'keep-weekly': count.describe('the newest of each of the last weeks').optional(),
    'keep-monthly': count.describe('the newest of each of the last months').optional(),
    'keep-yearly': count.describe('the newest of each of the last years').optional(),
    'keep-within': z
      .string()
      .describe('all that are newer than a span before the newest, as 1y6m14d12h')
      .optional(),
    'keep-tags': z.array(z.string()).describe('those with one of these tags').optional(),
    'keep-labels': z
      .record(z.string(), count)
      .describe('days for which those with a label are kept, as incremental: 14')
      .optional(),
    'min-count': z.int().min(0).describe('however few the rules keep, so many stay').optional(),
    'max-count': z.int().min(0).describe('however many the rules keep, no more stay').optional(),
    timezone: z.string().describe('whose days and weeks count').optional(),
  })
  .describe('which snapshots stay; the newest of a series always does')
