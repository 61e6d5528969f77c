import { describe, expect, it } from 'vitest'
import { decodeKeyFile, encodeKeyFile, keyFileSecret } from '../../../src/keys/key-file.ts'
import { SnapError } from '../../../src/model/errors.ts'
import { codeOf, OTHER_REPOSITORY, REPOSITORY } from './key-samples.ts'

const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index)
const HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const TEXT = `snapkeep key 1\nrepository ${REPOSITORY}\nsecret ${HEX}\n`

describe('a key file', () => {
  it('has the lines of the format', () => {
    expect(encodeKeyFile({ repositoryId: REPOSITORY, secret: SECRET })).toBe(TEXT)
  })

  it('is read with comments, empty lines and the line ends of Windows', () => {
    const text = `# kept in the safe\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}# end`
    const file = decodeKeyFile(text)
    expect(file.repositoryId).toBe(REPOSITORY)
    expect(Buffer.from(file.secret).toString('hex')).toBe(HEX)
  })

  it.each([
    '',
    'hunter2',
    TEXT.replace('snapkeep', 'otherkeep'),
    TEXT.replace('secret', 'Secret'),
    TEXT.slice(0, -2),
    `${TEXT}secret ${HEX}\n`,
    TEXT.split('\n').reverse().join('\n'),
  ])('that is none is refused: %j', async (text) => {
    expect(await codeOf(() => decodeKeyFile(text))).toBe('KEY_WRONG')
  })

  it('of a later version is told from damage', async () => {
    expect(await codeOf(() => decodeKeyFile(TEXT.replace('key 1', 'key 2')))).toBe('REPOSITORY_TOO_NEW')
  })

  it('of another repository is refused by name', async () => {
    expect(Buffer.from(keyFileSecret(TEXT, REPOSITORY)).toString('hex')).toBe(HEX)
    expect(await codeOf(() => keyFileSecret(TEXT, OTHER_REPOSITORY))).toBe('KEY_WRONG')
  })

  it('never shows its secret in a message', () => {
    try {
      decodeKeyFile(TEXT.replace('secret', 'secrets'))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(SnapError)
      expect(`${error} ${(error as SnapError).hint}`).not.toContain('0405')
    }
  })
})
