/** Channels that tell people, pings and metrics, as a configuration has them. */
import type { ConditionKind } from '../alerts/condition.ts'
import type { SecretText } from './config.ts'

export type Channel = {
  readonly name: string
  /** `undefined`: everything. */
  readonly on: readonly ConditionKind[] | undefined
  /** ms; `undefined`: never. */
  readonly repeatMs: number | undefined
  readonly way: ChannelWay
}

export type ChannelWay = MailWay | WebhookWay | CommandWay | LogWay

export type MailWay = {
  readonly kind: 'mail'
  readonly to: readonly string[]
  readonly from: string
  readonly server: {
    readonly host: string
    readonly port: number
    /** From its first byte. */
    readonly tls: boolean
  }
  readonly login: { readonly user: string; readonly password: SecretText } | undefined
  /** Of a server without TLS from the first byte. */
  readonly starttls: 'required' | 'opportunistic'
}

export type WebhookWay = {
  readonly kind: 'webhook'
  readonly url: SecretText
  readonly headers: ReadonlyMap<string, SecretText>
}

export type CommandWay = {
  readonly kind: 'command'
  readonly argv: readonly [string, ...string[]]
  readonly timeoutMs: number
}

export type LogWay = {
  readonly kind: 'log'
  /** Absolute. */
  readonly path: string
}

export const PING_MOMENTS = ['start', 'success', 'fail'] as const
export type PingMoment = (typeof PING_MOMENTS)[number]

/** Addresses that are asked when a job begins and ends. */
export type Ping = Readonly<Record<PingMoment, PingAddress | undefined>>

export type PingAddress = {
  readonly url: SecretText
  /** What comes behind its path, as `/fail`. */
  readonly suffix: string
}

export type Metrics = {
  /** Absolute, in the directory of node_exporter's textfile collector. */
  readonly textfile: string | undefined
}
