/** The options that say what to keep, and the policy that they make. */
import type { Command } from 'commander'
import { SnapError } from '../model/errors.ts'
import { PERIODS, type Period } from '../ops/forget/calendar.ts'
import {
  COUNTED,
  type Counted,
  parseCount,
  parseKeepLabel,
  type RetentionPolicy,
} from '../ops/forget/policy.ts'
import { parseSpan, type Span } from '../ops/forget/span.ts'
import { localTimeZone, wallTimeAt } from '../ops/zoned-time.ts'

export type RetentionOptions = {
  readonly keepLast?: string
  readonly keepHourly?: string
  readonly keepDaily?: string
  readonly keepWeekly?: string
  readonly keepMonthly?: string
  readonly keepYearly?: string
  readonly keepWithin?: string
  readonly keepWithinHourly?: string
  readonly keepWithinDaily?: string
  readonly keepWithinWeekly?: string
  readonly keepWithinMonthly?: string
  readonly keepWithinYearly?: string
  readonly keepTag: readonly string[]
  readonly keepLabel: readonly string[]
  readonly maxCount?: string
  readonly minCount?: string
  readonly timezone?: string
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

export function addRetentionOptions(command: Command): Command {
  return command
    .option('-l, --keep-last <n>', 'keep the last n snapshots (a number or unlimited, as all n)')
    .option('-H, --keep-hourly <n>', 'keep the last one of each of the last n hours that have one')
    .option('-d, --keep-daily <n>', 'keep the last one of each of the last n days that have one')
    .option('-w, --keep-weekly <n>', 'keep the last one of each of the last n weeks that have one')
    .option('-m, --keep-monthly <n>', 'keep the last one of each of the last n months that have one')
    .option('-y, --keep-yearly <n>', 'keep the last one of each of the last n years that have one')
    .option('--keep-within <span>', 'keep all that are newer than a span before the newest, as 1y6m14d12h')
    .option('--keep-within-hourly <span>', 'keep the last one of each hour within the span')
    .option('--keep-within-daily <span>', 'keep the last one of each day within the span')
    .option('--keep-within-weekly <span>', 'keep the last one of each week within the span')
    .option('--keep-within-monthly <span>', 'keep the last one of each month within the span')
    .option('--keep-within-yearly <span>', 'keep the last one of each year within the span')
    .option(
      '--keep-tag <tags>',
      'keep those with all of these tags (comma-separated, repeatable)',
      collect,
      [],
    )
    .option(
      '--keep-label <label=days>',
      'keep those with a label for days, as full=30d (repeatable)',
      collect,
      [],
    )
    .option('--max-count <n>', 'however many the rules keep, keep the newest n only')
    .option('--min-count <n>', 'however few the rules keep, keep the newest n')
    .option('--timezone <zone>', "whose hours, days ... count, as Europe/Berlin (the system's)")
}

/** `USAGE` for what cannot be understood or contradicts itself, an unknown zone among it. It may be empty (`isEmptyPolicy`). */
export function policyOf(options: RetentionOptions): RetentionPolicy {
  const timeZone = options.timezone ?? localTimeZone()
  wallTimeAt(0, timeZone)
  const minCount = optional(options.minCount, parseCount)
  const maxCount = optional(options.maxCount, parseCount)
  refuseCrossed(minCount ?? 0, maxCount ?? 0)
  return {
    counts: given(COUNTED, (name) => optional(options[countOption(name)], parseCount)),
    within: optional(options.keepWithin, parseSpan),
    withinPeriods: given(PERIODS, (period): Span | undefined =>
      optional(options[withinOption(period)], parseSpan),
    ),
    tags: options.keepTag.map(parseTags),
    labelDays: labelDaysOf(options.keepLabel),
    minCount,
    maxCount,
    timeZone,
  }
}

/** A most of 0 is none. */
function refuseCrossed(least: number, most: number): void {
  if (most === 0 || least <= most) return
  throw new SnapError('USAGE', `--min-count ${least} is more than --max-count ${most}`, {
    hint: 'Leave one of them out, or give a least that is no more than the most.',
  })
}

/** Some option says what to keep, or how many. */
export function hasRetentionOptions(options: RetentionOptions): boolean {
  const { keepTag, keepLabel, minCount, maxCount, keepWithin } = options
  const values = [
    ...COUNTED.map((name) => options[countOption(name)]),
    ...PERIODS.map((period) => options[withinOption(period)]),
    ...[keepWithin, minCount, maxCount],
  ]
  return keepTag.length > 0 || keepLabel.length > 0 || values.some((value) => value !== undefined)
}

/** `a,b`: both; nothing: none. */
export function parseTags(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
}

type Capital<Name extends Counted> = Capitalize<Name>
const capital = <Name extends Counted>(name: Name): Capital<Name> =>
  `${name.charAt(0).toUpperCase()}${name.slice(1)}` as Capital<Name>
const countOption = <Name extends Counted>(name: Name): `keep${Capital<Name>}` => `keep${capital(name)}`
const withinOption = <Name extends Period>(name: Name): `keepWithin${Capital<Name>}` =>
  `keepWithin${capital(name)}`

function optional<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text)
}

function given<Name extends string, T>(
  names: readonly Name[],
  said: (name: Name) => T | undefined,
): Partial<Record<Name, T>> {
  const found: Partial<Record<Name, T>> = {}
  for (const name of names) {
    const value = said(name)
    if (value !== undefined) found[name] = value
  }
  return found
}

function labelDaysOf(texts: readonly string[]): Map<string, number> {
  const days = new Map<string, number>()
  for (const text of texts) {
    const { label, days: count } = parseKeepLabel(text)
    if (days.has(label)) {
      throw new SnapError('USAGE', `--keep-label says twice how long ${JSON.stringify(label)} is kept`)
    }
    days.set(label, count)
  }
  return days
}
