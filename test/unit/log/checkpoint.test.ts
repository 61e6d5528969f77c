import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeState, encodeState } from '../../../src/log/checkpoint.ts'
import { applyEntry, stateFromCheckpoint } from '../../../src/log/fold.ts'
import type { LogState } from '../../../src/log/log-state.ts'
import type { LogPayload } from '../../../src/log/payloads.ts'
import type { RawEntry } from '../../../src/log/read-entry.ts'
import {
  type Author,
  admin,
  codeOf,
  commit,
  freshState,
  grant,
  index,
  KEYS,
  pack,
  rawEntry,
  reader,
  SECRETS,
  snapshot,
  stranger,
  writer,
} from './log-samples.ts'

const trusts = (author: string) => author === admin.hex
const forget = (number: number): LogPayload => ({ kind: 'forget', snapshots: [snapshot(number)] })

/** Every kind of thing that a state can hold. */
const HISTORY: readonly (readonly [Author, LogPayload])[] = [
  [admin, KEYS],
  [writer, commit(9)],
  [admin, commit(2)],
  [writer, commit(3)],
  [stranger, commit(4)],
  [admin, forget(9)],
  [reader, { kind: 'attest', packs: [pack(8), pack(7), pack(6)] }],
  [admin, { kind: 'quarantine', packs: [pack(7)] }],
  [
    admin,
    {
      kind: 'gc',
      packs: [pack(6)],
      indexes: [index(9).id],
      newIndexes: [index(1)],
      snapshots: [snapshot(9)],
    },
  ],
  [admin, { kind: 'hold', snapshots: [snapshot(2)] }],
  [admin, { kind: 'tag', tags: [{ snapshot: snapshot(3), sealed: Uint8Array.of(1, 2) }] }],
  [admin, forget(3)],
  [admin, { kind: 'keys', keys: [grant(writer, 'revoked', 'stolen')] }],
  [writer, commit(5)],
  [admin, commit(6)],
]

/** The log of `HISTORY` with a checkpoint before entry `at`, and the state after each entry. */
function logWithCheckpoint(at: number, change: (state: LogState) => Uint8Array = encodeState) {
  const state = freshState()
  const entries: RawEntry[] = []
  const add = (author: Author, payload: LogPayload) => {
    const raw = rawEntry(state.next, state.lastHash, author, payload)
    entries.push(raw)
    applyEntry(state, raw, SECRETS)
  }
  for (const [number, [author, payload]] of HISTORY.entries()) {
    if (number === at) add(admin, { kind: 'checkpoint', state: change(state) })
    add(author, payload)
  }
  return { entries, state }
}

const END = logWithCheckpoint(-1).state

describe('a checkpoint', () => {
  it('comes back with all that a state holds', () => {
    const bytes = encodeState(END)
    expect(END.problems.length).toBe(2)
    expect(
      [...END.snapshots.values()].map(({ forgotten, held, tags }) => [forgotten?.number, held, tags]),
    ).toEqual([
      [undefined, true, undefined],
      [11, false, Uint8Array.of(1, 2)],
      [undefined, false, undefined],
    ])
    expect(decodeState(bytes, 'x')).toEqual(END)
  })

  it.each(Array.from(HISTORY.keys()).slice(1))(
    'before entry %i leads to the state of the whole log',
    (at) => {
      const { entries, state } = logWithCheckpoint(at)
      const cold = stateFromCheckpoint(entries[at]!, SECRETS, trusts)
      for (const raw of entries.slice(at)) applyEntry(cold, raw, SECRETS)
      expect(encodeState(cold)).toEqual(encodeState(state))
      expect(state.problems.filter(({ reason }) => reason === 'contradiction')).toEqual([])
    },
  )

  it('that is not the state before it counts for nothing in a whole fold', () => {
    const forged = logWithCheckpoint(5, (state) => {
      const other = decodeState(encodeState(state), 'x')
      other.snapshots.clear()
      return encodeState(other)
    })
    expect(forged.state.problems).toContainEqual({ number: 5, reason: 'contradiction' })
    expect(forged.state.snapshots.size).toBe(END.snapshots.size)
  })

  it('is no start where its author is not trusted, even if it names its author an admin', () => {
    const state = freshState()
    state.keys.set(stranger.hex, grant(stranger, 'admin'))
    const forged = rawEntry(0, state.lastHash, stranger, { kind: 'checkpoint', state: encodeState(state) })
    expect(codeOf(() => stateFromCheckpoint(forged, SECRETS, trusts))).toBe('OBJECT_DAMAGED')
    expect(stateFromCheckpoint(forged, SECRETS, () => true).keys.size).toBe(2)
  })

  it('is no start where its author is no admin in it, at another place, or as another kind', () => {
    const state = logWithCheckpoint(-1).state
    const payload: LogPayload = { kind: 'checkpoint', state: encodeState(state) }
    const start = (raw: RawEntry, all = true) => codeOf(() => stateFromCheckpoint(raw, SECRETS, () => all))
    expect(start(rawEntry(state.next, state.lastHash, admin, payload))).toBeUndefined()
    expect(start(rawEntry(state.next, state.lastHash, reader, payload))).toBe('OBJECT_DAMAGED')
    expect(start(rawEntry(state.next + 1, state.lastHash, admin, payload))).toBe('OBJECT_DAMAGED')
    expect(start(rawEntry(state.next, new Uint8Array(32).fill(1), admin, payload))).toBe('OBJECT_DAMAGED')
    expect(start(rawEntry(state.next, state.lastHash, admin, KEYS))).toBe('OBJECT_DAMAGED')
    expect(start({ number: state.next, bytes: undefined })).toBe('OBJECT_DAMAGED')
  })

  it('from hostile bytes is a state with that one spelling, or a SnapError', () => {
    const bytes = encodeState(END)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
        const hostile = bytes.slice(0, value % 4 === 0 ? length : bytes.length)
        if (at < hostile.length) hostile[at] = value
        const code = codeOf(() =>
          expect(Buffer.compare(encodeState(decodeState(hostile, 'x')), hostile)).toBe(0),
        )
        expect([undefined, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED']).toContain(code)
      }),
      { numRuns: 3000 },
    )
  })

  it('has no other order, no duplicates, and no other version', () => {
    const bytes = encodeState(END)
    const ids = Buffer.concat([Buffer.from(pack(7), 'hex'), Buffer.from([1]), Buffer.from(pack(8), 'hex')])
    const at = Buffer.from(bytes).indexOf(ids)
    expect(at).toBeGreaterThan(0)
    const version = bytes.slice()
    version[0] = 2
    expect(codeOf(() => decodeState(version, 'x'))).toBe('OBJECT_DAMAGED')
    const doubled = Buffer.concat([
      bytes.subarray(0, at + 16),
      Buffer.of(2),
      ids.subarray(17),
      bytes.subarray(at + 17),
    ])
    expect(codeOf(() => decodeState(doubled, 'x'))).toBe('OBJECT_DAMAGED')
  })
})
