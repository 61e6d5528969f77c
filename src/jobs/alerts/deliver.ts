/** A message on its way through a channel, whatever that is. */
import type { Channel } from '../config/channel.ts'
import { HTTP_RETRIES, HTTP_TIMEOUT_MS } from './http.ts'
import type { Message } from './message.ts'

export type DeliveryPorts = {
  readonly signal: AbortSignal
  /** In place of the limits of each channel. ms */
  readonly timeoutMs?: number | undefined
}

/** Rejects with an `Error` in words that hold no secret and are fit to be told. */
export async function deliver(
  { way }: Channel,
  message: Message,
  { signal, timeoutMs }: DeliveryPorts,
): Promise<void> {
  signal.throwIfAborted()
  switch (way.kind) {
    case 'mail': {
      const { MAIL_TIMEOUT_MS, sendMail } = await import('./send-mail.ts')
      return await sendMail(way, message, { signal, timeoutMs: timeoutMs ?? MAIL_TIMEOUT_MS })
    }
    case 'webhook': {
      const { sendWebhook } = await import('./send-webhook.ts')
      return await sendWebhook(way, message, {
        signal,
        timeoutMs: timeoutMs ?? HTTP_TIMEOUT_MS,
        retries: HTTP_RETRIES,
      })
    }
    case 'command': {
      const { runCommand } = await import('./run-command.ts')
      return await runCommand(way, message, signal)
    }
    case 'log': {
      const { appendLog } = await import('./append-log.ts')
      return await appendLog(way.path, message)
    }
  }
}
