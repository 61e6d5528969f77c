/** Repositories as a configuration has them. */
import type { RepositoryConfig, SecretConfig } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawRepository } from './schema/repository.ts'
import type { ConfigPath } from './yaml-text.ts'

const SECRETS = ['key-file', 'password', 'password-command']

export function readRepository(reader: ConfigReader, name: string, raw: RawRepository): RepositoryConfig {
  const path: ConfigPath = ['repositories', name]
  const given = SECRETS.filter((key) => key in raw)
  if (given.length > 1) reader.problem(path, `expected one of ${given.join(', ')}, not several`)
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(raw.path))
    reader.problem([...path, 'path'], 'expected a directory; addresses are not supported')
  const cache = raw['cache-dir']
  return {
    name,
    path: reader.absolute(raw.path),
    secret: readSecret(reader, path, raw),
    cacheDirectory: cache === undefined ? undefined : reader.absolute(cache),
  }
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
