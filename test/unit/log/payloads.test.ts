import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOG_KINDS } from '../../../src/log/entry.ts'
import { decodePayload, encodePayload, type LogPayload } from '../../../src/log/payloads.ts'
import { indexId, packId, seriesId, snapshotId } from '../../../src/model/ids.ts'
import {
  codeOf,
  commit,
  grant,
  index,
  pack,
  ROOT,
  reader,
  series,
  snapshot,
  stranger,
} from './log-samples.ts'

const HEX = (number: number) => number.toString(16).padStart(32, '0')
const hexOf = (payload: LogPayload) => Buffer.from(encodePayload(payload)).toString('hex')

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const time = fc.integer({ min: -(2 ** 50), max: 2 ** 50 })
const packs = fc.array(id.map(packId), { maxLength: 5 })
const references = fc.array(fc.record({ id: id.map(indexId), hash }), { maxLength: 3 })
const snapshots = fc.array(id.map(snapshotId), { maxLength: 5 })
const PAYLOADS: fc.Arbitrary<LogPayload> = fc.oneof(
  fc.record({
    kind: fc.constant('commit' as const),
    snapshot: id.map(snapshotId),
    series: id.map(seriesId),
    headRead: fc.integer({ min: -1 }),
    timeMs: time,
    root: fc.constantFrom(ROOT, Uint8Array.of(0, 0), Uint8Array.of(4, 1, 1)),
    indexes: references,
    details: fc.uint8Array(),
  }),
  fc.record({ kind: fc.constantFrom(...(['forget', 'unforget', 'hold', 'unhold'] as const)), snapshots }),
  fc.record({
    kind: fc.constant('gc' as const),
    packs,
    indexes: fc.array(id.map(indexId), { maxLength: 3 }),
    newIndexes: references,
    snapshots,
  }),
  fc.record({
    kind: fc.constant('tag' as const),
    tags: fc.array(fc.record({ snapshot: id.map(snapshotId), sealed: fc.uint8Array() }), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constantFrom('quarantine' as const, 'attest' as const), packs }),
  fc.record({
    kind: fc.constant('keys' as const),
    keys: fc.array(
      fc.record({
        publicKey: hash,
        role: fc.constantFrom('revoked' as const, 'admin' as const, 'reader' as const, 'writer' as const),
        name: fc.string({ unit: 'grapheme', maxLength: 40 }),
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({ kind: fc.constant('note' as const), sealed: fc.uint8Array() }),
  fc.record({ kind: fc.constant('checkpoint' as const), state: fc.uint8Array() }),
)

describe('the payloads', () => {
  it('have the bytes of the format', () => {
    expect(hexOf(commit(5, { headRead: -1, timeMs: 1 }))).toBe(
      `${HEX(5)}${HEX(7)}ffffffffffffffff${'0100000000000000'}002101${'09'.repeat(32)}01${HEX(5)}${'05'.repeat(32)}03010203`,
    )
    expect(hexOf({ kind: 'forget', snapshots: [snapshot(1), snapshot(2)] })).toBe(`02${HEX(1)}${HEX(2)}`)
    expect(hexOf({ kind: 'attest', packs: [pack(3)] })).toBe(`01${HEX(3)}`)
    const gc: LogPayload = {
      kind: 'gc',
      packs: [pack(1)],
      indexes: [index(2).id],
      newIndexes: [index(3)],
      snapshots: [snapshot(4)],
    }
    expect(hexOf(gc)).toBe(`01${HEX(1)}01${HEX(2)}01${HEX(3)}${'03'.repeat(32)}01${HEX(4)}`)
    expect(hexOf({ kind: 'hold', snapshots: [snapshot(1)] })).toBe(`01${HEX(1)}`)
    expect(hexOf({ kind: 'tag', tags: [{ snapshot: snapshot(1), sealed: Uint8Array.of(8, 9) }] })).toBe(
      `01${HEX(1)}020809`,
    )
    const keys = [grant(reader, 'reader', 'é'), grant(stranger, 'revoked', ''), grant(stranger, 'writer', '')]
    expect(hexOf({ kind: 'keys', keys })).toBe(
      `03${reader.hex}0202c3a9${stranger.hex}0000${stranger.hex}0300`,
    )
    expect(hexOf({ kind: 'note', sealed: Uint8Array.of(8, 9) })).toBe('020809')
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(PAYLOADS, (payload) => {
        expect(decodePayload(payload.kind, encodePayload(payload), 'x')).toEqual(payload)
      }),
      { numRuns: 500 },
    )
  })

  it('hold no view of what they were decoded from', () => {
    const bytes = encodePayload(commit(5))
    const payload = decodePayload('commit', bytes, 'x')
    bytes.fill(0)
    expect(payload).toEqual(commit(5))
  })

  it('decode from hostile bytes to a value or a SnapError, and to one spelling only', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LOG_KINDS),
        PAYLOADS,
        fc.nat(),
        fc.nat(255),
        (kind, payload, at, value) => {
          const bytes = encodePayload(payload)
          if (bytes.length > 0) bytes[at % bytes.length] = value
          const code = codeOf(() => {
            const decoded = decodePayload(kind, bytes, 'x')
            expect(Buffer.from(encodePayload(decoded))).toEqual(Buffer.from(bytes))
          })
          expect([undefined, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED']).toContain(code)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('are refused with bytes too many or too few', () => {
    for (const payload of [commit(1), { kind: 'forget', snapshots: [snapshot(1)] } satisfies LogPayload]) {
      const bytes = encodePayload(payload)
      expect(codeOf(() => decodePayload(payload.kind, new Uint8Array([...bytes, 0]), 'x'))).toBe(
        'OBJECT_DAMAGED',
      )
      for (let length = 0; length < bytes.length; length++) {
        expect(codeOf(() => decodePayload(payload.kind, bytes.subarray(0, length), 'x'))).toBe(
          'OBJECT_DAMAGED',
        )
      }
    }
  })

  it('are refused with an unknown role or too many levels of a root', () => {
    const keys = encodePayload({ kind: 'keys', keys: [grant(reader, 'reader', '')] })
    keys[33] = 4
    expect(codeOf(() => decodePayload('keys', keys, 'x'))).toBe('OBJECT_DAMAGED')
    const bytes = encodePayload(commit(1, { series: series(1), root: Uint8Array.of(5, 0) }))
    expect(codeOf(() => decodePayload('commit', bytes, 'x'))).toBe('LIMIT_EXCEEDED')
  })
})
