/** `snap dump`: a file of a snapshot, or a directory as an archive, to standard output. */
import { once } from 'node:events'
import { stdout as processStdout } from 'node:process'
import { SnapError } from '../../model/errors.ts'
import { chooseSnapshot, type SnapshotOptions } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { openChosen } from '../repository.ts'

type Options = SnapshotOptions & { readonly archive: string }

export const ARCHIVES = ['tar', 'zip'] as const

export const dumpCommand: CommandModule = {
  register(program, run) {
    program
      .command('dump')
      .description('write a file, or a directory as tar or ZIP, to standard output')
      .argument('<snapshot>', 'latest, an id or its beginning')
      .argument('<path>', 'a file or directory of the snapshot')
      .option('-a, --archive <format>', `${ARCHIVES.join(' or ')}, for directories`, 'tar')
      .option('--at <time>', 'the state at a moment (with the snapshot "latest")')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .addHelpText(
        'after',
        `
Exit status 3: the archive lacks something, which a warning names.

Examples:
  $ snap dump latest /etc/fstab
  $ snap dump latest /home/me --archive zip > me.zip
  $ snap dump --at yesterday latest /srv | tar -x -C /tmp`,
      )
      .action(run<[string, string, Options]>(inRepository(dumpAction)))
  },
}

async function dumpAction(
  context: CommandContext,
  text: string,
  path: string,
  options: Options,
): Promise<void> {
  const archive = ARCHIVES.find((known) => known === options.archive)
  if (archive === undefined) {
    throw new SnapError('USAGE', `unknown archive format "${options.archive}"`, {
      hint: `Choose ${ARCHIVES.join(' or ')}.`,
    })
  }
  const { dump } = await import('../../ops/dump/dump.ts')
  const { whileThere } = await import('../../ops/overtaken.ts')
  await using repository = await openChosen(context)
  const choice = chooseSnapshot(context, repository, text, options)
  const { globals, signal } = context
  // Standard output is the file: nothing else may go there.
  using progress = progressOf({ ...context, globals: { ...globals, json: false } })
  const ports = { progress: progress.on.bind(progress), signal }
  const lacking = await whileThere(repository, choice.id, async () => {
    const { bytes, lacking } = await dump(repository, { root: choice.row.root, path, archive }, ports)
    for await (const block of bytes) {
      if (!processStdout.write(block)) await once(processStdout, 'drain')
    }
    return lacking()
  })
  if (lacking === 0) return
  throw new SnapError(
    'INCOMPLETE',
    `the archive lacks ${plural(lacking, 'entry', 'entries')}, or parts of them`,
    {
      hint: 'The warnings above name each. Everything else is in the archive.',
    },
  )
}
