/**
 * Whom to tell what: conditions that are new, that last, and that have gone, by channel. Pure: a plan is a value, and what became of
 * its deliveries is remembered by `remember`.
 */
import type { AlertMemory, FailingChannel, RememberedCondition, Told } from './alert-memory.ts'
import { type Condition, type ConditionKind, SEVERITIES, type Severity } from './condition.ts'

/** What a channel wants to hear. */
export type ChannelRule = {
  readonly name: string
  /** `undefined`: everything. */
  readonly on: readonly ConditionKind[] | undefined
  /** After how long it is told again of what lasts; `undefined`: never. ms */
  readonly repeatMs: number | undefined
}

/** Names of channels by job; a job that is not there goes to all. */
export type Audience = ReadonlyMap<string, readonly string[]>

export type AlertRequest = {
  /** All that there are: what is not among them is over. */
  readonly conditions: readonly Condition[]
  readonly memory: AlertMemory
  readonly channels: readonly ChannelRule[]
  readonly audience: Audience
  /** Whether anybody would know if there was such a condition: not of a job that is in the configuration no more. */
  readonly isWatched: (condition: Condition) => boolean
  /** ms */
  readonly now: number
}

export type Alert = {
  /** `dropped`: it is not looked for any more. */
  readonly event: 'raised' | 'repeated' | 'cleared' | 'dropped'
  readonly condition: Condition
  /** ms */
  readonly since: number
  /** Of one that is over. ms */
  readonly until: number | undefined
}

export type Delivery = { readonly channel: string; readonly alert: Alert }

export type AlertPlan = {
  /** What is known before anything is delivered. */
  readonly memory: AlertMemory
  readonly deliveries: readonly Delivery[]
}

/** `error`: why it was not delivered. */
export type Outcome = Delivery & { readonly error: string | undefined }

/**
 * A channel is told when a condition begins, again when it becomes worse and each time that its `repeat` has passed, and once when it is over.
 * What could not be delivered is due again in the next plan. A channel that failed, and has something due, is a condition itself: the others are told.
 */
export function planAlerts(request: AlertRequest): AlertPlan {
  const { memory, channels, now } = request
  const names = new Set(channels.map(({ name }) => name))
  const known = memory.conditions.map((each) => ({
    ...each,
    told: each.told.filter(({ channel }) => names.has(channel)),
  }))
  const own = known.filter(({ condition }) => condition.kind === 'undelivered')
  const others = known.filter(({ condition }) => condition.kind !== 'undelivered')
  const lasting = followed(others, request.conditions, now)
  const due = deliveriesOf(lasting, request)
  const waiting = new Set(due.map(({ channel }) => channel))
  const failing = memory.failing.filter(({ channel }) => waiting.has(channel))
  const undelivered = followed(own, failing.map(undeliveredTo), now)
  return {
    memory: { conditions: [...lasting, ...undelivered], failing },
    deliveries: [...due, ...deliveriesOf(undelivered, request)],
  }
}

/** What is remembered of `before` with what there is at `now`. What is over, and nobody was told of, is forgotten. */
function followed(
  before: readonly RememberedCondition[],
  conditions: readonly Condition[],
  now: number,
): RememberedCondition[] {
  const present = new Map(conditions.map((condition) => [condition.key, condition]))
  const gone = before
    .filter(({ condition, told }) => !present.has(condition.key) && told.length > 0)
    .map((each) => ({ ...each, until: each.until ?? now }))
  const known = new Map(before.map((each) => [each.condition.key, each]))
  return [
    ...gone,
    ...[...present.values()].map((condition) => {
      const { since, until, told } = known.get(condition.key) ?? { since: now, told: [] }
      return { condition, since: until === undefined ? since : now, told }
    }),
  ]
}

function undeliveredTo({ channel, error }: FailingChannel): Condition {
  return {
    key: `undelivered:${channel}`,
    kind: 'undelivered',
    severity: 'warning',
    title: `channel ${channel} cannot be told`,
    text: error,
    hint: `Mend it, and try it with \`snap notify test ${channel}\`.`,
  }
}

function deliveriesOf(
  remembered: readonly RememberedCondition[],
  { channels, audience, isWatched, now }: AlertRequest,
): Delivery[] {
  return remembered.flatMap(({ condition, since, until, told }) =>
    channels.flatMap((channel): Delivery[] => {
      const last = told.find((each) => each.channel === channel.name)
      const deliver = (event: Alert['event']): Delivery[] => [
        { channel: channel.name, alert: { event, condition, since, until } },
      ]
      if (until !== undefined)
        return last === undefined ? [] : deliver(isWatched(condition) ? 'cleared' : 'dropped')
      if (!hears(channel, condition, audience)) return []
      if (last?.since !== since || isWorse(condition.severity, last.severity)) return deliver('raised')
      return isDueAgain(last, channel, now) ? deliver('repeated') : []
    }),
  )
}

function hears({ name, on }: ChannelRule, { key, kind, job }: Condition, audience: Audience): boolean {
  if (key === `undelivered:${name}` || on?.includes(kind) === false) return false
  return job === undefined || audience.get(job)?.includes(name) !== false
}

const isWorse = (a: Severity, b: Severity): boolean => SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b)

/** A clock that was put back must not silence anybody. */
function isDueAgain({ at }: Told, { repeatMs }: ChannelRule, now: number): boolean {
  return repeatMs !== undefined && (now < at || now - at >= repeatMs)
}

/** `memory` of a plan, with what became of its deliveries, or of some of them. */
export function remember(memory: AlertMemory, outcomes: readonly Outcome[], now: number): AlertMemory {
  const told = outcomes.filter(({ error }) => error === undefined)
  const tried = new Set(outcomes.map(({ channel }) => channel))
  const errors = new Map(
    outcomes.flatMap(({ channel, error }) => (error === undefined ? [] : [[channel, error]])),
  )
  const sinceOf = (name: string): number =>
    memory.failing.find(({ channel }) => channel === name)?.since ?? now
  return {
    conditions: memory.conditions
      .map((each) => ({ ...each, told: toldOf(each, told, now) }))
      .filter(({ until, told }) => until === undefined || told.length > 0),
    failing: [
      ...memory.failing.filter(({ channel }) => !tried.has(channel)),
      ...[...errors].map(([channel, error]) => ({ channel, since: sinceOf(channel), error })),
    ],
  }
}

/** Who knows of it. */
function toldOf(
  { condition, since, told }: RememberedCondition,
  delivered: readonly Delivery[],
  now: number,
): Told[] {
  const own = delivered.filter(({ alert }) => alert.condition.key === condition.key)
  const others = told.filter(({ channel }) => !own.some((each) => each.channel === channel))
  const again = own
    .filter(({ alert }) => alert.event !== 'cleared' && alert.event !== 'dropped')
    .map(({ channel, alert }) => ({ channel, since, at: now, severity: alert.condition.severity }))
  return [...others, ...again]
}
