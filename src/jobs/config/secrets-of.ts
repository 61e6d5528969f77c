/** The secrets that a configuration names, so that they can be kept out of what is written down. */
import { readSecret } from '../sources/secret-file.ts'
import type { Channel, Ping } from './channel.ts'
import {
  type Config,
  HOOK_MOMENTS,
  type Hooks,
  type RepositoryConfig,
  type SecretText,
  type SourceConfig,
} from './config.ts'

/** A shorter one would blot out half of the words that are written. */
const CHARS_MIN = 4

/** In no order, with the parts of addresses and headers that are secret by themselves. Of files that cannot be read nothing is known. */
export function secretsOf({ repositories, sources, daemon, channels, jobs, drills }: Config): string[] {
  const plain = [
    ...[...repositories.values()].flatMap(ofRepository),
    ...[...sources.values()].flatMap(ofSource),
    ...[...sources.values(), ...jobs.values()].flatMap(({ hooks }) => ofHooks(hooks)),
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

/** What stands in addresses that hold nothing secret. */
const WORD = /^[a-z._-]{0,19}$/
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

/** Whether something in an address may be a secret by itself: all but plain words in its path. `true` for what is no address. */
export function holdsToken(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') return true
  const { username, password, search, hash, pathname } = url
  const isOpen = username + password + search + hash === ''
  return !isOpen || pathname.split('/').some((part) => !WORD.test(part))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function ofRepository({ secret, store }: RepositoryConfig): SecretText[] {
  const keys = store.login === undefined ? [] : [store.login.secretKey]
  if (secret?.kind === 'password') return [...keys, { kind: 'text', text: secret.text }]
  return secret?.kind === 'password file' ? [...keys, { kind: 'file', path: secret.path }] : keys
}

function ofSource(source: SourceConfig): SecretText[] {
  switch (source.kind) {
    case 'postgres':
      return source.postgres.password === undefined ? [] : [source.postgres.password]
    case 'postgres-cluster':
      return source.server.password === undefined ? [] : [source.server.password]
    case 'command':
      return ofVariables(source.env)
    case 'files':
    case 'sqlite':
      return []
  }
}

const ofHooks = (hooks: Hooks): SecretText[] =>
  HOOK_MOMENTS.flatMap((moment) => hooks[moment].flatMap(({ env }) => ofVariables(env)))

/** Variables whose names say that they are secret, as MYSQL_PWD and API_TOKEN. */
const SECRET_NAME = /pass|_pwd$|secret|token|credential|(?:api|access|private|account)_?key$/i
/** What names a secret and is none. */
const PLACE_NAME = /(?:file|path|dir|command|url|host|user|id)$/i

function ofVariables(variables: Readonly<Record<string, string>>): SecretText[] {
  return Object.entries(variables).flatMap(([name, text]) =>
    SECRET_NAME.test(name) && !PLACE_NAME.test(name) ? [{ kind: 'text' as const, text }] : [],
  )
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
