/** `snap hold` and `snap unhold`: snapshots that nothing forgets. */

import type { Command } from 'commander'
import { chooseNamed, type FilterOptions } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrNote } from '../output/notes.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule, Run } from '../program.ts'
import { openChosen } from '../repository.ts'

export const holdCommand: CommandModule = {
  register: (program, run) =>
    add(program, run, {
      name: 'hold',
      description: 'hold snapshots: no policy and no id forgets them until they are let go',
      held: true,
    }),
}

export const unholdCommand: CommandModule = {
  register: (program, run) =>
    add(program, run, {
      name: 'unhold',
      description: 'let go of snapshots that are held: they may be forgotten again',
      held: false,
    }),
}

type Kind = { readonly name: string; readonly description: string; readonly held: boolean }

function add(program: Command, run: Run, { name, description, held }: Kind): void {
  program
    .command(name)
    .description(description)
    .argument('<snapshots...>', 'latest, ids or their beginnings')
    .option('--host <name>', 'with latest: of this host')
    .option('--path <path>', 'with latest: of this source path')
    .option('--tag <tag>', 'with latest: with this tag')
    .addHelpText('after', `\nExamples:\n  $ snap ${name} 1a2b3c4d\n  $ snap ${name} latest --host web1`)
    .action(
      run<[string[], FilterOptions]>(
        inRepository((context, texts, options) => holdAction(context, texts, options, held)),
      ),
    )
}

async function holdAction(
  context: CommandContext,
  texts: readonly string[],
  options: FilterOptions,
  held: boolean,
): Promise<void> {
  const { setHeld } = await import('../../ops/hold.ts')
  const { nameOf } = await import('../../ops/current-snapshots.ts')
  await using repository = await openChosen(context)
  const ids = chooseNamed(repository, texts, options).map(({ id }) => id)
  const changed = await setHeld(repository, ids, held)
  const { globals, stdout } = context
  if (globals.json) {
    const line = { message_type: held ? 'held' : 'unheld', snapshots: changed.map(({ id }) => id) }
    stdout.write(jsonLine(line))
  } else if (!globals.quiet) {
    const verb = held ? 'holding' : 'let go of'
    stdout.write(changed.map((snapshot) => `${verb} ${safeText(nameOf(snapshot))}\n`).join(''))
  }
  const before = ids.length - changed.length
  if (before > 0) stderrNote(context, `${plural(before, 'snapshot')} ${held ? 'held already' : 'not held'}`)
}
