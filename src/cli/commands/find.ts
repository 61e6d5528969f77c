/** `snap find`: entries of any snapshot by name or path. */
import { SnapError } from '../../model/errors.ts'
import type { EntryType } from '../../model/files.ts'
import { parseMoment } from '../../ops/parse-moment.ts'
import { filterSnapshots, latestPerSeries, parseSelector, selectSnapshot } from '../../ops/select-moment.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Choice, filterOf, type SnapshotOptions, summaries, whyNone } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { stderrNote } from '../output/notes.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { renderFound, renderFoundJson } from '../render/find.ts'
import { openChosen } from '../repository.ts'

type Options = SnapshotOptions & {
  readonly snapshot: readonly string[]
  readonly type?: string
  readonly ignoreCase: boolean
  readonly newestOnly: boolean
  readonly oldest?: string
  readonly newest?: string
}

/** The letters of find(1). */
export const TYPES: ReadonlyMap<string, EntryType> = new Map([
  ['f', 'file'],
  ['d', 'dir'],
  ['l', 'symlink'],
  ['p', 'fifo'],
  ['c', 'char'],
  ['b', 'block'],
  ['s', 'socket'],
])

export const findCommand: CommandModule = {
  register(program, run) {
    program
      .command('find')
      .description('find files in all snapshots, by name or path')
      .argument('<patterns...>', 'globs: of names, or of whole paths where they hold a /')
      .option(
        '-s, --snapshot <id>',
        'only this snapshot: latest, an id or its beginning (repeatable)',
        (value: string, before: readonly string[]) => [...before, value],
        [],
      )
      .option('--at <time>', 'of each series, only the snapshot that holds the state at a moment')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .option('--type <letter>', `only of this type: ${[...TYPES].map(([letter]) => letter).join(', ')}`)
      .option('-i, --ignore-case', 'upper and lower case are the same', false)
      .option('--newest-only', 'of each path only the newest version', false)
      .option('--oldest <time>', 'only what was modified at this time or later')
      .option('--newest <time>', 'only what was modified at this time or earlier')
      .addHelpText(
        'after',
        `
Under each path stand its versions: time of modification, size, and the snapshots that hold it. The first search
after a backup takes longer: it lists the new directories.

Examples:
  $ snap find '*.docx' --newest-only
  $ snap find '/etc/**/*.conf' --host web1 --oldest "3d ago"`,
      )
      .action(run<[string[], Options]>(inRepository(findAction)))
  },
}

async function findAction(context: CommandContext, patterns: string[], options: Options): Promise<void> {
  const type = typeOf(options.type)
  const now = context.clock.now()
  const notBefore =
    options.oldest === undefined ? undefined : parseMoment(options.oldest, { now, edge: 'first' })
  const notAfter = options.newest === undefined ? undefined : parseMoment(options.newest, { now })
  if (patterns.includes('')) throw new SnapError('USAGE', 'an empty pattern matches nothing')
  const { find } = await import('../../ops/find/find.ts')
  const { lookAgain } = await import('../../ops/overtaken.ts')
  await using repository = await openChosen(context)
  const { globals, stdout, signal } = context
  const { ignoreCase, newestOnly } = options
  const asked = { patterns, ignoreCase, newestOnly, type, notBefore, notAfter }
  // Under --json, standard output is one array.
  const shown = { ...globals, progress: globals.progress && !globals.json }
  using progress = progressOf({ ...context, globals: shown })
  const ports = { progress: progress.on.bind(progress), signal }
  const found = await lookAgain(repository, async () => {
    const chosen = chooseSnapshots(repository, options, now)
    const snapshots = chosen.map((choice) => ({ ...choice, root: choice.row.root }))
    const result = await find(repository, { ...asked, snapshots }, ports)
    // What is missing of a snapshot that was pruned meanwhile is no damage.
    if (result.leftOut > 0) await repository.log.follow()
    return result
  })
  progress.close()
  if (found.snapshots.length === 0) stderrNote(context, whyNone(repository))
  const render = globals.json ? renderFoundJson : renderFound
  for (const text of render(found.files, found.snapshots)) stdout.write(text)
  if (found.leftOut > 0) {
    throw new SnapError(
      'INCOMPLETE',
      `${found.leftOut} directories are damaged, and what lies below them was not searched`,
      { hint: 'Run `snap verify --data` to see what is affected.' },
    )
  }
  if (found.isCut) {
    throw new SnapError('INCOMPLETE', 'there are more matches than are shown', {
      hint: 'Give a narrower pattern, or fewer snapshots.',
    })
  }
}

function typeOf(letter: string | undefined): EntryType | undefined {
  if (letter === undefined) return undefined
  const type = TYPES.get(letter)
  if (type !== undefined) return type
  throw new SnapError('USAGE', `there is no type ${JSON.stringify(letter)}`, {
    hint: `Types are ${[...TYPES].map(([known, name]) => `${known} (${name})`).join(', ')}.`,
  })
}

function chooseSnapshots(repository: Repository, options: Options, now: number): Choice[] {
  const all = summaries(repository)
  const states = all.filter((each) => !each.isWal)
  const filter = filterOf(options)
  if (options.snapshot.length > 0) {
    if (options.at !== undefined) {
      throw new SnapError('USAGE', '--snapshot and --at were both given', { hint: 'Give one of them.' })
    }
    return [
      ...new Set(
        options.snapshot.map((text) =>
          selectSnapshot(text === 'latest' ? states : all, parseSelector(text), filter),
        ),
      ),
    ]
  }
  const matching = filterSnapshots(all, filter)
  return options.at === undefined ? matching : latestPerSeries(matching, parseMoment(options.at, { now }))
}
