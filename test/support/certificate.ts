/** A certificate of this machine for itself, which nobody trusts who is not told to. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Certificate = {
  readonly key: string
  readonly cert: string
  /** Of the certificate. */
  readonly path: string
}

/** `directory`: where its files are made. */
export function makeCertificate(directory: string): Certificate {
  const key = join(directory, 'server.key')
  const path = join(directory, 'server.crt')
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    path,
  ]
  execFileSync(
    'openssl',
    ['req', '-x509', '-days', '2', '-subj', '/CN=localhost', '-addext', names, ...made],
    {
      stdio: 'pipe',
    },
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(path, 'utf8'), path }
}
