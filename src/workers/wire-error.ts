/** Errors across threads: a `SnapError` stays one, with its code and hint. */
import { AssertionError } from '../base/assert.ts'
import { ERROR_CODES, type ErrorCode, SnapError } from '../model/errors.ts'
import type { WireError } from './tasks.ts'

export function wireError(error: unknown): WireError {
  if (error instanceof SnapError) {
    return { code: error.code, message: error.message, hint: error.hint, stack: error.stack }
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: undefined, message, hint: undefined, stack }
}

/** What has no code was a mistake of ours in the other thread, and stays one here. */
export function unwireError(wire: WireError): Error {
  const code = ERROR_CODES.find((known): known is ErrorCode => known === wire.code)
  if (code !== undefined) {
    return new SnapError(code, wire.message, wire.hint === undefined ? {} : { hint: wire.hint })
  }
  const error = new AssertionError(`in a worker thread: ${wire.message}`)
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
