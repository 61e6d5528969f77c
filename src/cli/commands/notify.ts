/** `snap notify`: whether people can be told. */
import { hostname } from 'node:os'
import type { Channel } from '../../jobs/config/channel.ts'
import type { Config } from '../../jobs/config/config.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { concealedContext } from '../concealed-context.ts'
import { loadConfiguration } from '../configuration.ts'
import type { CommandContext } from '../context.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'

export const notifyCommand: CommandModule = {
  register(program, run) {
    const notify = program
      .command('notify')
      .description('try the channels of the configuration that tell people')
      .addHelpText('after', '\nExample:\n  $ snap notify test')
    notify
      .command('test')
      .description('send a test through channels, and say which of them work')
      .argument('[channels...]', 'names of channels; all')
      .addHelpText(
        'after',
        `
All are tried. Exit status 1: one does not work.

Examples:
  $ snap notify test
  $ snap notify test mail`,
      )
      .action(run<[string[], object]>(testAction))
  },
}

async function testAction(outer: CommandContext, names: string[]): Promise<void> {
  const config = await loadConfiguration(outer)
  const channels = channelsOf(config, names)
  const context = await concealedContext(outer, config)
  const failed: string[] = []
  for (const channel of channels) {
    const error = await tried(context, channel)
    if (error !== undefined) failed.push(channel.name)
    tell(context, channel, error)
  }
  if (failed.length === 0) return
  throw new SnapError('CHANNEL_FAILED', `of the channels tried, ${failed.join(', ')} did not work`, {
    hint: 'What went wrong stands behind each. Mend it in the configuration, and try again.',
  })
}

/** Why it does not work. */
async function tried({ clock, signal }: CommandContext, channel: Channel): Promise<string | undefined> {
  const { deliver } = await import('../../jobs/alerts/deliver.ts')
  const { testMessage } = await import('../../jobs/alerts/message.ts')
  try {
    await deliver(channel, testMessage(channel.name, { host: hostname(), now: clock.now() }), { signal })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return messageOf(error)
  }
}

function tell({ globals, stdout }: CommandContext, { name, way }: Channel, error: string | undefined): void {
  if (globals.json) {
    const line = { message_type: 'notified', channel: name, kind: way.kind, ok: error === undefined, error }
    stdout.write(jsonLine(line))
  } else if (error !== undefined) stdout.write(`${name} does not work: ${safeText(error)}\n`)
  else if (!globals.quiet)
    stdout.write(`${name} works: the test was ${way.kind === 'command' ? 'run' : 'sent'}\n`)
}

/** `USAGE` where there is no channel, or none of a name. */
function channelsOf({ channels, file }: Config, names: readonly string[]): Channel[] {
  const known = [...channels.keys()].join(', ')
  if (channels.size === 0)
    throw new SnapError('USAGE', `there are no notifications in ${file}`, {
      hint: 'Add some: `snap config init --print` shows what there is.',
    })
  const chosen = names.length === 0 ? [...channels.keys()] : [...new Set(names)]
  return chosen.map((name) => {
    const channel = channels.get(name)
    if (channel !== undefined) return channel
    throw new SnapError('USAGE', `there is no channel "${name}" in ${file}`, { hint: `There are ${known}.` })
  })
}
