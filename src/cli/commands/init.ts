/** `snap init`: makes a repository. */
import { assert } from '../../base/assert.ts'
import { parseSize } from '../../base/sizes.ts'
import { SnapError } from '../../model/errors.ts'
import type { CommandContext } from '../context.ts'
import { repositoryContext } from '../in-repository.ts'
import { variable } from '../locations.ts'
import { chooseSecret } from '../password.ts'
import type { CommandModule } from '../program.ts'
import { createWithKeyFile, createWithPassword, placeOf, secretSources } from '../repository.ts'

type Options = { readonly chunkSize?: string }

export const initCommand: CommandModule = {
  register(program, run) {
    program
      .command('init')
      .description('make a repository')
      .option(
        '--chunk-size <size>',
        'average chunk of ordinary files, 4k to 256k (a power of two); fixed for ever',
        '16k',
      )
      .addHelpText(
        'after',
        `
With --key-file, a new key file is written there and opens the repository; otherwise a password does.
Without --repo and without a password, the default repository and its key file are made. With a configuration, --repo can be a name
in it, and without --repo the one that its jobs save into is made, which is opened as it says there.

Examples:
  $ snap init
  $ snap init --repo /mnt/backup/snap
  $ snap init --repo /mnt/backup/snap --key-file ~/keys/backup.key
  $ snap init --repo offsite`,
      )
      .action(
        run<[Options]>(async (outer, options) => {
          const context = await repositoryContext(outer, { isNew: true })
          const place = placeOf(context)
          const chunkBytes = chunkBytesOf(options.chunkSize)
          const keyFile =
            context.globals.keyFile ??
            (place.isDefault && !hasPassword(context.env) ? context.locations.keyFile : undefined)
          if (keyFile !== undefined) {
            await using repository = await createWithKeyFile(context, place.path, keyFile, chunkBytes)
            report(context, { repository: place.path, id: repository.id, key_file: keyFile })
            return
          }
          refuseOldKeyFile(context)
          const secret = await chooseSecret(secretSources(context))
          assert(secret.kind === 'password', 'no key file was named')
          await using repository = await createWithPassword(context, place.path, secret.bytes, chunkBytes)
          report(context, { repository: place.path, id: repository.id })
        }),
      )
  },
}

/** One that is exported is the key of another repository. */
function refuseOldKeyFile({ env }: CommandContext): void {
  const file = variable(env, 'SNAP_KEY_FILE')
  if (file === undefined) return
  throw new SnapError('USAGE', `a new repository takes a new key, and SNAP_KEY_FILE names ${file}`, {
    hint: 'Name a new file with --key-file FILE, or unset SNAP_KEY_FILE to open it by a password.',
  })
}

function chunkBytesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const bytes = parseSize(text)
  if (bytes < 4096 || bytes > 262_144 || !Number.isInteger(Math.log2(bytes))) {
    throw new SnapError('USAGE', `"${text}" is not an average chunk size`, {
      hint: 'Choose a power of two from 4k to 256k; 16k is the default.',
    })
  }
  return bytes
}

function hasPassword(env: Readonly<Record<string, string | undefined>>): boolean {
  return ['SNAP_PASSWORD', 'SNAP_PASSWORD_FILE', 'SNAP_PASSWORD_COMMAND'].some(
    (name) => (env[name] ?? '') !== '',
  )
}

function report(
  { globals, stdout }: CommandContext,
  result: { repository: string; id: string; key_file?: string },
): void {
  if (globals.json) stdout.write(`${JSON.stringify({ message_type: 'initialized', ...result })}\n`)
}
