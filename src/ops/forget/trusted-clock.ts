/** The clock readings in the log that nobody but admins can have made. Knows no snapshots. */
import { toHex } from '../../base/bytes.ts'
import { LOG_KINDS } from '../../log/entry.ts'
import type { Repository } from '../../repository/repository.ts'
import { CLOCK_SLACK_MS } from './plausible-times.ts'
import { RisingClock } from './rising-clock.ts'

const COMMIT = LOG_KINDS.indexOf('commit') + 1

/**
 * Of all entries that count and that those who are admins now have written. Commits are left out: they are what is
 * judged. So are readings ahead of `nowMs`, which are wrong wherever they come from.
 */
export function trustedClock(repository: Repository, nowMs: number): RisingClock {
  const { keys } = repository.log.state
  const clock = new RisingClock()
  for (const { number, kind, author, timeMs } of repository.manifest.log.entries()) {
    if (kind === 0 || kind === COMMIT || timeMs > nowMs + CLOCK_SLACK_MS) continue
    if (keys.get(toHex(author))?.role === 'admin') clock.add(number, timeMs)
  }
  return clock
}
