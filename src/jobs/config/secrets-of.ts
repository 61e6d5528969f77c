/** The secrets that a configuration names, so that they can be kept out of what is written down. */
import { readSecret } from '../sources/secret-file.ts'
import type { Channel, Ping } from './channel.ts'
import type { Config, RepositoryConfig, SecretText } from './config.ts'

/** A shorter one would blot out half of the words that are written. */
const CHARS_MIN = 4

/** In no order. Of files that cannot be read nothing is known. */
export function secretsOf({ repositories, sources, daemon, channels, jobs }: Config): string[] {
  const named = [
    ...[...repositories.values()].flatMap(ofRepository),
    ...[...sources.values()].flatMap((source) =>
      source.kind === 'postgres' ? (source.postgres.password ?? []) : [],
    ),
    ...[...channels.values()].flatMap(ofChannel),
    ...[...jobs.values()].flatMap(({ ping }) => (ping === undefined ? [] : ofPing(ping))),
    ...(daemon.token === undefined ? [] : [daemon.token]),
  ]
  return [...new Set(named.flatMap(textOf))].filter((text) => text.length >= CHARS_MIN)
}

function ofRepository({ secret, store }: RepositoryConfig): SecretText[] {
  const keys = store.login === undefined ? [] : [store.login.secretKey]
  if (secret?.kind === 'password') return [...keys, { kind: 'text', text: secret.text }]
  return secret?.kind === 'password file' ? [...keys, { kind: 'file', path: secret.path }] : keys
}

function ofChannel({ way }: Channel): SecretText[] {
  if (way.kind === 'mail') return way.login === undefined ? [] : [way.login.password]
  return way.kind === 'webhook' ? [way.url, ...way.headers.values()] : []
}

const ofPing = (ping: Ping): SecretText[] =>
  Object.values(ping).flatMap((address) => (address === undefined ? [] : [address.url]))

function textOf(secret: SecretText): string[] {
  try {
    return [secret.kind === 'text' ? secret.text : readSecret(secret.path)]
  } catch {
    return []
  }
}
