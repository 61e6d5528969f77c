import { blake3 } from '@noble/hashes/blake3.js'
import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/crypto/random.ts'
import type { RepositoryKeys } from '../../../src/keys/hierarchy.ts'
import { createSlot, openSlot, readSlotHead, type SlotSecret } from '../../../src/keys/slot.ts'
import { decodeSlotBody, encodeSlotBody, type SlotContents } from '../../../src/keys/slot-body.ts'
import { slotId } from '../../../src/model/ids.ts'
import { ADMIN, codeOf, OTHER_REPOSITORY, READER, REPOSITORY, WRITER } from './key-samples.ts'

const CHEAP = { passes: 1, memoryBytes: 8 * 1024 * 1024 }
const PASSWORD: SlotSecret = { kind: 'password', password: Buffer.from('correct horse') }
const WRONG: SlotSecret = { kind: 'password', password: Buffer.from('correct house') }
const KEY_FILE: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(7) }
const contentsOf = (keys: RepositoryKeys): SlotContents => ({
  keys,
  name: 'büro',
  createdMs: 1_700_000_000_123,
})

const make = (secret: SlotSecret, contents = contentsOf(ADMIN)) =>
  createSlot({ repositoryId: REPOSITORY, secret, cost: CHEAP, contents, random: systemRandom })
const plain = (contents: SlotContents) => ({
  ...contents,
  keys: Object.fromEntries(
    Object.entries(contents.keys).map(([k, v]) => [
      k,
      typeof v === 'string' ? v : Buffer.from(v!).toString('hex'),
    ]),
  ),
})

const bySecret = { password: await make(PASSWORD), keyFile: await make(KEY_FILE) }

describe('a slot', () => {
  it.each([ADMIN, READER, WRITER])('gives a $role its keys back', async (keys) => {
    const { id, bytes } = await make(KEY_FILE, contentsOf(keys))
    const opened = await openSlot(bytes, REPOSITORY, id, KEY_FILE)
    expect(plain(opened)).toEqual({ ...plain(contentsOf(keys)), unknown: [] })
  })

  it('opens with its password and with no other', async () => {
    const { id, bytes } = bySecret.password
    expect(plain(await openSlot(bytes, REPOSITORY, id, PASSWORD)).keys).toEqual(plain(contentsOf(ADMIN)).keys)
    expect(await codeOf(() => openSlot(bytes, REPOSITORY, id, WRONG))).toBe('KEY_WRONG')
    expect(await codeOf(() => openSlot(bytes, REPOSITORY, id, KEY_FILE))).toBe('KEY_WRONG')
  })

  it('opens with its key file and with no other', async () => {
    const { id, bytes } = bySecret.keyFile
    const other: SlotSecret = { kind: 'key file', secret: new Uint8Array(32).fill(8) }
    expect(await codeOf(() => openSlot(bytes, REPOSITORY, id, other))).toBe('KEY_WRONG')
    expect(await codeOf(() => openSlot(bytes, REPOSITORY, id, PASSWORD))).toBe('KEY_WRONG')
  })

  it('has a salt of its own, so that no two slots of one secret have one key', async () => {
    const salts = [bySecret.keyFile, await make(KEY_FILE)].map(({ bytes }) =>
      Buffer.from(bytes.subarray(60, 76)).toString('hex'),
    )
    expect(new Set(salts).size).toBe(2)
    expect(salts).not.toContain('0'.repeat(32))
  })

  it('commits to its key as the format says', () => {
    const { bytes } = bySecret.keyFile
    const material = Buffer.concat([
      new Uint8Array(32).fill(7),
      bytes.subarray(60, 76),
      bytes.subarray(16, 32),
    ])
    const key = blake3(material, { context: Buffer.from('snapkeep v1 slot') })
    const commitment = blake3(Buffer.concat([Buffer.from('commitment'), bytes.subarray(0, 76)]), { key })
    expect(Buffer.from(bytes.subarray(76, 108)).toString('hex')).toBe(Buffer.from(commitment).toString('hex'))
  })

  it('has one size for every role and shows neither name nor keys', async () => {
    for (const keys of [ADMIN, READER, WRITER]) {
      const { bytes } = await make(KEY_FILE, contentsOf(keys))
      expect(bytes.length).toBe(108 + 48 + 512)
      expect(Buffer.from(bytes).includes('büro')).toBe(false)
      expect(Buffer.from(bytes).includes(Buffer.from(keys.idKey))).toBe(false)
    }
  })

  it('shows its kind and cost without a key', () => {
    const { id, bytes } = bySecret.password
    expect(readSlotHead(bytes, REPOSITORY, id)).toMatchObject({ id, kind: 'password', cost: CHEAP })
    expect(readSlotHead(bySecret.keyFile.bytes, REPOSITORY, bySecret.keyFile.id).kind).toBe('key file')
  })

  it('does not open under another id or in another repository', async () => {
    const { id, bytes } = bySecret.keyFile
    const other = slotId('ab'.repeat(16))
    expect(await codeOf(() => openSlot(bytes, REPOSITORY, other, KEY_FILE))).toBe('OBJECT_DAMAGED')
    expect(await codeOf(() => openSlot(bytes, OTHER_REPOSITORY, id, KEY_FILE))).toBe('OBJECT_DAMAGED')
    const moved = bytes.slice()
    moved.set(Buffer.from(OTHER_REPOSITORY, 'hex'), 16)
    expect(await codeOf(() => openSlot(moved, OTHER_REPOSITORY, id, KEY_FILE))).toBe('KEY_WRONG')
  })

  it('does not open with any byte changed', async () => {
    const { id, bytes } = bySecret.keyFile
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      expect(await codeOf(() => openSlot(changed, REPOSITORY, id, KEY_FILE)), `byte ${at}`).toBeDefined()
    }
  })

  it('that asks for too much work is refused before any is done', async () => {
    const { id, bytes } = bySecret.password
    const cases: [number, number][] = [
      [52, 17],
      [52, 0],
      [52, 0xffff_ffff],
      [56, 524_289],
      [56, 8_191],
      [56, 0xffff_ffff],
    ]
    for (const [at, value] of cases) {
      const changed = bytes.slice()
      new DataView(changed.buffer).setUint32(at, value, true)
      const start = performance.now()
      expect(await codeOf(() => readSlotHead(changed, REPOSITORY, id))).toBe('LIMIT_EXCEEDED')
      expect(await codeOf(() => openSlot(changed, REPOSITORY, id, PASSWORD))).toBe('LIMIT_EXCEEDED')
      expect(performance.now() - start).toBeLessThan(100)
    }
    const cost = { passes: 17, memoryBytes: CHEAP.memoryBytes }
    const slot = {
      repositoryId: REPOSITORY,
      secret: PASSWORD,
      cost,
      contents: contentsOf(ADMIN),
      random: systemRandom,
    }
    expect(await codeOf(() => createSlot(slot))).toBe('LIMIT_EXCEEDED')
  })

  it('keeps fields that it does not know, in their place', async () => {
    const unknown = [
      { tag: 9, bytes: Uint8Array.of(1, 2) },
      { tag: 200, bytes: new Uint8Array(0) },
    ]
    const { id, bytes } = await make(KEY_FILE, { ...contentsOf(WRITER), unknown })
    const opened = await openSlot(bytes, REPOSITORY, id, KEY_FILE)
    expect(opened.unknown?.map(({ tag, bytes }) => [tag, [...bytes]])).toEqual([
      [9, [1, 2]],
      [200, []],
    ])
    const again = encodeSlotBody(opened)
    expect(Buffer.from(again)).toEqual(Buffer.from(encodeSlotBody({ ...contentsOf(WRITER), unknown })))
  })
})

describe('the body of a slot', () => {
  const field = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.of(tag, bytes.length, 0), bytes])
  const body = encodeSlotBody(contentsOf(WRITER))

  it('is refused with fields out of order or twice', async () => {
    for (const tag of [48, 33, 1]) {
      const bytes = Buffer.concat([body, field(tag, new Uint8Array(32))])
      expect(await codeOf(() => decodeSlotBody(bytes, 'slot'))).toBe('OBJECT_DAMAGED')
    }
  })

  it('is refused with a field that its role does not have', async () => {
    const bytes = Buffer.from(body)
    const at = bytes.length - 70
    const stolen = Buffer.concat([bytes.subarray(0, at), field(32, new Uint8Array(32)), bytes.subarray(at)])
    expect(await codeOf(() => decodeSlotBody(stolen, 'slot'))).toBe('OBJECT_DAMAGED')
  })

  it('is refused without any one of its fields, with an unknown role, or cut short', async () => {
    const fields: Buffer[] = []
    for (let at = 0; at < body.length; at += 3 + body[at + 1]!) {
      fields.push(Buffer.from(body.subarray(at, at + 3 + body[at + 1]!)))
    }
    expect(fields.length).toBe(10)
    for (const omitted of fields) {
      const bytes = Buffer.concat(fields.filter((each) => each !== omitted))
      expect(await codeOf(() => decodeSlotBody(bytes, 'slot'))).toBe('OBJECT_DAMAGED')
    }
    expect(
      await codeOf(() => decodeSlotBody(Buffer.concat([field(1, Buffer.of(4)), ...fields.slice(1)]), 's')),
    ).toBe('OBJECT_DAMAGED')
    for (let length = 0; length < body.length; length++) {
      expect(await codeOf(() => decodeSlotBody(body.subarray(0, length), 'slot'))).toBe('OBJECT_DAMAGED')
    }
  })

  it('has no name above 256 bytes', async () => {
    expect(await codeOf(() => encodeSlotBody({ ...contentsOf(WRITER), name: 'n'.repeat(257) }))).toBe(
      'LIMIT_EXCEEDED',
    )
  })
})
