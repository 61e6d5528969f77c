/** `snap du`: what snapshots, series and directories alone keep in the repository. */
import { SnapError } from '../../model/errors.ts'
import type { DuRequest } from '../../ops/du/du.ts'
import type { Repository } from '../../repository/repository.ts'
import {
  type Choice,
  chooseFiltered,
  chooseNamed,
  chooseSnapshot,
  type FilterOptions,
  whyNone,
} from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { stderrNote } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'
import { type ListedUse, renderDu, renderDuJson } from '../render/du.ts'
import { openChosen } from '../repository.ts'

type Options = FilterOptions & { readonly series: boolean; readonly depth: string }

const DEPTH_MAX = 4_096

export const duCommand: CommandModule = {
  register(program, run) {
    program
      .command('du')
      .description('say what each snapshot, series or directory alone takes')
      .argument('[snapshots...]', 'latest, ids or their beginnings; then, of one snapshot, a path: /home/me')
      .option('-s, --series', 'by series, not by snapshots', false)
      .option('-d, --depth <count>', 'with a path: levels of directories below it', '1')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .addHelpText(
        'after',
        `
"alone" is what would be freed if that snapshot, series or directory were gone and everything else stayed: stored
bytes, which nothing else needs. All snapshots are looked at, whichever are listed.

Examples:
  $ snap du
  $ snap du --series
  $ snap du 1a2b3c4d
  $ snap du latest /home/me --depth 2`,
      )
      .action(run<[string[], Options]>(inRepository(duAction)))
  },
}

async function duAction(context: CommandContext, texts: readonly string[], options: Options): Promise<void> {
  const { diskUse } = await import('../../ops/du/du.ts')
  const depth = depthOf(options.depth)
  await using repository = await openChosen(context)
  const { listed, request } = choose(context, repository, texts, options, depth)
  if (listed.length === 0) stderrNote(context, whyNone(repository))
  const report = await diskUse(repository, request, context.signal)
  const shown: ListedUse = {
    report,
    listed: listed.map(({ id, row }) => ({ id, row })),
    by: request.directory === undefined ? (options.series ? 'series' : 'snapshot') : 'directory',
  }
  context.stdout.write(context.globals.json ? renderDuJson(shown) : renderDu(shown))
}

type Chosen = { readonly listed: readonly Choice[]; readonly request: DuRequest }

function choose(
  context: CommandContext,
  repository: Repository,
  texts: readonly string[],
  options: Options,
  depth: number,
): Chosen {
  const paths = texts.filter((text) => text.startsWith('/'))
  const names = texts.filter((text) => !text.startsWith('/'))
  const [path] = paths
  if (options.series && texts.length > 0) refuse('--series takes no snapshots and no path')
  if (path === undefined) {
    if (names.length === 0) return { listed: chooseFiltered(repository, options), request: { snapshots: [] } }
    const listed = chooseNamed(repository, names, options)
    return { listed, request: { snapshots: listed.map(({ id }) => id) } }
  }
  if (paths.length > 1 || names.length > 1) refuse('a path goes with one snapshot, and alone')
  const choice = chooseSnapshot(context, repository, names[0], options)
  return { listed: [choice], request: { snapshots: [], directory: { snapshot: choice.id, path, depth } } }
}

function refuse(message: string): never {
  throw new SnapError('USAGE', message, { hint: '`snap du --help` explains.' })
}

function depthOf(text: string): number {
  const depth = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (depth <= DEPTH_MAX) return depth
  throw new SnapError('USAGE', `${JSON.stringify(text)} is not a count of levels`, {
    hint: `Write a number from 0 to ${DEPTH_MAX}.`,
  })
}
