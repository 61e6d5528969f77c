/** The secrets that a configuration names, so that they can be kept out of what is written down. */
import { readSecret } from '../sources/secret-file.ts'
import type { Config, SecretText } from './config.ts'

/** In no order. Of files that cannot be read nothing is known. */
export function secretsOf({ repositories, sources, daemon }: Config): string[] {
  const texts: SecretText[] = []
  for (const { secret } of repositories.values()) {
    if (secret?.kind === 'password') texts.push({ kind: 'text', text: secret.text })
    if (secret?.kind === 'password file') texts.push({ kind: 'file', path: secret.path })
  }
  if (daemon.token !== undefined) texts.push(daemon.token)
  for (const source of sources.values())
    if (source.kind === 'postgres' && source.postgres.password !== undefined)
      texts.push(source.postgres.password)
  return [...new Set(texts.flatMap(textOf))]
}

function textOf(secret: SecretText): string[] {
  try {
    return [secret.kind === 'text' ? secret.text : readSecret(secret.path)]
  } catch {
    return []
  }
}
