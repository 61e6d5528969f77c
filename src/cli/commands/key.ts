/** `snap key`: the passwords and key files that open a repository. */

import { hostname } from 'node:os'
import type { SlotSecret } from '../../keys/slot.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { noting } from '../noting.ts'
import { stderrWarning } from '../output/notes.ts'
import { askNewSecret, chooseSecret } from '../password.ts'
import type { CommandModule } from '../program.ts'
import { type ListedSlot, renderKeyList, renderKeyListJson } from '../render/key-list.ts'
import { openChosen, openWithSecret, secretSources, slotSecret, writeKeyFile } from '../repository.ts'

type NewKeyOptions = {
  readonly newKeyFile?: string
  readonly newPasswordFile?: string
  readonly name?: string
}

/** Between the kind and the machine, in the name of a key that nobody named. */
const GIVEN_NAME = ' made on '

export const keyCommand: CommandModule = {
  register(program, run) {
    const key = program
      .command('key')
      .description('the passwords and key files that open the repository')
      .addHelpText(
        'after',
        '\nExamples:\n  $ snap key list\n  $ snap key add --new-key-file /media/usb/backup.key',
      )
    key
      .command('list')
      .description('list the keys; * marks the one in use')
      .addHelpText('after', '\nExample:\n  $ snap key list')
      .action(run<[object]>(inRepository(listAction)))
    key
      .command('add')
      .description('add a password or a key file')
      .option('--new-key-file <file>', 'make a key file there; otherwise a password is asked for')
      .option('--new-password-file <file>', 'take the new password from a file')
      .option('--name <name>', 'a name for the key')
      .addHelpText(
        'after',
        '\nExamples:\n  $ snap key add\n  $ snap key add --new-key-file /media/usb/backup.key',
      )
      .action(run<[NewKeyOptions]>(inRepository(addAction)))
    key
      .command('remove')
      .description('remove a key; whoever has copied the repository can still use it on the copy')
      .argument('<id>', 'its id or the beginning, from `snap key list`')
      .option('--even-in-use', 'also where it is the key that opens the repository now', false)
      .addHelpText('after', '\nExample:\n  $ snap key remove 1a2b3c4d')
      .action(run<[string, { readonly evenInUse: boolean }]>(inRepository(removeAction)))
    key
      .command('passwd')
      .description('put a new password or key file in the place of the one in use')
      .option('--new-key-file <file>', 'make a key file there; otherwise a password is asked for')
      .option('--new-password-file <file>', 'take the new password from a file')
      .option('--name <name>', 'a name for the key')
      .addHelpText('after', '\nExample:\n  $ snap key passwd')
      .action(run<[NewKeyOptions]>(inRepository(passwdAction)))
  },
}

async function listAction(context: CommandContext): Promise<void> {
  const { listKeys } = await import('../../ops/keys.ts')
  const { repository, secret } = await openWithSecret(context)
  await using _ = repository
  const slots = await listKeys(repository, secret)
  for (const { id, damage } of slots)
    if (damage !== undefined) stderrWarning(context, `key ${id} is damaged: ${damage}`)
  const listed = slots.flatMap((slot): ListedSlot[] =>
    slot.kind === undefined
      ? []
      : [
          {
            id: slot.id,
            kind: slot.kind,
            current: slot.inUse,
            role: slot.role,
            name: slot.name,
            created: slot.createdMs,
          },
        ],
  )
  context.stdout.write(context.globals.json ? renderKeyListJson(listed) : renderKeyList(listed))
}

async function newKey(context: CommandContext, repository: Repository, options: NewKeyOptions) {
  const { newKeyFile, newPasswordFile } = options
  const secret =
    newKeyFile === undefined
      ? await newPassword(context, newPasswordFile)
      : await writeKeyFile(newKeyFile, repository.id)
  return { secret, name: options.name ?? `${secret.kind}${GIVEN_NAME}${hostname()}` }
}

/** `KEY_MISSING` names the options that say what the new one is: those for the secret that opens the repository were given. */
async function newPassword(context: CommandContext, file: string | undefined): Promise<SlotSecret> {
  const sources = secretSources(context)
  const hint =
    'Give --new-password-file FILE or --new-key-file FILE, or run this at a terminal. Nothing was changed.'
  if (file === undefined) {
    if (sources.terminal !== undefined) return slotSecret(await askNewSecret(sources))
    throw new SnapError('KEY_MISSING', 'there is nobody to ask for the new password', { hint })
  }
  try {
    const env = { SNAP_PASSWORD_FILE: file }
    return await slotSecret(await chooseSecret({ ...sources, keyFile: undefined, env }))
  } catch (cause) {
    if (!hasCode(cause, 'KEY_MISSING')) throw cause
    throw new SnapError('KEY_MISSING', cause.message, { hint, cause })
  }
}

function refuseBoth({ newKeyFile, newPasswordFile }: NewKeyOptions): void {
  if (newKeyFile === undefined || newPasswordFile === undefined) return
  throw new SnapError('USAGE', '--new-key-file and --new-password-file were both given', {
    hint: 'Give one of them; each key is added by itself.',
  })
}

async function addAction(context: CommandContext, options: NewKeyOptions): Promise<void> {
  refuseBoth(options)
  const { addKey } = await import('../../ops/keys.ts')
  await using repository = await openChosen(context)
  const key = await newKey(context, repository, options)
  const id = await noting(
    context,
    repository,
    { operation: 'key add' },
    () => addKey(repository, key),
    (added) => ({
      result: 'ok',
      slots: { added },
    }),
  )
  say(context, `key ${id.slice(0, 8)} added`, { message_type: 'key_added', id })
}

async function removeAction(
  context: CommandContext,
  id: string,
  options: { readonly evenInUse: boolean },
): Promise<void> {
  const { removeKey } = await import('../../ops/keys.ts')
  await using repository = await openChosen(context)
  const request = { id, evenInUse: options.evenInUse }
  const operate = (): ReturnType<typeof removeKey> => removeKey(repository, request)
  const removed = await noting(context, repository, { operation: 'key remove' }, operate, (slot) => ({
    result: 'ok',
    slots: { removed: slot },
  }))
  say(context, `key ${removed.slice(0, 8)} removed`, { message_type: 'key_removed', id: removed })
}

/** A name that somebody gave to the key stays. */
async function passwdAction(context: CommandContext, options: NewKeyOptions): Promise<void> {
  refuseBoth(options)
  const { changeKey, listKeys } = await import('../../ops/keys.ts')
  const { repository, secret } = await openWithSecret(context)
  await using _ = repository
  const name = options.name ?? (await listKeys(repository, secret)).find(({ inUse }) => inUse)?.name
  const named = name === undefined || name.includes(GIVEN_NAME) ? options : { ...options, name }
  const key = await newKey(context, repository, named)
  const operate = (): ReturnType<typeof changeKey> => changeKey(repository, key)
  const { added, removed } = await noting(
    context,
    repository,
    { operation: 'key passwd' },
    operate,
    (slots) => ({
      result: 'ok',
      slots,
    }),
  )
  say(context, `key ${added.slice(0, 8)} in the place of ${removed.slice(0, 8)}`, {
    message_type: 'key_changed',
    id: added,
    removed,
  })
}

function say({ globals, stdout }: CommandContext, sentence: string, json: object): void {
  if (globals.json) stdout.write(`${JSON.stringify(json)}\n`)
  else if (!globals.quiet) stdout.write(`${sentence}\n`)
}
