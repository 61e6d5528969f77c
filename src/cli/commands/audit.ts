/** `snap audit`: prints the log as a trail, and checks it. */
import { SnapError } from '../../model/errors.ts'
import { parseMoment } from '../../ops/parse-moment.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import type { CommandModule } from '../program.ts'
import {
  renderAuditedEntry,
  renderAuditedEntryJson,
  renderAuditSummary,
  renderAuditSummaryJson,
} from '../render/audit.ts'
import { openChosen } from '../repository.ts'

type Options = { readonly since?: string; readonly limit?: string }

export const auditCommand: CommandModule = {
  register(program, run) {
    program
      .command('audit')
      .description('show who did what, and check that the log is whole')
      .option('--since <time>', 'only entries from this time on, by the clocks of those who wrote them')
      .option('--limit <count>', 'only the last so many')
      .addHelpText(
        'after',
        `
Oldest first. The whole log is checked, whatever is shown: its chain, its signatures, what each key may do, and that it
is what this machine has seen. Exit status 4: something is broken.

Examples:
  $ snap audit
  $ snap audit --since "2 days ago" --json`,
      )
      .action(run<[Options]>(inRepository(auditAction)))
  },
}

async function auditAction(context: CommandContext, options: Options): Promise<void> {
  const { audit } = await import('../../ops/audit/audit.ts')
  const limit = limitOf(options.limit)
  const sinceMs =
    options.since === undefined
      ? undefined
      : parseMoment(options.since, { now: context.clock.now(), edge: 'first' })
  await using repository = await openChosen(context)
  const { globals, stdout, signal } = context
  const render = globals.json
    ? renderAuditedEntryJson
    : (entry: Parameters<typeof renderAuditedEntry>[0]) => renderAuditedEntry(entry)
  const report = await audit(
    repository,
    { sinceMs, limit },
    {
      entry: (entry) => {
        if (globals.json || !globals.quiet) stdout.write(render(entry))
      },
      signal,
    },
  )
  if (globals.json) stdout.write(renderAuditSummaryJson(report))
  else if (!globals.quiet || report.brokenTotal > 0) stdout.write(renderAuditSummary(report))
  if (report.brokenTotal > 0) {
    throw new SnapError('OBJECT_DAMAGED', `the log is broken: ${plural(report.brokenTotal, 'finding')}`, {
      hint: 'Find out who could write there. Bring entries that are missing or another back from a copy of the repository; `snap verify` says what is affected.',
    })
  }
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit > 0) return limit
  throw new SnapError('USAGE', `"${text}" is not a number of entries`, { hint: 'Give 1 or more.' })
}
