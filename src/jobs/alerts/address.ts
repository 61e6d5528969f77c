/** Addresses of webhooks and pings. They may hold a token: nothing but scheme and host of them is ever said. */
import type { SecretText } from '../config/config.ts'
import { readSecret } from '../sources/secret-file.ts'

/** Throws an `Error` that does not repeat the text. */
export function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  throw new Error('expected an address, as https://HOST/PATH')
}

/** What may be said of it. */
export const placeOf = ({ protocol, host }: URL): string => `${protocol}//${host}`

/** Throws an `Error` that names the file where there is one, and does not repeat what is in it. */
export function secretIn(secret: SecretText): string {
  return secret.kind === 'text' ? secret.text : readSecret(secret.path)
}

/** As `parseAddress`. */
export function addressIn(secret: SecretText): URL {
  if (secret.kind === 'text') return parseAddress(secret.text)
  const text = readSecret(secret.path)
  try {
    return parseAddress(text.trim())
  } catch (cause) {
    throw new Error(`${secret.path} does not hold an address, as https://HOST/PATH`, { cause })
  }
}
