import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openObject } from '../../../src/crypto/aead.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { repositoryId } from '../../../src/model/ids.ts'
import { openNamed, sealNamed, type ToOpen } from '../../../src/object/sealed-object.ts'

const REPOSITORY = repositoryId('00112233445566778899aabbccddeeff')
const OTHER = repositoryId('00112233445566778899aabbccddeefe')
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)
const BODY = new TextEncoder().encode('a small body')
const CONTEXT = new TextEncoder().encode('in clear')
const PLACE = { repositoryId: REPOSITORY, type: 'log', key: 'log/0000000000000007' } as const
const SEALED = sealNamed({ ...PLACE, secret: SECRET, context: CONTEXT, body: BODY, random: systemRandom })

const open = (change: Partial<ToOpen> = {}) =>
  openNamed({
    ...PLACE,
    secret: SECRET,
    contextBytes: CONTEXT.length,
    bytes: SEALED,
    bodyBytesMax: 1000,
    ...change,
  })

const codeOf = (run: () => unknown): ErrorCode | undefined => {
  try {
    run()
  } catch (error) {
    if (error instanceof SnapError) return error.code
    throw error
  }
  return undefined
}

const withBytes = (at: number, values: ArrayLike<number>) => {
  const bytes = SEALED.slice()
  bytes.set(values, at)
  return bytes
}

describe('a sealed object', () => {
  it('opens where it was sealed', () => {
    expect(Buffer.from(open())).toEqual(Buffer.from(BODY))
  })

  it('shows its context in clear behind the header', () => {
    expect(Buffer.from(SEALED.subarray(32, 40))).toEqual(Buffer.from(CONTEXT))
  })

  it('is what the format says: salt, ciphertext and tag over length, body and zeros, bound to header, key and context', () => {
    const aad = Buffer.concat([SEALED.subarray(0, 32), Buffer.from(PLACE.key), CONTEXT])
    const frame = Buffer.from(openObject(SECRET, aad, SEALED.subarray(40)))
    expect(frame.length).toBe(256)
    expect(frame.readUInt32LE(0)).toBe(BODY.length)
    expect(frame.subarray(4, 4 + BODY.length)).toEqual(Buffer.from(BODY))
    expect(frame.subarray(4 + BODY.length).every((byte) => byte === 0)).toBe(true)
  })

  it('does not open under another object key', () => {
    expect(codeOf(() => open({ key: 'log/0000000000000008' }))).toBe('OBJECT_DAMAGED')
  })

  it('does not open as another type, even where its header says so', () => {
    expect(codeOf(() => open({ type: 'list', bytes: withBytes(9, [6]) }))).toBe('OBJECT_DAMAGED')
  })

  it('does not open in another repository, even where its header says so', () => {
    const bytes = withBytes(31, [0xfe])
    expect(codeOf(() => open({ repositoryId: OTHER, bytes }))).toBe('OBJECT_DAMAGED')
  })

  it('does not open with another context', () => {
    expect(codeOf(() => open({ bytes: withBytes(39, [0]) }))).toBe('OBJECT_DAMAGED')
  })

  it('does not open with another secret', () => {
    expect(codeOf(() => open({ secret: new Uint8Array(32) }))).toBe('OBJECT_DAMAGED')
  })

  it('does not open with any one byte changed', () => {
    for (let at = 0; at < SEALED.length; at++) {
      const code = codeOf(() => open({ bytes: withBytes(at, [SEALED[at]! ^ 0x80]) }))
      expect(code, `byte ${at}`).toBe(at === 8 ? 'REPOSITORY_TOO_NEW' : 'OBJECT_DAMAGED')
    }
  })

  it('does not open cut short or with bytes appended', () => {
    for (let length = 0; length < SEALED.length; length++) {
      expect(codeOf(() => open({ bytes: SEALED.subarray(0, length) }))).toBe('OBJECT_DAMAGED')
    }
    expect(codeOf(() => open({ bytes: Buffer.concat([SEALED, Buffer.of(0)]) }))).toBe('OBJECT_DAMAGED')
  })

  it('is refused before it is opened where it is longer than any allowed body', () => {
    expect(codeOf(() => open({ bytes: new Uint8Array([...SEALED, ...new Uint8Array(2000)]) }))).toBe(
      'LIMIT_EXCEEDED',
    )
    expect(codeOf(() => open({ bodyBytesMax: BODY.length - 1 }))).toBe('LIMIT_EXCEEDED')
  })

  it('never seals the same body to the same bytes', () => {
    const again = sealNamed({ ...PLACE, secret: SECRET, body: BODY, random: systemRandom })
    expect(Buffer.from(again.subarray(32, 64))).not.toEqual(Buffer.from(SEALED.subarray(40, 72)))
  })

  it('keeps a minimum size and any body', () => {
    const short = sealNamed({ ...PLACE, secret: SECRET, body: BODY, random: systemRandom, minimum: 512 })
    expect(short.length).toBe(32 + 48 + 512)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (body) => {
        const bytes = sealNamed({ ...PLACE, secret: SECRET, body, random: systemRandom })
        expect(Buffer.from(open({ bytes, contextBytes: 0, bodyBytesMax: 5000 }))).toEqual(Buffer.from(body))
      }),
    )
  })
})
