/** `snap snapshots`: lists them. */

import { parseMoment } from '../../ops/parse-moment.ts'
import { filterSnapshots, latestPerSeries } from '../../ops/select-moment.ts'
import { filterOf, type SnapshotOptions, summaries } from '../choose-snapshot.ts'
import { inRepository } from '../in-repository.ts'
import { listedSnapshot } from '../listed-snapshot.ts'
import { plural } from '../output/human.ts'
import { stderrNote } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'
import { renderSnapshots, renderSnapshotsJson } from '../render/snapshots.ts'
import { openChosen } from '../repository.ts'

export const snapshotsCommand: CommandModule = {
  register(program, run) {
    program
      .command('snapshots')
      .description('list snapshots, oldest first')
      .option('--at <time>', 'of each series, the one that holds the state at a moment')
      .option('--host <name>', 'only of this host')
      .option('--path <path>', 'only of this source path')
      .option('--job <name>', 'only of this job')
      .option('--tag <tag>', 'only with this tag')
      .option('--forgotten', 'those that were forgotten and can still be had back, with when', false)
      .option('--wal', 'those of archived WAL too', false)
      .addHelpText(
        'after',
        '\n-v lists what jobs have saved: sources, rows of databases, what their checks found.\n\nExamples:\n  $ snap snapshots\n  $ snap snapshots -v --job nightly\n  $ snap snapshots --host web1 --json',
      )
      .action(
        run<[SnapshotOptions & { readonly forgotten: boolean; readonly wal: boolean }]>(
          inRepository(async (context, options) => {
            await using repository = await openChosen(context)
            const every = summaries(repository, options.forgotten ? 'only' : 'no')
            const all = options.wal ? every : every.filter((each) => !each.isWal)
            const matching = filterSnapshots(all, filterOf(options))
            const shown =
              options.at === undefined
                ? matching
                : latestPerSeries(matching, parseMoment(options.at, { now: context.clock.now() })).reverse()
            if (all.length > 0 && shown.length === 0) stderrNote(context, 'no snapshot passes the filters')
            const listed = shown.map(({ row }) => listedSnapshot(repository, row))
            if (all.length < every.length)
              stderrNote(
                context,
                `${plural(every.length - all.length, 'snapshot')} of archived WAL left out: --wal lists them too`,
              )
            context.stdout.write(
              context.globals.json
                ? renderSnapshotsJson(listed)
                : renderSnapshots(listed, { withSources: context.globals.verbosity > 0 }),
            )
          }),
        ),
      )
  },
}
