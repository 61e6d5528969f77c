/** What an S3 store says in the bodies of its answers: pages of a listing, and errors. All of it is checked: a store may say anything. */
import { SnapError } from '../../model/errors.ts'
import { childText, readXml, type XmlElement } from './xml.ts'

export type ListedObject = {
  /** Whole. */
  readonly name: string
  readonly bytes: number
  /** ms since the epoch, by the store's clock. */
  readonly storedAt: number
}

export type ListPage = {
  readonly objects: readonly ListedObject[]
  /** What the next page is asked for with; `undefined`: this was the last. */
  readonly next: string | undefined
}

/** Those of stores have some hundred. */
const TOKEN_CHARS_MAX = 4_096

/** `STORAGE_FAILED` where it is no page. */
export function readListPage(text: string): ListPage {
  const page = readXml(text)
  if (page.name !== 'ListBucketResult') throw strange('a listing')
  const objects = page.children.filter(({ name }) => name === 'Contents').map(objectOf)
  const isTruncated = childText(page, 'IsTruncated')
  if (isTruncated === 'false') return { objects, next: undefined }
  const next = childText(page, 'NextContinuationToken')
  // A listing that is taken for whole and is not would hide objects.
  if (isTruncated !== 'true' || next === undefined || next === '' || next.length > TOKEN_CHARS_MAX)
    throw strange('the end of a page')
  return { objects, next }
}

function objectOf(element: XmlElement): ListedObject {
  const name = childText(element, 'Key')
  const bytes = sizeOf(childText(element, 'Size'))
  const storedAt = momentOf(childText(element, 'LastModified'))
  if (name === undefined || bytes === undefined || storedAt === undefined)
    throw strange('an object of a listing')
  return { name, bytes, storedAt }
}

/** A number of bytes as headers and listings have it. */
export function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** ms since the epoch, whole seconds: listings are finer than headers, and both are to say the same. */
export function momentOf(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isFinite(ms) ? Math.floor(ms / 1_000) * 1_000 : undefined
}

export type S3Complaint = {
  /** `NoSuchKey`, `SlowDown` ...; empty where the answer has none. */
  readonly code: string
  /** In the store's words. */
  readonly message: string
  /** Where the bucket is, if it is in another region. */
  readonly region: string | undefined
}

const SAID_CHARS_MAX = 200

/** Of an answer that is an error. One without a body that can be read says nothing. */
export function readComplaint(text: string): S3Complaint {
  let error: XmlElement
  try {
    error = readXml(text)
  } catch {
    return { code: '', message: '', region: undefined }
  }
  if (error.name !== 'Error') return { code: '', message: '', region: undefined }
  const code = childText(error, 'Code') ?? ''
  return {
    code: /^\w{1,64}$/.test(code) ? code : '',
    message: (childText(error, 'Message') ?? '').slice(0, SAID_CHARS_MAX),
    region: childText(error, 'Region')?.slice(0, SAID_CHARS_MAX),
  }
}

function strange(what: string): SnapError {
  return new SnapError('STORAGE_FAILED', `the answer of the S3 store cannot be understood: ${what}`, {
    hint: 'Check the address: is an S3 store there, or a proxy that answers for it?',
  })
}
