/** What is remembered from one evaluation to the next: which conditions there are, and which channel was told of them when. */
import { z } from 'zod'
import { CONDITION_KINDS, type Condition, SEVERITIES, type Severity } from './condition.ts'

/** A plain value, as JSON has it: lists, because a channel may be called `constructor`. */
export type AlertMemory = {
  readonly conditions: readonly RememberedCondition[]
  /** Channels of which the last delivery failed, and something is still to be delivered. */
  readonly failing: readonly FailingChannel[]
}

export type RememberedCondition = {
  /** As it was last seen. */
  readonly condition: Condition
  /** ms */
  readonly since: number
  /** When it was first seen to be over; then it is here only until all who were told of it know. ms */
  readonly until?: number | undefined
  readonly told: readonly Told[]
}

export type Told = {
  readonly channel: string
  /** Which beginning it was told of: one that came back while it could not be told that it was over is new to it. ms */
  readonly since: number
  /** When it was last told. ms */
  readonly at: number
  /** As it was last told. */
  readonly severity: Severity
}

export type FailingChannel = {
  readonly channel: string
  /** ms */
  readonly since: number
  readonly error: string
}

export const NOTHING_REMEMBERED: AlertMemory = { conditions: [], failing: [] }

const text = z.string()
/** What JavaScript can write as a date. */
const ms = z.number().min(-8.64e15).max(8.64e15)
const condition: z.ZodType<Condition> = z.object({
  key: text,
  kind: z.enum(CONDITION_KINDS),
  severity: z.enum(SEVERITIES),
  title: text,
  text,
  hint: text.optional(),
  job: text.optional(),
  repository: text.optional(),
  run: text.optional(),
  lastGood: z.object({ id: text, time: ms }).optional(),
})
const MEMORY: z.ZodType<AlertMemory> = z.object({
  conditions: z.array(
    z.object({
      condition,
      since: ms,
      until: ms.optional(),
      told: z.array(z.object({ channel: text, since: ms, at: ms, severity: z.enum(SEVERITIES) })),
    }),
  ),
  failing: z.array(z.object({ channel: text, since: ms, error: text })),
})

export function encodeMemory(memory: AlertMemory): string {
  return JSON.stringify(memory)
}

/** What cannot be understood is forgotten: then people are told once more, which is better than not at all. */
export function decodeMemory(text: string): AlertMemory {
  try {
    return MEMORY.safeParse(JSON.parse(text)).data ?? NOTHING_REMEMBERED
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING_REMEMBERED
    throw error
  }
}
