import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hash } from '../../../src/crypto/blake3.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { decodeState, encodeState } from '../../../src/log/checkpoint.ts'
import { sealEntry, signEntry } from '../../../src/log/entry.ts'
import { applyEntry } from '../../../src/log/fold.ts'
import { copyState, isLive, type LogState, NO_HASH, PROBLEM_REASONS } from '../../../src/log/log-state.ts'
import { encodePayload, type LogPayload } from '../../../src/log/payloads.ts'
import type { RawEntry } from '../../../src/log/read-entry.ts'
import {
  AUTHORS,
  type Author,
  admin,
  chain,
  codeOf,
  commit,
  freshState,
  grant,
  index,
  KEYS,
  pack,
  REPOSITORY,
  rawEntry,
  reader,
  SECRETS,
  snapshot,
  stranger,
  writer,
} from './log-samples.ts'

type Written = readonly [Author, LogPayload]
const START: Written = [admin, KEYS]
const NOTE: LogPayload = { kind: 'note', sealed: Uint8Array.of(1) }

function foldRaw(entries: readonly RawEntry[], state = freshState()): LogState {
  for (const raw of entries) applyEntry(state, raw, SECRETS)
  return state
}
const fold = (...entries: readonly Written[]) => foldRaw(chain(START, ...entries))
const reasons = (state: LogState) => state.problems.map(({ number, reason }) => `${number} ${reason}`)
const live = (state: LogState) => [...state.snapshots.values()].filter(isLive).map(({ id }) => id)

const gc = (change: Partial<LogPayload & { kind: 'gc' }> = {}): LogPayload => ({
  kind: 'gc',
  packs: [pack(50)],
  indexes: [],
  newIndexes: [],
  snapshots: [],
  ...change,
})
const forget = (...numbers: number[]): LogPayload => ({ kind: 'forget', snapshots: numbers.map(snapshot) })
const unforget = (...numbers: number[]): LogPayload => ({
  kind: 'unforget',
  snapshots: numbers.map(snapshot),
})
const hold = (kind: 'hold' | 'unhold', ...numbers: number[]): LogPayload => ({
  kind,
  snapshots: numbers.map(snapshot),
})
const checkpoint = (state: LogState): LogPayload => ({ kind: 'checkpoint', state: encodeState(state) })

describe('the fold of a log', () => {
  it('begins with the keys that the first admin names', () => {
    const state = fold()
    expect([...state.keys.values()].map(({ role, name }) => [role, name])).toEqual([
      ['admin', 'admin'],
      ['writer', 'writer'],
      ['reader', 'reader'],
    ])
    expect(state.problems).toEqual([])
  })

  it('takes nothing but keys, and nobody but the first admin, at number 0', () => {
    expect(reasons(foldRaw(chain([admin, commit(1)])))).toEqual(['0 contradiction'])
    const usurped = foldRaw(
      chain([stranger, { kind: 'keys', keys: [grant(stranger, 'admin')] }], [stranger, forget(1)]),
    )
    expect(reasons(usurped)).toEqual(['0 unauthorized', '1 unauthorized'])
  })

  it('holds a committed snapshot with all that its entry says', () => {
    const state = fold([writer, commit(1)])
    const { kind: _, snapshot: id, headRead: __, ...said } = commit(1)
    expect(state.snapshots.get(snapshot(1))).toEqual({
      ...said,
      id,
      number: 1,
      author: writer.hex,
      committedMs: 1_800_000_000_001,
      tags: undefined,
      held: false,
      forgotten: undefined,
    })
  })

  it('chains by the hash of the raw bytes', () => {
    const raw = chain(START, [writer, commit(1)])
    const state = foldRaw(raw)
    expect(state.next).toBe(2)
    expect(Buffer.from(state.lastHash)).toEqual(Buffer.from(hash(raw[1]!.bytes!)))
  })

  it('trusts the index objects of admins, not those of writers', () => {
    const state = fold([writer, commit(1)], [admin, commit(2)])
    expect(state.indexes.get(index(1).id)).toMatchObject({ trusted: false, author: writer.hex, number: 1 })
    expect(state.indexes.get(index(2).id)).toMatchObject({ trusted: true, author: admin.hex, number: 2 })
  })

  it.each([
    ['commit', [admin, writer], commit(1)],
    ['forget', [admin], forget(1)],
    ['unforget', [admin], unforget()],
    ['gc', [admin], gc()],
    ['quarantine', [admin], { kind: 'quarantine', packs: [pack(1)] }],
    ['attest', [admin, reader], { kind: 'attest', packs: [pack(1)] }],
    ['keys', [admin], { kind: 'keys', keys: [grant(stranger, 'admin')] }],
    ['note', [admin, reader, writer], NOTE],
    ['checkpoint', [admin], checkpoint(foldRaw([]))],
    ['hold', [admin], hold('hold', 1)],
    ['unhold', [admin], hold('unhold', 1)],
    ['tag', [admin], { kind: 'tag', tags: [] }],
  ] as [string, Author[], LogPayload][])('lets only some write %s', (kind, allowed, payload) => {
    for (const author of AUTHORS) {
      const before = foldRaw(chain(START))
      const said = kind === 'checkpoint' ? checkpoint(before) : payload
      const state = copyState(before)
      const entry = applyEntry(state, rawEntry(1, before.lastHash, author, said), SECRETS)
      const may = allowed.includes(author)
      expect(entry.applied !== undefined, author.hex).toBe(may)
      expect(reasons(state)).toEqual(may ? [] : ['1 unauthorized'])
      if (!may) {
        const { next, lastHash, problems } = state
        expect({ ...state }).toEqual({ ...before, next, lastHash, problems })
      }
    }
  })

  it('takes nothing from a revoked key, and keeps what it wrote before', () => {
    const revoke: LogPayload = { kind: 'keys', keys: [grant(writer, 'revoked')] }
    const state = fold([writer, commit(1)], [admin, revoke], [writer, commit(2)])
    expect(live(state)).toEqual([snapshot(1)])
    expect(reasons(state)).toEqual(['3 unauthorized'])
  })

  it('forgets, and remembers when', () => {
    const state = fold([writer, commit(1)], [writer, commit(2)], [admin, forget(1, 77)], [admin, forget(1)])
    expect(live(state)).toEqual([snapshot(2)])
    expect(state.snapshots.get(snapshot(1))?.forgotten).toEqual({ number: 3, timeMs: 1_800_000_000_003 })
    expect(state.problems).toEqual([])
  })

  it('undoes a forget until the snapshot is pruned', () => {
    const undone = fold([writer, commit(1)], [admin, forget(1)], [admin, gc()], [admin, unforget(1)])
    expect(live(undone)).toEqual([snapshot(1)])
    const collect = gc({ snapshots: [snapshot(1)] })
    const late = fold([writer, commit(1)], [admin, forget(1)], [admin, collect], [admin, unforget(1)])
    expect([...late.snapshots]).toEqual([])
    expect(reasons(late)).toEqual(['4 contradiction'])
  })

  it('lets no collection take what is live, held or unknown, and lets the rest of it count', () => {
    const state = fold(
      [writer, commit(1)],
      [writer, commit(2)],
      [admin, forget(2)],
      [admin, hold('hold', 2)],
      [admin, gc({ packs: [pack(1)], snapshots: [snapshot(1), snapshot(2), snapshot(3)] })],
    )
    expect([...state.snapshots.keys()]).toEqual([snapshot(1), snapshot(2)])
    expect([...state.condemnedPacks]).toEqual([pack(1)])
    expect(reasons(state)).toEqual([])
  })

  it('forgets nothing that is held, until it is no longer', () => {
    const held = [
      [writer, commit(1)],
      [writer, commit(2)],
      [admin, hold('hold', 1, 9)],
      [admin, forget(1, 2)],
    ] as const
    expect(live(fold(...held))).toEqual([snapshot(1)])
    const state = fold(...held, [admin, hold('unhold', 1, 9)], [admin, forget(1)])
    expect(live(state)).toEqual([])
    expect(state.snapshots.get(snapshot(1))?.held).toBe(false)
    expect(reasons(state)).toEqual([])
  })

  it('has the tags that were given last', () => {
    const tag = (value: number): LogPayload => ({
      kind: 'tag',
      tags: [snapshot(1), snapshot(9)].map((id) => ({ snapshot: id, sealed: Uint8Array.of(value) })),
    })
    const state = fold([writer, commit(1)], [writer, commit(2)], [admin, tag(1)], [admin, tag(2)])
    expect([...state.snapshots.values()].map(({ tags }) => tags)).toEqual([Uint8Array.of(2), undefined])
    expect(reasons(state)).toEqual([])
  })

  it('undoes all or nothing', () => {
    const state = fold([writer, commit(1)], [admin, forget(1)], [admin, unforget(1, 2)])
    expect(live(state)).toEqual([])
    expect(reasons(state)).toEqual(['3 contradiction'])
  })

  it('keeps the first of two snapshots with one id', () => {
    const state = fold([admin, commit(1)], [writer, commit(1, { timeMs: 0, indexes: [index(9)] })])
    expect(state.snapshots.get(snapshot(1))?.timeMs).toBe(commit(1).timeMs)
    expect(state.indexes.has(index(9).id)).toBe(false)
    expect(reasons(state)).toEqual(['2 contradiction'])
  })

  it('refuses a commit that read a head which was not there yet', () => {
    expect(reasons(fold([writer, commit(1, { headRead: 1 })]))).toEqual(['1 contradiction'])
    expect(reasons(fold([writer, commit(1, { headRead: -2 })]))).toEqual(['1 contradiction'])
    expect(reasons(fold([writer, commit(1, { headRead: 0 })]))).toEqual([])
  })

  it('refuses another content under the name of a known index object, and keeps the first author of the same', () => {
    const state = fold(
      [admin, commit(1)],
      [writer, commit(2, { indexes: [index(1, 66)] })],
      [writer, commit(3, { indexes: [index(1)] })],
    )
    expect(reasons(state)).toEqual(['2 contradiction'])
    expect(state.indexes.get(index(1).id)).toMatchObject({ author: admin.hex, trusted: true, number: 1 })
    expect(live(state)).toEqual([snapshot(1), snapshot(3)])
  })

  it('condemns packs and index objects for good', () => {
    const collect = gc({ packs: [pack(1)], indexes: [index(1).id], newIndexes: [index(3)] })
    const state = fold([writer, commit(1)], [admin, collect], [writer, commit(2, { indexes: [index(1)] })])
    expect([...state.indexes.keys()]).toEqual([index(3).id])
    expect([...state.condemnedPacks]).toEqual([pack(1)])
    expect([...state.condemnedIndexes]).toEqual([index(1).id])
    expect(reasons(state)).toEqual(['3 contradiction'])
  })

  it('refuses a collection that brings in what it condemns, and then condemns nothing', () => {
    const state = fold([admin, gc({ indexes: [index(3).id], newIndexes: [index(3)] })])
    expect(state.condemnedPacks.size).toBe(0)
    expect(reasons(state)).toEqual(['1 contradiction'])
  })

  it('holds a quarantined pack for bad, whoever attests it, and neither for a condemned one', () => {
    const packs = [pack(1), pack(2), pack(3)]
    const attest: LogPayload = { kind: 'attest', packs }
    const condemned = gc({ packs: [pack(3)] })
    const state = fold(
      [reader, attest],
      [admin, { kind: 'quarantine', packs: [pack(1)] }],
      [reader, attest],
      [admin, condemned],
      [reader, attest],
    )
    expect([...state.quarantined]).toEqual([pack(1)])
    expect([...state.attested]).toEqual([pack(2)])
  })

  it('goes on after damage, and names each damaged entry', () => {
    const raw = chain(START, [writer, commit(1)], [writer, commit(2)], [writer, commit(3)])
    const bytes = raw[1]!.bytes!.slice()
    bytes[100]! ^= 1
    const state = foldRaw([raw[0]!, { number: 1, bytes }, raw[2]!, raw[3]!])
    expect(live(state)).toEqual([snapshot(2), snapshot(3)])
    expect(reasons(state)).toEqual(['1 unopened', '2 chain-broken'])
  })

  it('goes on after an entry that is gone', () => {
    const raw = chain(START, [writer, commit(1)], [writer, commit(2)])
    const state = foldRaw([raw[0]!, { number: 1, bytes: undefined }, raw[2]!])
    expect(live(state)).toEqual([snapshot(2)])
    expect(reasons(state)).toEqual(['1 unreadable'])
  })

  it('names a replaced entry by the one behind it', () => {
    const raw = chain(START, [writer, commit(1)], [writer, commit(2)])
    const replaced = rawEntry(1, hash(raw[0]!.bytes!), writer, commit(8))
    expect(reasons(foldRaw([raw[0]!, replaced, raw[2]!]))).toEqual(['2 chain-broken'])
    expect(reasons(foldRaw([rawEntry(0, new Uint8Array(32).fill(1), admin, KEYS)]))).toEqual([
      '0 chain-broken',
    ])
  })

  it('refuses a newer version and changes nothing', () => {
    const raw = chain(START, [writer, commit(1)])
    const bytes = raw[1]!.bytes!.slice()
    bytes[8] = 2
    const state = foldRaw([raw[0]!])
    const before = encodeState(state)
    expect(codeOf(() => applyEntry(state, { number: 1, bytes }, SECRETS))).toBe('REPOSITORY_TOO_NEW')
    expect(encodeState(state)).toEqual(before)
  })

  it('takes entries only in their order', () => {
    const raw = chain(START, [writer, commit(1)])
    expect(() => foldRaw([raw[1]!])).toThrow('comes next')
  })
})

const numbers = fc.integer({ min: 1, max: 4 })
const step: fc.Arbitrary<Written> = fc.tuple(
  fc.constantFrom(admin, admin, writer, reader, stranger),
  fc.oneof(
    fc.tuple(numbers, numbers).map(([a, b]) => commit(a, { indexes: [index(b)] })),
    fc.array(numbers, { maxLength: 2 }).map((ids) => forget(...ids)),
    fc.array(numbers, { maxLength: 2 }).map((ids) => unforget(...ids)),
    fc.tuple(fc.array(numbers, { maxLength: 2 }), numbers, numbers).map(([packs, old, fresh]) =>
      gc({
        packs: packs.map(pack),
        indexes: [index(old).id],
        newIndexes: [index(fresh + 1, fresh)],
        snapshots: packs.map(snapshot),
      }),
    ),
    fc
      .tuple(fc.constantFrom('hold' as const, 'unhold' as const), numbers)
      .map(([kind, number]) => hold(kind, number)),
    fc
      .tuple(numbers, fc.uint8Array({ maxLength: 3 }))
      .map(
        ([number, sealed]): LogPayload => ({ kind: 'tag', tags: [{ snapshot: snapshot(number), sealed }] }),
      ),
    fc
      .tuple(fc.constantFrom('attest' as const, 'quarantine' as const), fc.array(numbers, { maxLength: 2 }))
      .map(([kind, packs]): LogPayload => ({ kind, packs: packs.map(pack) })),
    fc
      .tuple(
        fc.constantFrom(writer, reader, stranger),
        fc.constantFrom('writer' as const, 'admin' as const, 'revoked' as const),
      )
      .map(([author, role]): LogPayload => ({ kind: 'keys', keys: [grant(author, role)] })),
    fc.constant(NOTE),
  ),
)
/** What happens to each stored entry: nothing, one changed byte, its loss, or a cut. */
const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ what: 'keep' as const, at: 0, value: 1 }) },
  fc.record({
    what: fc.constantFrom('flip' as const, 'lose' as const, 'cut' as const),
    at: fc.nat(1000),
    value: fc.integer({ min: 1, max: 255 }),
  }),
)
const suffer = (
  raw: RawEntry,
  { what, at, value }: { what: string; at: number; value: number },
): RawEntry => {
  if (what === 'keep') return raw
  if (what === 'lose') return { ...raw, bytes: undefined }
  const bytes = raw.bytes!.slice()
  if (what === 'cut') return { ...raw, bytes: bytes.subarray(0, at % bytes.length) }
  const place = at % bytes.length
  bytes[place === 8 ? 9 : place]! ^= value
  return { ...raw, bytes }
}
const LOGS = fc
  .array(fc.tuple(step, fate), { maxLength: 12 })
  .map((steps) =>
    chain(START, ...steps.map(([written]) => written)).map((raw, n) =>
      n === 0 ? raw : suffer(raw, steps[n - 1]![1]),
    ),
  )

describe('the fold of any log, valid or corrupt', () => {
  it('gives every reader the same state, never throws, and leaves the entry of each problem without effect', () => {
    fc.assert(
      fc.property(LOGS, (entries) => {
        const state = freshState()
        for (const raw of entries) {
          const before = copyState(state)
          const { applied, problems } = applyEntry(state, raw, SECRETS)
          expect(applied !== undefined).toBe(problems.every(({ reason }) => reason === 'chain-broken'))
          if (applied === undefined) {
            const { next, lastHash, problems: all } = state
            expect({ ...state }).toEqual({ ...before, next, lastHash, problems: all })
          }
        }
        expect(encodeState(foldRaw(entries))).toEqual(encodeState(state))
      }),
      { numRuns: 150 },
    )
  })

  it('takes hostile bytes under a good seal, and even under a good signature, without throwing', () => {
    const before = fold([writer, commit(1)])
    const fields = { number: 2, previous: before.lastHash, timeMs: 1 }
    fc.assert(
      fc.property(
        step,
        fc.boolean(),
        fc.nat(),
        fc.nat(255),
        fc.nat(),
        ([, payload], signed, at, value, length) => {
          const damage = (bytes: Uint8Array) => {
            const hostile = bytes.slice(0, value % 4 === 0 ? length % (bytes.length + 1) : bytes.length)
            if (hostile.length > 0) hostile[at % hostile.length] = value
            return hostile
          }
          const inline = signed ? damage(encodePayload(payload)) : encodePayload(payload)
          const body = signEntry(
            { ...fields, kind: payload.kind, payload: { inline } },
            REPOSITORY,
            admin.seed,
          )
          const bytes = sealEntry(signed ? body : damage(body), 2, SECRETS, systemRandom)
          const state = copyState(before)
          const { applied, problems } = applyEntry(state, { number: 2, bytes }, SECRETS)
          expect(applied === undefined).toBe(problems.length === 1)
          expect(state.next).toBe(3)
          if (applied !== undefined) {
            expect(Buffer.compare(encodePayload(applied.payload), inline)).toBe(0)
            expect(
              Buffer.compare(encodeState(decodeState(encodeState(state), 'x')), encodeState(state)),
            ).toBe(0)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is the same from any state in between, copied', () => {
    fc.assert(
      fc.property(LOGS, fc.nat(), (entries, cut) => {
        const at = cut % (entries.length + 1)
        const middle = foldRaw(entries.slice(0, at))
        const frozen = encodeState(middle)
        const end = foldRaw(entries.slice(at), copyState(middle))
        expect(encodeState(end)).toEqual(encodeState(foldRaw(entries)))
        expect(encodeState(middle)).toEqual(frozen)
      }),
      { numRuns: 100 },
    )
  })

  it('keeps what may be used apart from what was condemned', () => {
    fc.assert(
      fc.property(LOGS, (entries) => {
        const state = foldRaw(entries)
        for (const id of state.indexes.keys()) expect(state.condemnedIndexes.has(id)).toBe(false)
        for (const id of state.attested) {
          expect(state.condemnedPacks.has(id) || state.quarantined.has(id)).toBe(false)
        }
        for (const { reason } of state.problems) expect(PROBLEM_REASONS).toContain(reason)
        expect(state.next).toBe(entries.length)
        const last = entries.at(-1)?.bytes
        expect(Buffer.from(state.lastHash)).toEqual(Buffer.from(last === undefined ? NO_HASH : hash(last)))
      }),
      { numRuns: 100 },
    )
  })
})
