/** What a channel passes on, in words and as fields for programs. It does not know how it gets there. */
import { formatDuration } from '../../base/duration.ts'
import { plainText } from './plain-text.ts'
import type { Alert } from './plan-alerts.ts'

export type Message = {
  /** One line, as `[snap] nightly failed on web1`. */
  readonly subject: string
  /** Lines, each with a newline at its end. */
  readonly text: string
  /** `docs/configuration.md` has them. */
  readonly fields: MessageFields
}

export type MessageFields = {
  readonly message_type: 'alert'
  readonly event: Alert['event'] | 'test'
  readonly key: string
  readonly kind: string
  readonly severity: string
  readonly host: string
  readonly job: string | null
  readonly repository: string | null
  readonly title: string
  readonly reason: string
  readonly hint: string | null
  readonly run: string | null
  readonly last_good: { readonly id: string; readonly time: string } | null
  readonly since: string
  readonly until: string | null
  readonly time: string
  readonly subject: string
  readonly text: string
}

export type Sender = {
  /** Of this machine. */
  readonly host: string
  /** ms */
  readonly now: number
}

const TITLE_CHARS_MAX = 160
const DROPPED =
  'nobody knows: what it is about was renamed, or is not in the configuration any more. That is not to say that all is well'
const PREFIXES: Readonly<Record<Alert['event'], string>> = {
  raised: '',
  repeated: 'still: ',
  cleared: 'over: ',
  dropped: 'not watched any more: ',
}

export function alertMessage({ event, condition, since, until }: Alert, sender: Sender): Message {
  const { now } = sender
  const host = plainText(sender.host, TITLE_CHARS_MAX)
  const { job, repository, run, lastGood, severity, kind, key } = condition
  const title = plainText(condition.title, TITLE_CHARS_MAX)
  const reason = plainText(condition.text)
  const hint = condition.hint === undefined ? undefined : plainText(condition.hint)
  const subject = `[snap] ${PREFIXES[event]}${title} on ${host}`
  const isOver = until !== undefined
  const text = linesOf([
    [isOver ? 'What it was' : 'What', reason],
    ['Since', `${moment(since)}${isOver ? '' : lasting(now - since)}`],
    ['Now', event === 'dropped' ? DROPPED : undefined],
    ['Until', isOver && event !== 'dropped' ? moment(until) + lasting(until - since) : undefined],
    ['Last good snapshot', lastGood && `${lastGood.id.slice(0, 8)} of ${moment(lastGood.time)}`],
    ['What to do', isOver ? undefined : hint],
    ['Log', isOver || run === undefined ? undefined : `snap logs ${run}`],
    ['Repository', repository],
  ])
  return {
    subject,
    text,
    fields: {
      message_type: 'alert',
      event,
      key,
      kind,
      severity,
      host,
      job: job ?? null,
      repository: repository ?? null,
      title,
      reason,
      hint: hint ?? null,
      run: run ?? null,
      last_good: lastGood === undefined ? null : { id: lastGood.id, time: iso(lastGood.time) },
      since: iso(since),
      until: until === undefined || event === 'dropped' ? null : iso(until),
      time: iso(now),
      subject,
      text,
    },
  }
}

/** That says of itself that nothing is wrong. */
export function testMessage(channel: string, { now, ...sender }: Sender): Message {
  const host = plainText(sender.host, TITLE_CHARS_MAX)
  const title = `test of channel ${channel}`
  const reason = 'nothing is wrong: somebody asked with `snap notify test` whether this channel works'
  const subject = `[snap] ${title} on ${host}`
  const text = linesOf([
    ['What', reason],
    ['When', moment(now)],
  ])
  const time = iso(now)
  return {
    subject,
    text,
    fields: {
      message_type: 'alert',
      event: 'test',
      key: `test:${channel}`,
      kind: 'test',
      severity: 'warning',
      host,
      job: null,
      repository: null,
      title,
      reason,
      hint: null,
      run: null,
      last_good: null,
      since: time,
      until: null,
      time,
      subject,
      text,
    },
  }
}

function linesOf(lines: readonly (readonly [string, string | undefined])[]): string {
  return lines.map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\n`)).join('')
}

/** Clocks that are wrong give moments that no calendar has. */
const iso = (ms: number): string => new Date(Math.min(Math.max(ms, 0), 8.64e15)).toISOString()
const moment = (ms: number): string => `${iso(ms).slice(0, 19).replace('T', ' ')} UTC`
const lasting = (ms: number): string => (ms < 60_000 ? '' : ` (${formatDuration(ms)})`)
