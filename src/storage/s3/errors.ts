/** What goes wrong between us and an S3 store, in words: what happened and what to do. Secrets are in none of them. */
import { codeInWords } from '../../filesystem/system-error.ts'
import { hasCode, messageOf, SnapError } from '../../model/errors.ts'
import type { S3Complaint } from './answers.ts'

/** Why a request came to nothing, below the `SnapError` that tells people. */
export class S3Failure extends Error {
  override readonly name = 'S3Failure'
  /** The same request may go through later. */
  readonly passes: boolean
  readonly status: number | undefined
  /** The store's name for it. */
  readonly code: string

  constructor(
    message: string,
    details: { passes: boolean; status?: number; code?: string; cause?: unknown },
  ) {
    super(message, { cause: details.cause })
    this.passes = details.passes
    this.status = details.status
    this.code = details.code ?? ''
  }
}

const failureIn = (error: unknown): S3Failure | undefined =>
  error instanceof SnapError && error.cause instanceof S3Failure ? error.cause : undefined

/** Whether another try may come to more. */
export function mayPass(error: unknown): boolean {
  return hasCode(error, 'STORAGE_FAILED') && failureIn(error)?.passes === true
}

export const codeIn = (error: unknown): string => failureIn(error)?.code ?? ''
export const statusIn = (error: unknown): number | undefined => failureIn(error)?.status

/** Whether the store says that there is no object of that name; answers to HEAD have no more than their status. */
export function isNoObject(error: unknown): boolean {
  return statusIn(error) === 404 && NO_OBJECT.has(codeIn(error))
}

/** `S3Failure` in words of ours. */
export function failed(action: string, why: string, passes: boolean): SnapError {
  const text = `cannot ${action}: ${why}`
  return new SnapError('STORAGE_FAILED', text, { cause: new S3Failure(why, { passes }) })
}

const NO_OBJECT = new Set(['NoSuchKey', 'NotFound'])
const FULL = new Set([
  'QuotaExceeded',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
  'InsufficientCapacity',
  'StorageQuotaExceeded',
])
const PASSES = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'XAmzContentSHA256Mismatch',
])
const PASSING_STATUSES = new Set([408, 409, 425, 429, 500, 502, 503, 504])

export type S3Place = { readonly bucket: string; readonly description: string }

/** Of an answer that is neither what was asked for nor one that the caller understands. */
export function answerError(action: string, status: number, said: S3Complaint, place: S3Place): SnapError {
  const { code, message } = said
  const words = [`${status}`, code, message].filter((word) => word !== '').join(' ')
  const isFull = FULL.has(code) || status === 507
  const passes = !isFull && (PASSES.has(code) || PASSING_STATUSES.has(status))
  const cause = new S3Failure(words, { passes, status, code })
  const text = `cannot ${action} in ${place.description}`
  if (isFull) {
    return new SnapError('REPOSITORY_FULL', `${text}: the quota is used up (${words})`, {
      hint: 'Earlier snapshots are unharmed. Free space there or raise the limit, then run the command again.',
      cause,
    })
  }
  const hint = hintFor(status, said, place)
  return new SnapError('STORAGE_FAILED', `${text}: the store answered ${words}`, {
    ...(hint && { hint }),
    cause,
  })
}

function hintFor(status: number, { code, region }: S3Complaint, { bucket }: S3Place): string | undefined {
  switch (code) {
    case 'InvalidAccessKeyId':
      return 'The store does not know this access key: check AWS_ACCESS_KEY_ID, or access-key in snap.yaml.'
    case 'SignatureDoesNotMatch':
      return 'The secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY, or secret-key in snap.yaml.'
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return 'The session has ended: get new credentials.'
    case 'RequestTimeTooSkewed':
      return 'Set the clock of this machine.'
    case 'NoSuchBucket':
      return `Make the bucket ${bucket} first, or check its name.`
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException':
      return `The bucket is in another region${region === undefined ? '' : `, ${region}`}: set AWS_REGION, or region in snap.yaml.`
  }
  if (status === 301 || status === 307)
    return 'Check the host and the region of the address: the bucket is elsewhere.'
  if (status === 401 || status === 403)
    return `The key needs permission to list the bucket ${bucket}, and to get, put and delete its objects.`
  if (status === 404 || status === 405) return 'Check the address: is an S3 store there?'
  return undefined
}

/** `wasHeard`: the store has answered before, so the address is right. */
export function connectionError(
  action: string,
  error: unknown,
  wasHeard: boolean,
  place: S3Place,
): SnapError {
  const system = codeOf(error)
  const why = wordsFor(system) ?? messageOf(error)
  const isTls = isCertificate(system)
  const passes = !isTls && (wasHeard || !WRONG_ADDRESS.has(system))
  const text = `cannot ${action} in ${place.description}: ${why}`
  const cause = new S3Failure(why, { passes, code: system, cause: error })
  return new SnapError('STORAGE_FAILED', text, { hint: connectionHint(system, isTls), cause })
}

/** TLS and HTTP have codes of their own beside the system's. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function wordsFor(code: string): string | undefined {
  if (code === 'ENOTFOUND') return 'there is no host of that name'
  if (code === 'EAI_AGAIN') return 'the name of the host cannot be looked up'
  return /^E[A-Z]/.test(code) ? codeInWords(code) : undefined
}

const WRONG_ADDRESS = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPROTO',
  'EINVAL',
])

const isCertificate = (code: string): boolean => /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)

function connectionHint(code: string, isTls: boolean): string {
  if (isTls)
    return 'Check the host name. The certificate of an authority of your own goes into a file that NODE_EXTRA_CA_CERTS names.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Check the host name and the network.'
  if (code === 'ECONNREFUSED') return 'Check the host and the port: does the store run?'
  if (code === 'EPROTO')
    return 'Does the store speak TLS at that port? Without it, the address begins with http:.'
  return 'Check the network and the store, then run the command again: it goes on where it ended.'
}
