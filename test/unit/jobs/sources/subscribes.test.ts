import { describe, expect, it } from 'vitest'
import { subscribes } from '../../../../src/jobs/sources/subscribes.ts'

async function* pieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += bytes) yield Buffer.from(text.slice(at, at + bytes), 'latin1')
}

describe('a dump as SQL', () => {
  it.each([
    ['CREATE SUBSCRIPTION s CONNECTION', true],
    [`${'x'.repeat(1_000)}\n\ncreate  subscription s CONNECTION`, true],
    ['-- CREATE SUBSCRIPTION s', false],
    ['CREATE SUBSCRIPTIONS', false],
    ["COMMENT ON TABLE t IS 'CREATE SUBSCRIPTION s'", false],
    ['', false],
  ])('%j makes a subscription: %j', async (text, expected) => {
    for (const bytes of [1, 7, 1_000, 100_000]) expect(await subscribes(pieces(text, bytes))).toBe(expected)
  })
})
