/** `snap ls`: lists what a snapshot holds. */

import type { ListedEntry as FoundEntry } from '../../ops/list.ts'
import { list } from '../../ops/list.ts'
import { whileThere } from '../../ops/overtaken.ts'
import { chooseSnapshot, type SnapshotOptions } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { listedSnapshot } from '../listed-snapshot.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { type ListedEntry, renderEntry, renderEntryJson, renderLsHeadJson } from '../render/ls.ts'
import { openChosen } from '../repository.ts'

type Options = SnapshotOptions & { readonly long: boolean; readonly recursive: boolean }

export const lsCommand: CommandModule = {
  register(program, run) {
    program
      .command('ls')
      .description('list what a snapshot holds')
      .argument('[snapshot]', 'latest, an id or its beginning', 'latest')
      .argument('[path]', 'a directory or file of the snapshot', '/')
      .option('-l, --long', 'with mode, owner, size and time', false)
      .option('-R, --recursive', 'with everything below', false)
      .option('--at <time>', 'the state at a moment')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .addHelpText('after', '\nExamples:\n  $ snap ls latest /home/me -l\n  $ snap ls --at yesterday -R')
      .action(run<[string, string, Options]>(inRepository(lsAction)))
  },
}

async function lsAction(
  context: CommandContext,
  text: string,
  path: string,
  options: Options,
): Promise<void> {
  await using repository = await openChosen(context)
  const choice = chooseSnapshot(context, repository, text, options)
  const { globals, stdout, signal } = context
  using progress = progressOf({ ...context, globals: { ...globals, progress: false } })
  if (globals.json) stdout.write(renderLsHeadJson(listedSnapshot(repository, choice.row)))
  const request = { root: choice.row.root, path, recursive: options.recursive }
  const ports = { progress: progress.on.bind(progress), signal }
  await whileThere(repository, choice.id, async () => {
    for await (const found of list(repository, request, ports)) {
      const entry = listed(found)
      stdout.write(globals.json ? renderEntryJson(entry) : renderEntry(entry, options.long))
    }
  })
}

function listed({ path, entry, user, group }: FoundEntry): ListedEntry {
  return {
    path,
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    user,
    group,
    size: entry.size,
    mtimeSec: entry.mtimeSec,
    mtimeNsec: entry.mtimeNsec,
    ctimeSec: entry.ctimeSec,
    ctimeNsec: entry.ctimeNsec,
    inode: entry.inode,
    linkTarget: entry.target,
    major: entry.device?.major,
    minor: entry.device?.minor,
  }
}
