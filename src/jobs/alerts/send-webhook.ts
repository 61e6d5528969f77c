/** A message to an address that takes JSON. */
import type { WebhookWay } from '../config/channel.ts'
import { addressIn, placeOf, secretIn } from './address.ts'
import { type HttpPorts, request } from './http.ts'
import type { Message } from './message.ts'

/** What a header can hold: no control characters, and nothing beyond Latin-1. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Rejects as `request`, and with an `Error` that names the header or file which cannot be used. */
export async function sendWebhook(
  { url, headers }: WebhookWay,
  { fields }: Message,
  ports: HttpPorts,
): Promise<void> {
  const address = addressIn(url)
  const own: Record<string, string> = {}
  for (const [name, value] of headers) {
    const text = secretIn(value)
    if (!HEADER_VALUE.test(text))
      throw new Error(
        `${placeOf(address)} was not asked: the header ${name} has characters that no header can have`,
      )
    own[name.toLowerCase()] = text
  }
  await request(
    {
      url: address,
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'snap', ...own },
      body: JSON.stringify(fields),
    },
    ports,
  )
}
