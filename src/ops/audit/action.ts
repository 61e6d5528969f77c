/** What one log entry did, as data: its payload with what is sealed in it opened, where the key in use can. */
import { unreachable } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import type { Box } from '../../crypto/box.ts'
import {
  type ContentKeys,
  type Note,
  openDetails,
  openNote,
  openTags,
  type SnapshotDetails,
} from '../../log/details.ts'
import type { AuthorKey } from '../../log/log-state.ts'
import type { KeyRole, LogPayload } from '../../log/payloads.ts'
import { hasCode } from '../../model/errors.ts'
import type { PackId, SnapshotId } from '../../model/ids.ts'

/** `undefined` in place of what is sealed and was not opened. */
export type Action =
  | {
      readonly kind: 'commit'
      readonly snapshot: SnapshotId
      /** ms since the epoch: when it was taken. */
      readonly timeMs: number
      readonly details: SnapshotDetails | undefined
    }
  | { readonly kind: 'forget' | 'unforget' | 'hold' | 'unhold'; readonly snapshots: readonly SnapshotId[] }
  | {
      readonly kind: 'gc'
      readonly packs: number
      readonly indexes: number
      readonly newIndexes: number
      readonly snapshots: readonly SnapshotId[]
    }
  | { readonly kind: 'quarantine' | 'attest'; readonly packs: readonly PackId[] }
  | {
      readonly kind: 'keys'
      readonly keys: readonly { readonly key: AuthorKey; readonly name: string; readonly role: KeyRole }[]
    }
  | { readonly kind: 'note'; readonly note: Note | undefined }
  | { readonly kind: 'checkpoint' }
  | {
      readonly kind: 'tag'
      readonly tags: readonly {
        readonly snapshot: SnapshotId
        readonly tags: readonly string[] | undefined
      }[]
    }

/** For a key that can read content. */
export type Opener = { readonly box: Box; readonly keys: ContentKeys }

/** `damaged`: something sealed in it does not open, or is nonsense, though the key in use should open it. */
export type ReadAction = { readonly action: Action; readonly damaged: boolean }

/** `opener`: absent where the key in use cannot read content. */
export function readAction(payload: LogPayload, opener: Opener | undefined): ReadAction {
  let damaged = false
  const open = <T>(how: (opener: Opener) => T): T | undefined => {
    if (opener === undefined) return undefined
    try {
      return how(opener)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) throw error
      damaged = true
      return undefined
    }
  }
  const action = actionOf(payload, open)
  return { action, damaged }
}

type Open = <T>(how: (opener: Opener) => T) => T | undefined

function actionOf(payload: LogPayload, open: Open): Action {
  switch (payload.kind) {
    case 'commit': {
      const { snapshot, timeMs, details } = payload
      return {
        kind: 'commit',
        snapshot,
        timeMs,
        details: open(({ box, keys }) => openDetails(box, keys, details)),
      }
    }
    case 'forget':
    case 'unforget':
    case 'hold':
    case 'unhold':
      return { kind: payload.kind, snapshots: payload.snapshots }
    case 'gc': {
      const { packs, indexes, newIndexes, snapshots } = payload
      return {
        kind: 'gc',
        packs: packs.length,
        indexes: indexes.length,
        newIndexes: newIndexes.length,
        snapshots,
      }
    }
    case 'quarantine':
    case 'attest':
      return { kind: payload.kind, packs: payload.packs }
    case 'keys':
      return {
        kind: 'keys',
        keys: payload.keys.map(({ publicKey, name, role }) => ({ key: toHex(publicKey), name, role })),
      }
    case 'note':
      return { kind: 'note', note: open(({ box, keys }) => openNote(box, keys, payload.sealed)) }
    case 'checkpoint':
      return { kind: 'checkpoint' }
    case 'tag':
      return {
        kind: 'tag',
        tags: payload.tags.map(({ snapshot, sealed }) => ({
          snapshot,
          tags: open(({ box, keys }) => openTags(box, keys, sealed)),
        })),
      }
    default:
      return unreachable(payload)
  }
}
