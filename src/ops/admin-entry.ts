/**
 * Adds log entries that only an admin may write. What the entry says is asked anew after every slot that is lost to
 * others, so it is decided on what the log holds right before it. Knows no kind of entry.
 */
import { toHex } from '../base/bytes.ts'
import { signaturePublicKey } from '../crypto/signature.ts'
import type { AppliedEntry } from '../log/fold.ts'
import type { LogState } from '../log/log-state.ts'
import type { LogPayload } from '../log/payloads.ts'
import { SnapError } from '../model/errors.ts'
import type { Repository } from '../repository/repository.ts'

/** `KEY_WRONG` where the key in use is no admin's, or none any more. `what`: `forget snapshots`. */
export function requireAdmin(repository: Repository, what: string): void {
  const { keys, log } = repository
  const granted = log.state.keys.get(toHex(signaturePublicKey(keys.signingSeed)))?.role
  const role = granted === 'admin' ? keys.role : granted
  if (role === 'admin') return
  const who =
    role === 'reader' || role === 'writer' ? `a ${role}` : 'a key that was revoked or never admitted'
  throw new SnapError('KEY_WRONG', `${who} cannot ${what}`, { hint: 'Use the key of an admin.' })
}

const NOTHING: unique symbol = Symbol('nothing to add')

/**
 * Durable when it returns; `undefined` where `draft` found nothing to say, and nothing was written. `draft` may throw where
 * what the log holds by now forbids the entry. `KEY_WRONG` as `requireAdmin`, before anything is written.
 */
export async function appendAsAdmin(
  repository: Repository,
  what: string,
  draft: (state: Readonly<LogState>) => LogPayload | undefined,
): Promise<AppliedEntry | undefined> {
  try {
    return await repository.log.append((state) => {
      requireAdmin(repository, what)
      const payload = draft(state)
      if (payload === undefined) throw NOTHING
      return payload
    })
  } catch (error) {
    if (error === NOTHING) return undefined
    throw error
  }
}
