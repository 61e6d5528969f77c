/** `snap stats`: how much a repository holds and what it takes. */
import { inRepository } from '../in-repository.ts'
import type { CommandModule } from '../program.ts'
import { renderStats, renderStatsJson } from '../render/stats.ts'
import { openChosen } from '../repository.ts'

export const statsCommand: CommandModule = {
  register(program, run) {
    program
      .command('stats')
      .description('say how much the repository holds and what it takes')
      .addHelpText('after', '\nExample:\n  $ snap stats')
      .action(
        run<[object]>(
          inRepository(async (context) => {
            const { stats } = await import('../../ops/stats.ts')
            await using repository = await openChosen(context)
            const report = await stats(repository)
            const { data, tree } = report.packs
            const summary = {
              snapshots: report.snapshots,
              series: report.series,
              packs: data.packs + tree.packs,
              chunks: data.chunks + tree.chunks,
              bytesRestorable: report.bytesInSnapshots,
              bytesUnique: data.plainBytes + tree.plainBytes,
              deltaSegments: data.deltas.segments + tree.deltas.segments,
              bytesInDeltas: data.deltas.plainBytes + tree.deltas.plainBytes,
              bytesOfDeltas: data.deltas.storedBytes + tree.deltas.storedBytes,
              bytesSaved: data.deltas.savedBytes + tree.deltas.savedBytes,
              bytesStored: data.bytes + tree.bytes,
              bytesUnreferenced: report.bytesUnreferenced,
              bytesOther: report.bytesStored - data.bytes - tree.bytes - report.bytesUnreferenced,
            }
            context.stdout.write(context.globals.json ? renderStatsJson(summary) : renderStats(summary))
          }),
        ),
      )
  },
}
