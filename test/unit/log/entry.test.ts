import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import { verifySignature } from '../../../src/crypto/signature.ts'
import { decodeEntry, isSigned, LOG_KINDS, openEntry, sealEntry, signEntry } from '../../../src/log/entry.ts'
import { listId, repositoryId } from '../../../src/model/ids.ts'
import { admin, codeOf, REPOSITORY, SECRETS, writer } from './log-samples.ts'

const PREVIOUS = new Uint8Array(32).fill(0xbe)
const FIELDS = { number: 7, previous: PREVIOUS, timeMs: -5, payload: { inline: Uint8Array.of(1, 2, 3) } }
const BODY = signEntry({ ...FIELDS, kind: 'note' }, REPOSITORY, admin.seed)
const LIST = { id: listId('ab'.repeat(16)), hash: new Uint8Array(32).fill(0x11) }
const other = repositoryId('ff'.repeat(16))

describe('a log entry', () => {
  it('has the bytes of the format', () => {
    expect(Buffer.from(BODY.subarray(0, 95)).toString('hex')).toBe(
      `0800000000000000${'0700000000000000'}${'be'.repeat(32)}${'fbffffffffffffff'}${admin.hex}03000000010203`,
    )
    const message = Buffer.concat([
      Buffer.from('snapkeep v1 log entry'),
      Buffer.from(REPOSITORY, 'hex'),
      BODY.subarray(0, 95),
    ])
    expect(verifySignature(admin.publicKey, message, BODY.subarray(95))).toBe(true)
    expect(BODY.length).toBe(95 + 64)
  })

  it.each(LOG_KINDS)('of kind %s comes back', (kind) => {
    const body = signEntry({ ...FIELDS, kind }, REPOSITORY, writer.seed)
    expect(body[0]).toBe(LOG_KINDS.indexOf(kind) + 1)
    const entry = decodeEntry(body, 7)
    expect(entry).toMatchObject({ kind, number: 7, timeMs: -5, previous: PREVIOUS, author: writer.publicKey })
    expect(isSigned(entry, body, REPOSITORY)).toBe(true)
  })

  it('names a payload that lies elsewhere', () => {
    const body = signEntry({ ...FIELDS, kind: 'gc', payload: { list: LIST } }, REPOSITORY, admin.seed)
    expect(decodeEntry(body, 7).payload).toEqual({ list: LIST })
    expect(Buffer.from(body.subarray(88, 140)).toString('hex')).toBe(`30000000${LIST.id}${'11'.repeat(32)}`)
  })

  it('is not signed in another repository', () => {
    expect(isSigned(decodeEntry(BODY, 7), BODY, other)).toBe(false)
  })

  it('is refused or unsigned with any one byte of it changed', () => {
    for (let at = 0; at < BODY.length; at++) {
      const changed = BODY.slice()
      changed[at]! ^= 1
      const held = codeOf(() => expect(isSigned(decodeEntry(changed, 7), changed, REPOSITORY)).toBe(false))
      expect(held === undefined || held === 'OBJECT_DAMAGED', `byte ${at}`).toBe(true)
    }
  })

  it('is refused with an unknown kind, reserved bytes, another number, or any other length', () => {
    for (const [at, value] of [
      [0, 0],
      [0, 13],
      [1, 2],
      [1, 1],
      [2, 1],
      [7, 1],
      [8, 8],
    ]) {
      const changed = BODY.slice()
      changed[at!] = value!
      expect(
        codeOf(() => decodeEntry(changed, 7)),
        `byte ${at}`,
      ).toBe('OBJECT_DAMAGED')
    }
    for (let length = 0; length < BODY.length; length++) {
      expect(codeOf(() => decodeEntry(BODY.subarray(0, length), 7))).toBe('OBJECT_DAMAGED')
    }
    expect(codeOf(() => decodeEntry(new Uint8Array([...BODY, 0]), 7))).toBe('OBJECT_DAMAGED')
  })

  it('opens at its own number only', () => {
    const bytes = sealEntry(BODY, 7, SECRETS, systemRandom)
    expect(Buffer.from(openEntry(bytes, 7, SECRETS))).toEqual(Buffer.from(BODY))
    expect(codeOf(() => openEntry(bytes, 8, SECRETS))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => openEntry(bytes, 7, { ...SECRETS, repositoryId: other }))).toBe('OBJECT_DAMAGED')
  })
})
