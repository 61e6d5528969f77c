/** `snap completion`: scripts that complete command lines in shells, and the names that they ask for. */

import type { ConfigNames } from '../../jobs/config/names.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import { NAMES_COMMAND, type ProgramNames, type ScriptWriter, SHELLS } from '../completion/shells.ts'
import type { CommandContext } from '../context.ts'
import type { CommandModule } from '../program.ts'

const PROGRAM_NAMES: ProgramNames = ['snap', 'snapkeep']

export const completionCommand: CommandModule = {
  register(program, run) {
    program
      .command('completion')
      .description('print a script by which a shell completes commands, options and names')
      .argument('<shell>', SHELLS.join(', '))
      .option('--name <command>', `what the program is called (${PROGRAM_NAMES.join(' and ')})`)
      .addHelpText(
        'after',
        `
Names of jobs, categories and sources come from the configuration, whenever they are completed.
Of the examples, the first is a line for ~/.bashrc and the second one for ~/.zshrc; the third is run once.

Examples:
  $ eval "$(snap completion bash)"
  $ eval "$(snap completion zsh)"
  $ snap completion fish > ~/.config/fish/completions/snap.fish`,
      )
      .action(
        run<[string, { readonly name?: string }]>(async ({ stdout }, shell, { name }) => {
          const write = await writerFor(shell)
          const { shapeOf } = await import('../command-shape.ts')
          stdout.write(write(shapeOf(program), name === undefined ? PROGRAM_NAMES : [commandName(name)]))
        }),
      )
    // What the scripts ask. It is hidden since it is no promise to anybody else, and never fails: whoever presses a key wants no errors.
    program
      .command(NAMES_COMMAND, { hidden: true })
      .argument('<kind>')
      .action(run<[string, object]>(namesAction))
  },
}

/** `USAGE` for a shell that has none. */
async function writerFor(shell: string): Promise<ScriptWriter> {
  switch (SHELLS.find((known) => known === shell)) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashScript
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshScript
    case 'fish':
      return (await import('../completion/fish.ts')).fishScript
    case undefined:
      throw new SnapError('USAGE', `there is no completion for "${shell}"`, {
        hint: `Choose ${SHELLS.join(', ')}.`,
      })
  }
}

/** `USAGE` for what would be more than one word to a shell. */
function commandName(text: string): string {
  if (/^[\w.+][\w.+-]*$/.test(text)) return text
  throw new SnapError('USAGE', `"${text}" is no name of a command`, {
    hint: 'Give the name without its directory, as snapkeep.',
  })
}

async function namesAction(context: CommandContext, kind: string): Promise<void> {
  const { configurationNames } = await import('../configuration.ts')
  const found = await configurationNames(context).catch((error: unknown) => {
    if (hasCode(error, 'USAGE')) return undefined
    throw error
  })
  const names = found !== undefined && Object.hasOwn(found, kind) ? found[kind as keyof ConfigNames] : []
  context.stdout.write(names.map((name) => `${name}\n`).join(''))
}
