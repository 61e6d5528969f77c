/** Who is told of trouble, and how, in `snap.yaml`: channels, pings and metrics. */
import { z } from 'zod'
import { CONDITION_KINDS, type ConditionKind } from '../../alerts/condition.ts'
import { command, duration, secret, text } from './words.ts'

export type RawMail = {
  to: string[]
  from: string
  server: string
  user?: string | undefined
  password?: string | undefined
  starttls?: 'required' | 'opportunistic' | undefined
}

export type RawChannel = {
  mail?: RawMail | undefined
  webhook?: string | undefined
  headers?: Record<string, string> | undefined
  command?: string[] | undefined
  timeout?: string | undefined
  log?: string | undefined
  on?: ConditionKind[] | undefined
  repeat?: string | undefined
}

export type RawPing =
  | string
  | { start?: string | undefined; success?: string | undefined; fail?: string | undefined }

export type RawMetrics = { textfile?: string | undefined }

const mail: z.ZodType<RawMail> = z
  .strictObject({
    to: z.array(z.string()).min(1).describe('addresses that get it'),
    from: text('the address that it comes from'),
    server: text('smtp://HOST:PORT, or smtps:// for TLS from the first byte'),
    user: text('the name to log in with').optional(),
    password: secret('its password').optional(),
    starttls: z
      .enum(['required', 'opportunistic'])
      .describe('whether smtp:// may stay without TLS; required, but for this machine')
      .optional(),
  })
  .describe('an e-mail')

export const channel: z.ZodType<RawChannel> = z
  .strictObject({
    mail: mail.optional(),
    webhook: secret('an address that gets a POST with JSON').optional(),
    headers: z
      .record(z.string(), z.string().min(1))
      .describe('headers of the webhook; values may be secrets')
      .optional(),
    command: command('a program and its arguments, which gets JSON on standard input').optional(),
    timeout: duration('how long the command may run').optional(),
    log: text('a file that gets a line of JSON').optional(),
    on: z.array(z.enum(CONDITION_KINDS)).min(1).describe('kinds of trouble that are told; all').optional(),
    repeat: z.string().describe('after how long what lasts is told again (24h), or never').optional(),
  })
  .describe('one way to tell people')

export const ping: z.ZodType<RawPing> = z
  .union(
    [
      z.string().min(1),
      z.strictObject({
        start: secret('asked before the job').optional(),
        success: secret('asked when it was saved').optional(),
        fail: secret('asked when it failed').optional(),
      }),
    ],
    'an address, or start, success and fail with one each',
  )
  .describe('an address that is told that the job runs, as healthchecks.io has them')

export const metrics: z.ZodType<RawMetrics> = z
  .strictObject({
    textfile: text("a file of node_exporter's textfile collector, which ends in .prom").optional(),
  })
  .describe('figures for Prometheus')
