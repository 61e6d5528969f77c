/** What `snap daemon` is told, in `snap.yaml`. */
import { z } from 'zod'
import { duration, secret, text } from './words.ts'

export type RawDaemon = {
  listen?: string | undefined
  token?: string | undefined
  'jobs-at-once'?: number | undefined
  'check-every'?: string | undefined
}

export const daemon: z.ZodType<RawDaemon> = z
  .strictObject({
    listen: text('where its API answers: 127.0.0.1:PORT, [::1]:PORT or unix:PATH').optional(),
    token: secret('who uses the API has to know it').optional(),
    'jobs-at-once': z.int().min(1).max(64).describe('how many jobs run at the same time (2)').optional(),
    'check-every': duration('how often it looks for what is stale or full (15m)').optional(),
  })
  .describe('the daemon')
