/**
 * When a job is due: times of day in a zone, by cron's rules. Where the clock is put forward, what would fall into the gap is due at its
 * end; where it is put back, what would fall twice is due once, the first time, unless it is due each hour or more often.
 */
import { createHash } from 'node:crypto'
import { Cron } from 'croner'
import { messageOf, SnapError } from '../../model/errors.ts'
import { wallTimeAt } from '../../ops/zoned-time.ts'
import { cronOf } from './cron-words.ts'

export type ScheduleTexts = {
  readonly at: readonly string[]
  readonly timeZone: string
  /** Runs begin so much later at most, each by its own share. ms */
  readonly jitterMs: number
  /** Whether what was missed is run once, as soon as it can be. */
  readonly catchUp: boolean
}

export class Schedule {
  readonly texts: ScheduleTexts
  readonly #patterns: readonly Cron[]

  /** `USAGE` for what cannot be understood, and for what is never due. */
  constructor(texts: ScheduleTexts) {
    this.texts = texts
    wallTimeAt(0, texts.timeZone)
    this.#patterns = texts.at.map((text) => patternOf(text, texts.timeZone))
  }

  /** The first time after `ms`; `undefined` where there is none any more. */
  after(ms: number): number | undefined {
    const times = this.#patterns.flatMap((pattern) => pattern.nextRun(new Date(ms))?.getTime() ?? [])
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** The last time that is not after `ms`. */
  until(ms: number): number | undefined {
    const times = this.#patterns.flatMap(
      (pattern) => pattern.previousRuns(1, new Date(ms + 1))[0]?.getTime() ?? [],
    )
    return times.length === 0 ? undefined : Math.max(...times)
  }

  /** How much later than `dueMs` the run begins: the same each time it is asked, and different on other machines. ms */
  delay(dueMs: number, of: string): number {
    const { jitterMs } = this.texts
    if (jitterMs === 0) return 0
    const share = createHash('sha256').update(`${of}\0${dueMs}`).digest().readUInt32BE(0) / 2 ** 32
    return Math.floor(share * jitterMs)
  }
}

function patternOf(text: string, timezone: string): Cron {
  const cron = cronOf(text)
  let pattern: Cron
  try {
    pattern = new Cron(cron, { timezone, paused: true, mode: '5-part' })
  } catch (cause) {
    throw new SnapError('USAGE', `${JSON.stringify(text)} is no cron expression`, {
      hint: `${messageOf(cause).replace(/^CronPattern: /, '')}.`,
      cause,
    })
  }
  if (pattern.nextRun() !== null) return pattern
  throw new SnapError('USAGE', `${JSON.stringify(text)} is never due`, { hint: 'Check day and month.' })
}
