/**
 * Puts what was done into the log: NOTE entries, which change nothing and which only readers can open. Noting is best
 * effort: it never makes an operation fail, and never one that failed succeed.
 */
import { toHex } from '../../base/bytes.ts'
import { signaturePublicKey } from '../../crypto/signature.ts'
import { type Note, sealNote } from '../../log/details.ts'
import { isUnreadable, type LogState } from '../../log/log-state.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'

/** Snapshot ids that one note names; above that they are counted. */
export const NOTED_SNAPSHOTS_MAX = 1_000

export type NoteResult = 'ok' | 'incomplete' | 'damaged' | 'failed' | 'interrupted'

/** On which machine, by whom, with which program. */
export type Doer = {
  readonly hostname: string
  readonly username: string
  readonly program: { readonly name: string; readonly version: string }
}

/** What is known before an operation begins. */
export type Intent = {
  readonly operation: string
  readonly doer: Doer
  readonly snapshots?: readonly string[] | undefined
  readonly target?: string | undefined
  /** Which drill, and of what. */
  readonly drill?: Note | undefined
}

/** What is known when it has ended. */
export type Outcome = {
  readonly result: NoteResult
  readonly counts?: Readonly<Record<string, number>> | undefined
  readonly bytes?: number | undefined
  /** Every byte of what was looked at was checked. */
  readonly data?: boolean | undefined
  /** Snapshots of which something cannot be read. */
  readonly affected?: readonly string[] | undefined
  /** What a drill has found, in its own words. */
  readonly drill?: Note | undefined
  /** Slots that were written and removed. */
  readonly slots?: { readonly added?: string | undefined; readonly removed?: string | undefined } | undefined
}

export type NotePorts = {
  /** Told why where the note could not be written. */
  readonly notNoted: (reason: string) => void
}

/** Runs `operate` and notes how it ended; its result or error goes on to the caller. */
export async function noted<T>(
  repository: Repository,
  intent: Intent,
  ports: NotePorts,
  operate: () => Promise<T>,
  outcomeOf: (result: T) => Outcome,
): Promise<T> {
  const startedMs = repository.clock.now()
  const write = async (outcome: Outcome, error?: string): Promise<void> => {
    const durationMs = repository.clock.now() - startedMs
    const reason = await addNote(repository, noteOf(intent, outcome, durationMs, error))
    if (reason !== undefined) ports.notNoted(reason)
  }
  let result: T
  try {
    result = await operate()
  } catch (error) {
    const interrupted = hasCode(error, 'INTERRUPTED')
    const code = error instanceof SnapError ? error.code : undefined
    await write({ result: interrupted ? 'interrupted' : 'failed' }, code)
    throw error
  }
  await write(outcomeOf(result))
  return result
}

/** Appends a note. Returns why it could not; nothing that a user or a storage can cause is thrown. */
export async function addNote(repository: Repository, note: Note): Promise<string | undefined> {
  const { keys, log } = repository
  // An entry that does not count would be reported by every verification from then on.
  const role = log.state.keys.get(toHex(signaturePublicKey(keys.signingSeed)))?.role
  if (role === undefined || role === 'revoked') return 'the key in use may not write to the log'
  try {
    const sealed = sealNote(await repository.box(), keys.contentPublic, note)
    await log.append((state) => {
      refuseAfterDamage(state)
      return { kind: 'note', sealed }
    })
    return undefined
  } catch (error) {
    if (error instanceof SnapError) return error.message
    throw error
  }
}

/**
 * A note names the bytes of the entry before it. Where that one is damaged, the note would not fit any more once the entry
 * was brought back from a copy.
 */
function refuseAfterDamage({ next, problems }: Readonly<LogState>): void {
  const damage = problems.find(({ number, reason }) => number === next - 1 && isUnreadable(reason))
  if (damage === undefined) return
  throw new SnapError('OBJECT_DAMAGED', `the last entry of the log, ${next - 1}, is damaged`)
}

function noteOf(intent: Intent, outcome: Outcome, durationMs: number, error: string | undefined): Note {
  const { operation, doer, snapshots, target, drill } = intent
  const { result, counts, bytes, data, affected, slots } = outcome
  return {
    operation,
    result,
    error,
    snapshots: snapshots?.slice(0, NOTED_SNAPSHOTS_MAX),
    target,
    counts,
    bytes,
    data,
    affected_snapshots: affected?.slice(0, NOTED_SNAPSHOTS_MAX),
    affected_total: affected?.length,
    slot_added: slots?.added,
    slot_removed: slots?.removed,
    drill: drill === undefined ? undefined : { ...drill, ...outcome.drill },
    duration_ms: durationMs,
    host: doer.hostname,
    user: doer.username,
    program: `${doer.program.name} ${doer.program.version}`,
  }
}
