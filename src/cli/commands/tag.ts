/** `snap tag`: other tags for snapshots that are there. */
import { SnapError } from '../../model/errors.ts'
import type { TagChange } from '../../ops/tag.ts'
import { chooseNamed, chooseSome, type FilterOptions } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { shortId } from '../render/snapshots.ts'
import { openChosen } from '../repository.ts'
import { parseTags } from '../retention-options.ts'

type Options = FilterOptions & {
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
  readonly set?: readonly string[]
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value]

export const tagCommand: CommandModule = {
  register(program, run) {
    program
      .command('tag')
      .description('change the tags of snapshots')
      .argument('[snapshots...]', 'latest, ids or their beginnings (all that pass the filters)')
      .option('--add <tags>', 'add tags (comma-separated, repeatable)', collect)
      .option('--remove <tags>', 'remove tags (comma-separated, repeatable)', collect)
      .option('--set <tags>', "put these tags in the place of all others; '' for none", collect)
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .addHelpText(
        'after',
        '\nExamples:\n  $ snap tag latest --add before-upgrade\n  $ snap tag --host web1 --remove nightly',
      )
      .action(run<[string[], Options]>(inRepository(tagAction)))
  },
}

async function tagAction(context: CommandContext, texts: string[], options: Options): Promise<void> {
  const change = changeOf(options)
  const { changeTags } = await import('../../ops/tag.ts')
  await using repository = await openChosen(context)
  const chosen = texts.length > 0 ? chooseNamed(repository, texts, options) : chooseSome(repository, options)
  const ids = chosen.map(({ id }) => id)
  const changed = await changeTags(repository, ids, change)
  const { globals, stdout } = context
  if (globals.json) {
    for (const { id, tags } of changed) {
      stdout.write(jsonLine({ message_type: 'changed', snapshot_id: id, tags }))
    }
    stdout.write(jsonLine({ message_type: 'summary', changed_snapshots: changed.length }))
  } else if (!globals.quiet) {
    for (const { id, tags } of changed) {
      stdout.write(`${shortId(id)}  ${safeText(tags.length === 0 ? 'no tags' : tags.join(','))}\n`)
    }
    stdout.write(`${plural(changed.length, 'snapshot')} changed of ${chosen.length}\n`)
  }
}

function changeOf(options: Options): TagChange {
  const add = (options.add ?? []).flatMap(parseTags)
  const remove = (options.remove ?? []).flatMap(parseTags)
  const set = options.set?.flatMap(parseTags)
  if (set !== undefined) {
    if (add.length + remove.length === 0) return { set }
    throw new SnapError('USAGE', '--set takes neither --add nor --remove', { hint: 'Give one or the other.' })
  }
  if (add.length + remove.length > 0) return { add, remove }
  throw new SnapError('USAGE', 'no tag was given', { hint: 'Give --add, --remove or --set.' })
}
