/** A message to a command: as JSON on its standard input, and in its environment. */
import type { CommandWay } from '../config/channel.ts'
import { commandOutput } from '../sources/command-output.ts'
import type { Message } from './message.ts'

/** Rejects with an `Error` that names the program, where it cannot be run, fails or takes too long. What it prints is not kept. */
export async function runCommand(
  { argv, timeoutMs }: CommandWay,
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  const { fields } = message
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...fields, last_good: fields.last_good?.id ?? null }))
    if (name !== 'message_type') env[`SNAP_ALERT_${name.toUpperCase()}`] = value ?? ''
  const command = { argv, timeoutMs, env, input: `${JSON.stringify(fields)}\n`, untilExit: true }
  for await (const _ of commandOutput(command, signal)) {
    // What it prints is its own affair, but it must not wait for a reader.
  }
}
