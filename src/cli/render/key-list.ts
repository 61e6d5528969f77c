/** Lists the slots of a repository. */

import { rfc3339OfMs } from '../../base/timestamp.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { jsonArray } from '../output/json-lines.ts'
import { renderTable } from '../output/table.ts'
import { shortId } from './snapshots.ts'

export type ListedSlot = {
  readonly id: string
  readonly kind: 'password' | 'key file'
  /** The one that opened the repository now. The other fields of a slot can be read with its own secret only. */
  readonly current: boolean
  readonly role?: string | undefined
  readonly name?: string | undefined
  /** ms since the epoch. */
  readonly created?: number | undefined
}

/** `*` marks the slot in use. */
export function renderKeyList(slots: readonly ListedSlot[], timeZone?: string): string {
  const rows = slots.map((slot) => [
    slot.current ? '*' : '',
    shortId(slot.id),
    slot.kind,
    slot.role ?? '',
    slot.name ?? '',
    slot.created === undefined ? '' : formatLocalTime(slot.created, timeZone),
  ])
  const titles = ['', 'id', 'kind', 'role', 'name', 'created'].map((title) => ({ title }))
  return renderTable(titles, rows)
}

export function renderKeyListJson(slots: readonly ListedSlot[]): string {
  return jsonArray(
    slots.map(({ created, ...slot }) => ({
      ...slot,
      ...(created === undefined ? {} : { created: rfc3339OfMs(created) }),
    })),
  )
}
