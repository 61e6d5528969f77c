/** A port of the loopback that nobody listens at. */
import { createServer } from 'node:net'
import { assert } from 'vitest'

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  assert(typeof address === 'object' && address !== null)
  return address.port
}
