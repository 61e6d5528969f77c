import { expect, it } from 'vitest'
import { loadBox } from '../../../src/crypto/box.ts'
import { makeSecrets, makeTicket } from '../../support/builders.ts'

it('seals a fresh secret into each pack, which whoever knows the index key alone cannot guess', async () => {
  const box = await loadBox()
  const secrets = makeSecrets(box)
  const opened = Array.from({ length: 8 }, () => {
    const { header } = makeTicket(box, secrets)
    return Buffer.from(box.open(secrets.contentPublic, secrets.contentSecret, header.subarray(48, 128)))
  })
  expect(new Set(opened.map((secret) => secret.toString('hex'))).size).toBe(8)
  for (const secret of opened) expect(new Set(secret).size).toBeGreaterThan(16)
})
