/** Repositories as a configuration has them. */
import { isS3Address, parseS3Address, s3Place } from '../../storage/s3/address.ts'
import type { RepositoryConfig, SecretConfig, StoreConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawRepository } from './schema/repository.ts'
import type { ConfigPath } from './yaml-text.ts'

const SECRETS = ['key-file', 'password', 'password-command']
const STORE = ['access-key', 'secret-key', 'region']

export function readRepository(reader: ConfigReader, name: string, raw: RawRepository): RepositoryConfig {
  const path: ConfigPath = ['repositories', name]
  const given = SECRETS.filter((key) => key in raw)
  if (given.length > 1) reader.problem(path, `expected one of ${given.join(', ')}, not several`)
  const cache = raw['cache-dir']
  return {
    name,
    path: readPlace(reader, [...path, 'path'], raw),
    secret: readSecret(reader, path, raw),
    store: readStore(reader, path, raw),
    cacheDirectory: cache === undefined ? undefined : reader.absolute(cache),
  }
}

function readPlace(reader: ConfigReader, path: ConfigPath, raw: RawRepository): string {
  if (isS3Address(raw.path)) {
    const checked = (): string => {
      // Where no region is said, the environment may know it later.
      if (raw.region !== undefined) parseS3Address(raw.path, raw.region)
      return s3Place(raw.path)
    }
    return reader.parsed(path, checked) ?? raw.path
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(raw.path))
    reader.problem(path, 'expected a directory, or an address that begins with s3:')
  return reader.absolute(raw.path)
}

function readStore(reader: ConfigReader, path: ConfigPath, raw: RawRepository): StoreConfig {
  const given = STORE.filter((key) => key in raw)
  const [first] = given
  if (first !== undefined && !isS3Address(raw.path))
    reader.problem([...path, first], 'expected a path that begins with s3:, for which this is')
  const { 'access-key': accessKey, 'secret-key': secretKey, region } = raw
  if ((accessKey === undefined) !== (secretKey === undefined))
    reader.problem(path, 'expected both of access-key, secret-key, or none')
  const login =
    accessKey === undefined || secretKey === undefined
      ? undefined
      : { accessKey, secretKey: reader.secret([...path, 'secret-key'], secretKey) }
  return { login, region }
}

function readSecret(reader: ConfigReader, path: ConfigPath, raw: RawRepository): SecretConfig | undefined {
  if (raw['key-file'] !== undefined) return { kind: 'key file', path: reader.absolute(raw['key-file']) }
  if (raw['password-command'] !== undefined)
    return { kind: 'password command', command: raw['password-command'] }
  if (raw.password === undefined) return undefined
  const password = reader.secret([...path, 'password'], raw.password)
  return password.kind === 'file'
    ? { kind: 'password file', path: password.path }
    : { kind: 'password', text: password.text }
}
