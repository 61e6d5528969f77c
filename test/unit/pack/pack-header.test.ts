import { beforeAll, describe, expect, it } from 'vitest'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { packId, repositoryId } from '../../../src/model/ids.ts'
import {
  deriveFooterKey,
  FOOTER_POSITION,
  openPackKeys,
  type PackReaderSecrets,
  packAad,
  readPackHead,
  TRAILER_POSITION,
} from '../../../src/pack/pack-header.ts'
import { codeOf, flipped, makeSecrets, makeTicket, REPOSITORY } from '../../support/builders.ts'

let box: Box
let secrets: PackReaderSecrets

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
})

const ticketOf = (kind: 'data' | 'tree' = 'data') => {
  const ticket = makeTicket(box, secrets, kind)
  return { ...ticket, header: new Uint8Array(ticket.header) }
}

describe('a pack header', () => {
  it('gives a reader the keys that the ticket has', () => {
    const ticket = ticketOf('tree')
    const keys = openPackKeys(ticket.header, REPOSITORY, ticket.id, secrets, box)
    expect(keys).toEqual({ packKey: ticket.packKey, footerKey: ticket.footerKey })
    expect(readPackHead(ticket.header, REPOSITORY, ticket.id)).toEqual({ id: ticket.id, kind: 'tree' })
    expect(deriveFooterKey(secrets.indexKey, ticket.header)).toEqual(ticket.footerKey)
  })

  it('has a fresh id and fresh keys for every ticket', () => {
    const [a, b] = [ticketOf(), ticketOf()]
    expect(a.id).not.toBe(b.id)
    expect(a.packKey).not.toEqual(b.packKey)
    expect(a.footerKey).not.toEqual(b.footerKey)
  })

  it('does not open with a flipped bit at any of its 160 bytes', () => {
    const { header, id } = ticketOf()
    for (let at = 0; at < header.length; at++) {
      for (const mask of [0x01, 0x80]) {
        const code = codeOf(() => openPackKeys(flipped(header, at, mask), REPOSITORY, id, secrets, box))
        // A later version is refused before anything else is looked at.
        expect([at, mask, code]).toEqual([
          at,
          mask,
          at === 8 && mask === 0x80 ? 'REPOSITORY_TOO_NEW' : 'OBJECT_DAMAGED',
        ])
      }
    }
  })

  it('does not open as a tree pack when it was made as a data pack', () => {
    const { header, id } = ticketOf('data')
    header[10] = 2
    expect(readPackHead(header, REPOSITORY, id).kind).toBe('tree')
    expect(codeOf(() => openPackKeys(header, REPOSITORY, id, secrets, box))).toBe('OBJECT_DAMAGED')
  })

  it('does not open under the name of another pack, nor in another repository', () => {
    const { header, id } = ticketOf()
    const other = ticketOf()
    const foreign = repositoryId('ff'.repeat(16))
    expect(codeOf(() => openPackKeys(header, REPOSITORY, other.id, secrets, box))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => openPackKeys(header, foreign, id, secrets, box))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => readPackHead(header, REPOSITORY, packId('0'.repeat(32))))).toBe('OBJECT_DAMAGED')
  })

  it('does not open with the secret and commitment of another pack', () => {
    const { header, id } = ticketOf()
    header.set(ticketOf().header.subarray(48), 48)
    expect(codeOf(() => openPackKeys(header, REPOSITORY, id, secrets, box))).toBe('OBJECT_DAMAGED')
  })

  it('needs both the content secret and the index key', () => {
    const { header, id } = ticketOf()
    const stranger = makeSecrets(box)
    const open = (part: Partial<PackReaderSecrets>) =>
      codeOf(() => openPackKeys(header, REPOSITORY, id, { ...secrets, ...part }, box))
    expect(open({ contentSecret: stranger.contentSecret, contentPublic: stranger.contentPublic })).toBe(
      'OBJECT_DAMAGED',
    )
    expect(open({ indexKey: systemRandom.bytes(32) })).toBe('OBJECT_DAMAGED')
    expect(open({})).toBeUndefined()
  })

  it('is refused when it is cut short at any length', () => {
    const { header, id } = ticketOf()
    for (let length = 0; length < header.length; length++) {
      expect(codeOf(() => openPackKeys(header.subarray(0, length), REPOSITORY, id, secrets, box))).toBe(
        'OBJECT_DAMAGED',
      )
    }
  })
})

describe('the associated data of a pack', () => {
  it('is object header, pack id and position', () => {
    const { header } = ticketOf()
    expect(packAad(header, 0x0403_0201)).toEqual(Uint8Array.of(...header.subarray(0, 48), 1, 2, 3, 4))
  })

  it('puts footer and trailer where no segment can be', () => {
    const { header } = ticketOf()
    expect([...packAad(header, FOOTER_POSITION).subarray(48)]).toEqual([0xff, 0xff, 0xff, 0xff])
    expect([...packAad(header, TRAILER_POSITION).subarray(48)]).toEqual([0xfe, 0xff, 0xff, 0xff])
  })
})
