/** Where in which S3 store a repository lies, as people write it. It knows no credentials and asks nobody. */
import { SnapError } from '../../model/errors.ts'

export type S3Address = {
  /** As it was written, without needless slashes: the same text for the same place. No secrets. */
  readonly text: string
  readonly bucket: string
  /** For messages that name an object by its whole name: `text` without the prefix. */
  readonly bucketText: string
  /** Ends with a slash; keys of the bucket are appended to it. */
  readonly bucketUrl: string
  /** What all keys of the repository begin with: empty, or with a slash at its end. */
  readonly prefix: string
  readonly region: string
}

/** What stores that have no regions are called with. */
const REGION = 'us-east-1'
const FORMS = 's3:https://HOST/BUCKET/PREFIX, or s3:BUCKET/PREFIX for AWS'
/** Some stores take names that AWS does not. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/
const REGION_NAME = /^[a-z0-9-]{1,64}$/
const AWS_HOST = /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?$/
/** Object keys have 1,024 bytes at most, and ours need 128 of them. */
const PREFIX_BYTES_MAX = 512

/** True where the text names a place in an S3 store and not a directory. */
export const isS3Address = (text: string): boolean => /^s3:/i.test(text)

/** The address without what can be written in several ways. `USAGE` where it is none. */
export function s3Place(text: string): string {
  return split(text).text
}

/** `region`: what the user has said. `USAGE` where the text is no address, or one at AWS without a region. */
export function parseS3Address(text: string, region: string | undefined): S3Address {
  const { endpoint, bucket, prefix, text: place } = split(text)
  const bucketText = place.slice(0, place.length - prefix.length)
  const chosen = region ?? AWS_HOST.exec(endpoint?.hostname ?? '')?.[1] ?? (endpoint && REGION)
  if (chosen === undefined) {
    throw new SnapError('USAGE', `${place} is at AWS, in a region that was not named`, {
      hint: 'Set AWS_REGION, or region in snap.yaml.',
    })
  }
  if (!REGION_NAME.test(chosen)) throw new SnapError('USAGE', `"${chosen}" is not a region`)
  const bucketUrl = endpoint === undefined ? awsUrl(bucket, chosen) : `${endpoint.origin}/${bucket}/`
  return { text: place, bucket, bucketText, bucketUrl, prefix, region: chosen }
}

/** A bucket's own host name, as AWS wants it; no certificate covers one with dots. */
function awsUrl(bucket: string, region: string): string {
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
  return bucket.includes('.') ? `https://${host}/${bucket}/` : `https://${bucket}.${host}/`
}

type Parts = {
  readonly text: string
  /** `undefined`: AWS. */
  readonly endpoint: URL | undefined
  readonly bucket: string
  readonly prefix: string
}

function split(text: string): Parts {
  // Before anything repeats it; the key may have slashes.
  if (text.includes('@')) {
    throw new SnapError('USAGE', 'the address of the repository has a user or a key in it', {
      hint: 'Others can see it there. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access-key and secret-key in snap.yaml.',
    })
  }
  const place = text.slice('s3:'.length)
  const match = /^(https?:\/\/[^/]+)\/+(.*)$/i.exec(place)
  if (match === null && place.includes(':')) throw notAddress(text, `expected ${FORMS}`)
  const endpoint = match === null ? undefined : endpointOf(text, match[1] ?? '')
  const [bucket = '', ...segments] = (match?.[2] ?? place).split('/').filter((segment) => segment !== '')
  if (!BUCKET.test(bucket)) throw notAddress(text, `"${bucket}" is not the name of a bucket`)
  const prefix = segments.map((segment) => `${segment}/`).join('')
  checkPrefix(text, segments, prefix)
  const origin = endpoint === undefined ? '' : `${endpoint.origin}/`
  return {
    text: `s3:${origin}${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`,
    endpoint,
    bucket,
    prefix,
  }
}

function endpointOf(text: string, origin: string): URL {
  if (/[?#\\]/.test(origin) || !URL.canParse(origin)) throw notAddress(text, `expected ${FORMS}`)
  return new URL(origin)
}

function checkPrefix(text: string, segments: readonly string[], prefix: string): void {
  if (segments.some((segment) => segment === '.' || segment === '..'))
    throw notAddress(text, 'a prefix has no "." or ".."')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f\\?#%]/.test(prefix) || /\p{Surrogate}/u.test(prefix))
    throw notAddress(text, 'a prefix has no control characters and none of \\ ? # % @')
  if (Buffer.byteLength(prefix) > PREFIX_BYTES_MAX)
    throw notAddress(text, `a prefix has ${PREFIX_BYTES_MAX} bytes at most`)
}

function notAddress(text: string, why: string): SnapError {
  return new SnapError('USAGE', `"${text}" is not a place in an S3 store: ${why}`, {
    hint: `Write ${FORMS}.`,
  })
}
