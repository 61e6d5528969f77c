/** `snap manifest rebuild`: makes the local database anew from the repository. */
import type { RebuildReport } from '../../ops/rebuild-manifest.ts'
import { inRepository } from '../in-repository.ts'
import { humanCount, humanDuration, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrNote } from '../output/notes.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { chosenPorts, chosenSecret } from '../repository.ts'

export const manifestCommand: CommandModule = {
  register(program, run) {
    const manifest = program
      .command('manifest')
      .description('the local database')
      .addHelpText('after', '\nExample:\n  $ snap manifest rebuild')
    manifest
      .command('rebuild')
      .description('make the local database anew, from the repository and the key alone')
      .option(
        '--accept-rollback',
        'also where the repository lacks log entries that this machine has seen',
        false,
      )
      .addHelpText('after', '\nExample:\n  $ snap manifest rebuild')
      .action(
        run<[{ readonly acceptRollback: boolean }]>(
          inRepository(async (context, { acceptRollback }) => {
            const { rebuildManifest } = await import('../../ops/rebuild-manifest.ts')
            const ports = await chosenPorts(context)
            const secret = await chosenSecret(context)
            using progress = progressOf(context)
            const report = await rebuildManifest(
              ports,
              secret,
              { acceptRollback },
              {
                progress: progress.on.bind(progress),
                signal: context.signal,
              },
            )
            await ports.storage[Symbol.asyncDispose]()
            progress.close()
            const { globals, stdout } = context
            if (globals.json) {
              stdout.write(rebuiltJson(report))
            } else if (!globals.quiet) {
              stdout.write(
                `${plural(report.snapshots, 'snapshot')}, ${plural(report.packs, 'pack')}, ${plural(report.trees, 'directory', 'directories')} with ${humanCount(report.entries)} entries in ${humanDuration(report.durationMs)}\n`,
              )
            }
            if (report.treesLeftOut > 0 || report.indexProblems > 0) {
              stderrNote(context, 'parts of the repository could not be read; `snap verify` says which')
            }
          }),
        ),
      )
  },
}

function rebuiltJson(report: RebuildReport): string {
  const { snapshots, indexes, packs, trees, entries } = report
  return jsonLine({
    message_type: 'rebuilt',
    snapshots,
    log_entries: report.logEntries,
    indexes,
    packs,
    trees,
    entries,
    trees_left_out: report.treesLeftOut,
    index_problems: report.indexProblems,
    total_duration: report.durationMs / 1000,
  })
}
