/** Why a connection failed, in our own words: the system's may repeat addresses and headers, which may be secret. */
import { codeInWords } from '../../filesystem/system-error.ts'

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'cannot be found: there is no such host',
  EAI_AGAIN: 'cannot be found: its name is not looked up at the moment',
  UND_ERR_SOCKET: 'closed the connection without an answer',
  UND_ERR_CONNECT_TIMEOUT: 'did not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'did not answer in time',
  ECONNRESET: 'closed the connection without an answer',
  EPIPE: 'closed the connection without an answer',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate of another name',
}
/** How Node calls what is wrong with a chain of certificates. */
const UNTRUSTED = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_)/
const CODE = /^[A-Z][A-Z0-9_]*$/

/** What follows the name of a server in a sentence. Of what is not known no more is said than its code. */
export function connectionFailure(error: unknown): string {
  const code = codeOf(error)
  if (code === undefined) return 'cannot be asked'
  const words = WORDS[code]
  if (words !== undefined) return words
  if (UNTRUSTED.test(code)) return `has a certificate that is not trusted (${code})`
  const system = codeInWords(code)
  return `cannot be reached: ${system === code ? code : system}`
}

/** That of the innermost cause which has one. */
function codeOf(error: unknown): string | undefined {
  let code: string | undefined
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const own = 'originalCode' in at ? at.originalCode : 'code' in at ? at.code : undefined
    if (typeof own === 'string' && CODE.test(own)) code = own
  }
  return code
}
