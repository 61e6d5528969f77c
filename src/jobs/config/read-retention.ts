/** A retention policy as a configuration has it. */

import { SnapError } from '../../model/errors.ts'
import { COUNTED, type Counted, isEmptyPolicy, type RetentionPolicy } from '../../ops/forget/policy.ts'
import { parseSpan } from '../../ops/forget/span.ts'
import { localTimeZone, wallTimeAt } from '../../ops/zoned-time.ts'
import type { RawCount, RawRetention } from './schema/retention.ts'

/** `USAGE` for what cannot be understood or says nothing. */
export function readRetention(raw: RawRetention): RetentionPolicy {
  const timeZone = raw.timezone ?? localTimeZone()
  wallTimeAt(0, timeZone)
  const counts: Partial<Record<Counted, number>> = {}
  for (const name of COUNTED) {
    const count = raw[`keep-${name}`]
    if (count !== undefined) counts[name] = numberOf(count)
  }
  const policy: RetentionPolicy = {
    counts,
    within: raw['keep-within'] === undefined ? undefined : parseSpan(raw['keep-within']),
    tags: (raw['keep-tags'] ?? []).map((tag) => [tag]),
    labelDays: new Map(
      Object.entries(raw['keep-labels'] ?? {}).map(([label, days]) => [label, numberOf(days)]),
    ),
    minCount: raw['min-count'],
    maxCount: raw['max-count'],
    timeZone,
  }
  if (isEmptyPolicy(policy))
    throw new SnapError('USAGE', 'it does not say what to keep', { hint: 'Write a rule, as keep-daily: 7.' })
  const { minCount = 0, maxCount = 0 } = policy
  if (maxCount > 0 && minCount > maxCount)
    throw new SnapError('USAGE', `min-count ${minCount} is more than max-count ${maxCount}`)
  return policy
}

const numberOf = (count: RawCount): number => (count === 'unlimited' ? Number.POSITIVE_INFINITY : count)
