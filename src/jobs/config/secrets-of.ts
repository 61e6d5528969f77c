/** The secrets that a configuration names, so that they can be kept out of what is written down. */
import { readSecret } from '../sources/secret-file.ts'
import type { Channel, Ping } from './channel.ts'
import type { Config, SecretConfig, SecretText } from './config.ts'

/** A shorter one would blot out half of the words that are written. */
const CHARS_MIN = 4

/** In no order, with the parts of addresses and headers that are secret by themselves. Of files that cannot be read nothing is known. */
export function secretsOf({ repositories, sources, daemon, channels, jobs, drills }: Config): string[] {
  const plain = [
    ...[...repositories.values()].flatMap(({ secret }) => ofRepository(secret)),
    ...[...sources.values()].flatMap((source) =>
      source.kind === 'postgres' ? (source.postgres.password ?? []) : [],
    ),
    ...(daemon.token === undefined ? [] : [daemon.token]),
  ].flatMap(textOf)
  const sent = [
    ...[...drills.values()].flatMap(({ databases }) =>
      databases.kind === 'server' ? [databases.address] : [],
    ),
    ...[...channels.values()].flatMap(ofChannel),
    ...[...jobs.values()].flatMap(({ ping }) => (ping === undefined ? [] : ofPing(ping))),
  ].flatMap(textOf)
  const all = [...plain, ...sent, ...sent.flatMap(partsOf)]
  return [...new Set(all)].filter((text) => text.length >= CHARS_MIN)
}

/** Letters with digits or capitals among them, or many: no word that stands elsewhere. */
const TOKEN = /^(?=.*[0-9A-Z]).{8,}$|^.{20,}$/s

/** Who repeats what was sent may repeat the token in it alone, as the path of an address or what stands behind `Bearer`. */
function partsOf(text: string): string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') return text.split(/\s+/).filter((word) => TOKEN.test(word))
  const login = [url.username, url.password].map((part) => decoded(part))
  const path = url.pathname.split('/').flatMap((part) => [part, decoded(part)])
  const query = [...url.searchParams.values()]
  return [url.href, ...[...login, ...path, ...query].filter((part) => TOKEN.test(part) || part === login[1])]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function ofRepository(secret: SecretConfig | undefined): SecretText[] {
  if (secret?.kind === 'password') return [{ kind: 'text', text: secret.text }]
  return secret?.kind === 'password file' ? [{ kind: 'file', path: secret.path }] : []
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
