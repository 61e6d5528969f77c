/** Schedules as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import { localTimeZone } from '../../ops/zoned-time.ts'
import { Schedule } from '../schedule/schedule.ts'
import type { RawSchedule } from './schema/schedule.ts'

/** `USAGE` for what cannot be understood. */
export function readSchedule(raw: RawSchedule): Schedule {
  const { at, timezone, jitter, ...more } = isTimes(raw) ? { at: raw } : raw
  return new Schedule({
    at: typeof at === 'string' ? [at] : at,
    timeZone: timezone ?? localTimeZone(),
    jitterMs: jitter === undefined ? 0 : parseDuration(jitter),
    catchUp: more['catch-up'] ?? true,
  })
}

const isTimes = (raw: RawSchedule): raw is string | string[] => typeof raw === 'string' || Array.isArray(raw)
