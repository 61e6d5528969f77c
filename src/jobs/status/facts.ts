/** What was seen in a repository when it was last looked at. It is remembered, as JSON: a status can be given while it is away. */
import { z } from 'zod'
import type { SnapshotMoment } from './report.ts'

export type RepositoryFacts = {
  /** ms */
  readonly at: number
  /** Why it could not be opened; then nothing else is known. */
  readonly unreachable?: string | undefined
  readonly snapshots?: number | undefined
  /** Bytes of its packs in force. */
  readonly size?: number | undefined
  /** Of the file system that it lies on. Bytes. */
  readonly disk?: { readonly free: number; readonly total: number } | undefined
  readonly series?: readonly SeriesFacts[] | undefined
}

export type SeriesFacts = {
  readonly host: string
  readonly job?: string | undefined
  readonly paths: readonly string[]
  readonly snapshots: number
  readonly lastGood?: SnapshotMoment | undefined
  readonly last?: SnapshotMoment | undefined
}

/** What a verification found. */
export type VerifyFacts = { /** ms */ readonly at: number; readonly isGood: boolean }

const count = z.int().min(0)
const bytes = z.number().min(0)
/** What JavaScript can write as a date. */
const ms = z.number().min(-8.64e15).max(8.64e15)
const moment = z.object({ id: z.string(), time: ms })
const FACTS: z.ZodType<RepositoryFacts> = z.object({
  at: ms,
  unreachable: z.string().optional(),
  snapshots: count.optional(),
  size: bytes.optional(),
  disk: z.object({ free: bytes, total: bytes }).optional(),
  series: z
    .array(
      z.object({
        host: z.string(),
        job: z.string().optional(),
        paths: z.array(z.string()),
        snapshots: count,
        lastGood: moment.optional(),
        last: moment.optional(),
      }),
    )
    .optional(),
})
const VERIFIED: z.ZodType<VerifyFacts> = z.object({ at: ms, isGood: z.boolean() })

/** As it was remembered; `undefined` for what this program has not written. */
export const factsIn = (value: unknown): RepositoryFacts | undefined => FACTS.safeParse(value).data

export const verifyFactsIn = (value: unknown): VerifyFacts | undefined => VERIFIED.safeParse(value).data
