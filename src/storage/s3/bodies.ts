/** Bodies of answers, taken in whole and never beyond what was expected. */
import type { IncomingMessage } from 'node:http'
import { SnapError } from '../../model/errors.ts'
import { Unanswered } from './connections.ts'

/** Exactly `bytes` bytes, in a buffer of their own; `Unanswered` where the body has fewer or more. */
export async function readBytes(message: IncomingMessage, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const into = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
  let at = 0
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    if (at + chunk.length > bytes) throw new Unanswered('the answer has more bytes than it says')
    into.set(chunk, at)
    at += chunk.length
  }
  if (at !== bytes) throw new Unanswered(`the answer ended after ${at} of ${bytes} bytes`)
  return into
}

/** A text of `bytesMax` bytes at most. */
export async function readText(message: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new SnapError('STORAGE_FAILED', `an answer has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A body that nobody needs, so that the connection can be used again. */
export async function discard(message: IncomingMessage): Promise<void> {
  await readText(message, DISCARDED_BYTES_MAX)
}

const DISCARDED_BYTES_MAX = 65_536
